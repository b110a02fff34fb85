"""Arms that work a parent over a horizon: B0 to B3, and B3 with one term off. B4 is in hindsight.py.

Slices begin on one grid in every arm and are complete at their ends: what did not fill by posting is crossed there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from app.domain.enums import Side
from app.domain.schedule import (
    CostLaw,
    ImpactBelief,
    ScheduleParameters,
    ScheduleTerms,
    Seen,
    ShortfallParameters,
    TwapParameters,
)
from app.domain.units import MAX_UNITS
from app.execution import slicer
from app.execution.disguise import Bounds, Crowd, Window, disguise, due_lots
from app.execution.schedules.shortfall import planned_shares
from app.routing.placement import PlacementProblem, Queue, place
from app.venues.markets.port import Force, Order
from loadtests.arms.beliefs import Beliefs
from loadtests.arms.desk import Desk, Means, complete, cross, plan
from loadtests.arms.protocol import NS, Protocol
from loadtests.arms.takers import router_of

CANCEL_NS = 200_000_000  # before a slice's end what rests is canceled, so that the crossing is within the slice
MOST_PPM = 100_000.0


@dataclass(frozen=True, slots=True)
class Way:
    """How an arm works its slices. `home`: the one venue of arms that know one."""

    means: Means
    home: int
    is_posting: bool = True
    is_placing: bool = False
    is_repricing: bool = False
    is_shortfall: bool = False
    is_disguised: bool = False


@dataclass(slots=True)
class Work:
    """One parent under way."""

    desk: Desk
    way: Way
    beliefs: Beliefs
    protocol: Protocol
    seed: int
    start_ns: int = field(init=False)

    def __post_init__(self) -> None:
        self.start_ns = self.desk.market.now_ns


def way_of(arm: str, off: str, desk: Desk, beliefs: Beliefs, protocol: Protocol) -> Way:
    """The way of an arm; `off` names the term that an ablation of B3 leaves out."""
    belief, cap = protocol.beliefs, int(protocol.beliefs["cap_bps"])
    home = next(v for v, spec in enumerate(desk.market.specs) if spec.venue == belief["home"])
    if arm in {"B0", "B1"}:
        means = Means(router_of("A3"), (home,), cap_bps=cap)
        return Way(means, home, is_posting=arm == "B1")
    if arm == "B2":
        return Way(Means(router_of("A5"), desk.lit, cap_bps=cap), home)
    estimates = beliefs.estimates(desk.market, desk.sign, int(belief["refill_ppm"])) if off != "estimates" else {}
    means = Means(router_of("A5"), desk.lit, estimates, is_dark_first=off != "dark", cap_bps=cap)
    return Way(
        means,
        home,
        is_placing=off != "placement",
        is_repricing=off != "reprice",
        is_shortfall=off != "schedule",
        is_disguised=off != "disguise",
    )


def work_parent(desk: Desk, arm: str, off: str, beliefs: Beliefs, protocol: Protocol, seed: int) -> None:
    """Works the desk's parent from now over the horizon, then completes it by force."""
    work = Work(desk, way_of(arm, off, desk, beliefs, protocol), beliefs, protocol, seed)
    due = _due_by_slice(work)
    for k, due_now in enumerate(due):
        end_ns = work.start_ns + (k + 1) * protocol.slice_ns
        desk.wait(work.start_ns + k * protocol.slice_ns)
        need = due_now - desk.filled_lots
        if need > 0:
            _work_slice(work, need, end_ns)
    complete(desk, work.way.means, desk.market.now_ns + int(protocol.worlds["complete_s"] * NS))


def _work_slice(work: Work, need: int, end_ns: int) -> None:
    desk, way = work.desk, work.way
    target = desk.filled_lots + need
    if way.is_posting:
        crossing = _post(work, need)
        if crossing:
            cross(desk, way.means, crossing, 1)
        _watch(work, end_ns - CANCEL_NS)
        desk.clear()
    if target > desk.filled_lots:
        cross(desk, way.means, target - desk.filled_lots, int(work.protocol.parents["taker_waves"]))


def _due_by_slice(work: Work) -> list[int]:
    """Lots that are due at the end of each slice, by the product's slicer, and by its disguise where there is one."""
    desk, protocol = work.desk, work.protocol
    parameters = _parameters(work)
    n = parameters.terms.n_slices
    begins = [work.start_ns + k * protocol.slice_ns for k in range(n)]
    if not work.way.is_disguised:
        progress, due = slicer.begin(desk.total_lots, Seen(work.start_ns)), []
        for at_ns in begins:
            progress, _ = slicer.release(parameters, progress, Seen(at_ns))
            due.append(progress.released_lots)
        return due
    weights: tuple[int, ...] = ()
    if isinstance(parameters, ShortfallParameters):
        shares = np.diff([0.0, *planned_shares(parameters, desk.total_lots, protocol.horizon_ns)])
        weights = tuple(int(x) for x in np.round(shares * 1e6))
    end_ns = work.start_ns + protocol.horizon_ns
    crowd = Crowd(work.beliefs.sizes_lots, work.beliefs.trades_per_s * protocol.parents["horizon_s"])
    bounds = Bounds(tolerance_ppm=int(protocol.beliefs["disguise_band_ppm"]))
    clips = disguise(work.seed, desk.total_lots, Window(work.start_ns, end_ns, weights), crowd, bounds)
    return [due_lots(clips, at_ns + protocol.slice_ns - 1) for at_ns in begins[:-1]] + [desk.total_lots]


def _parameters(work: Work) -> ScheduleParameters:
    desk, protocol, beliefs = work.desk, work.protocol, work.beliefs
    side = Side.BUY if desk.sign > 0 else Side.SELL
    end_ns = work.start_ns + protocol.horizon_ns
    terms = ScheduleTerms(side, work.start_ns, end_ns, protocol.slice_ns)
    if not work.way.is_shortfall:
        return TwapParameters(terms)
    impact = ImpactBelief(CostLaw.SQUARE_ROOT, protocol.beliefs["impact_ppm"], beliefs.volume_lots_per_s)
    spent = protocol.beliefs["risk_frac"] * beliefs.cross_ppm
    variance = beliefs.sigma_ppm_sqrt_s**2 * protocol.parents["horizon_s"] / 3
    return ShortfallParameters(terms, impact, beliefs.sigma_ppm_sqrt_s, spent / (variance * desk.total_lots))


def _post(work: Work, need: int) -> int:
    """Posts a slice at the touch; returns lots that are to be crossed at once."""
    desk, way = work.desk, work.way
    if not way.is_placing:
        touch = desk.touch(way.home)
        if touch is not None:
            desk.send(Order(way.home, desk.sign, touch[0], need, Force.POST_ONLY))
        return 0
    problem = _problem(work, need)
    if problem is None:
        return 0
    places, posed = problem
    placement = place(posed, int(work.protocol.beliefs["n_draws"]))
    left = need
    for v, wanted in sorted(zip(places, placement.limit_units, strict=True), key=lambda one: -one[1]):
        touch, lots = desk.touch(v), min(wanted, left)
        if lots > 0 and touch is not None:
            desk.send(Order(v, desk.sign, touch[0], lots, Force.POST_ONLY))
            left -= lots
    return min(left, placement.market_units)


def _problem(work: Work, need: int) -> tuple[Sequence[int], PlacementProblem] | None:
    """The placement of `need` on what is seen and believed. All gains are against the mid, so no common half spread."""
    desk, beliefs = work.desk, work.beliefs
    mid = desk.mid_half_ticks() / 2
    orders, cross_ppm = plan(desk, work.way.means, need)
    if not mid or not orders:
        return None
    cross_ppm = min(max(cross_ppm, 1.0), MOST_PPM)
    places, queues = [], []
    for v in desk.lit:
        touch = desk.touch(v)
        if touch is None:
            continue
        spec = desk.market.specs[v]
        gain_ppm = desk.sign * (mid - touch[0]) / mid * 1e6 - spec.maker_fee_ppm - float(beliefs.adverse_ppm[v])
        places.append(v)
        queues.append(Queue(spec.venue, float(touch[1]), gain_ppm, np.ascontiguousarray(beliefs.outflow_lots[v])))
    if not queues:
        return None
    over_ppm = 10 * MOST_PPM  # more than the parent is never sent
    return places, PlacementProblem(need, 0.0, cross_ppm, 0.0, cross_ppm, over_ppm, tuple(queues))


def _watch(work: Work, until_ns: int) -> None:
    """Until then; a post that the touch has left is moved to it, where the arm re-prices."""
    desk, step_ns = work.desk, int(work.protocol.beliefs["reprice_s"] * NS)
    while work.way.is_repricing and desk.market.now_ns + step_ns < until_ns:
        desk.wait(desk.market.now_ns + step_ns)
        for number, sent in list(desk.open.items()):
            touch = desk.touch(sent.venue_i)
            if touch is None or desk.sign * (touch[0] - sent.price_ticks) <= 0:
                continue
            desk.market.cancel(number)
            desk.settle([number])
            if sent.left_lots > 0:
                desk.send(Order(sent.venue_i, desk.sign, touch[0], sent.left_lots, Force.POST_ONLY))
    desk.wait(until_ns)


assert MOST_PPM < MAX_UNITS
