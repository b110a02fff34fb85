"""Arms that work a parent over a horizon: B0 to B3, and terms of B3 on and off. B4 is in hindsight.py.

Slices begin on one grid in every arm. What did not fill by posting is crossed at a slice's end, or carried to the last
slice's.
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
from loadtests.arms.crossing import complete, cross, rest_dark
from loadtests.arms.desk import Desk, Means, fair_ticks, follow, plan
from loadtests.arms.protocol import NS, Protocol
from loadtests.arms.takers import router_of

CANCEL_NS = 200_000_000  # before a slice's end what rests is canceled, so that the crossing is within the slice
MOST_PPM = 100_000.0


@dataclass(frozen=True, slots=True)
class Way:
    """How an arm works its slices. `home`: the one venue of arms that know one. `terms`: those of B3 that it uses:

    placement: a slice rests over all venues, not at home only. reprice: a post follows the touch away from us. fair: a
    post stands no nearer than `fair_edge_ticks` to the worst mid of all venues, nor before the crowd's touch. carry:
    what did not fill, up to `carry_frac` of the parent, rests on in the next slice. schedule: shortfall. disguise: of
    what is due. rest_dark: a part rests in a dark venue. estimates, dark, dealer: how it crosses.
    """

    means: Means
    home: int
    terms: frozenset[str] = frozenset()
    is_posting: bool = True


@dataclass(slots=True)
class Work:
    """One parent under way."""

    desk: Desk
    way: Way
    beliefs: Beliefs
    protocol: Protocol
    seed: int
    start_ns: int = field(init=False)
    main: int = field(init=False)  # where most of the slice rests

    def __post_init__(self) -> None:
        self.start_ns = self.desk.market.now_ns
        self.main = self.way.home


def way_of(arm: str, terms: frozenset[str], desk: Desk, beliefs: Beliefs, protocol: Protocol) -> Way:
    """The way of an arm; `terms` count for B2 and B3, which differ in nothing else."""
    belief, cap = protocol.beliefs, int(protocol.beliefs["cap_bps"])
    home = next(v for v, spec in enumerate(desk.market.specs) if spec.venue == belief["home"])
    if arm in {"B0", "B1"}:
        means = Means(router_of("A3"), (home,), cap_bps=cap)
        return Way(means, home, is_posting=arm == "B1")
    means = Means(
        router_of("A5"),
        desk.lit,
        beliefs.estimates(desk.market, desk.sign, int(belief["refill_ppm"])) if "estimates" in terms else {},
        is_dark_first="dark" in terms,
        is_dealer_asked="dealer" in terms,
        leak_ppm=float(belief["leak_ppm"]),
        cap_bps=cap,
    )
    return Way(means, home, terms)


def work_parent(desk: Desk, arm: str, terms: frozenset[str], beliefs: Beliefs, protocol: Protocol, seed: int) -> None:
    """Works the desk's parent from now over the horizon, then completes it by force."""
    work = Work(desk, way_of(arm, terms, desk, beliefs, protocol), beliefs, protocol, seed)
    due = _due_by_slice(work)
    for k, due_now in enumerate(due):
        end_ns = work.start_ns + (k + 1) * protocol.slice_ns
        desk.wait(work.start_ns + k * protocol.slice_ns)
        need = due_now - desk.filled_lots
        if need > 0:
            _work_slice(work, need, end_ns, is_last=k == len(due) - 1)
    complete(desk, work.way.means, desk.market.now_ns + int(protocol.worlds["complete_s"] * NS))


def _work_slice(work: Work, need: int, end_ns: int, *, is_last: bool) -> None:
    desk, way = work.desk, work.way
    target = desk.filled_lots + need
    if way.is_posting:
        resting = 0
        if "rest_dark" in way.terms:
            resting = rest_dark(desk, round(need * work.protocol.beliefs["rest_dark_frac"]))
        if need > resting:
            crossing = _post(work, need - resting)
            if crossing:
                cross(desk, way.means, crossing, 1)
        _watch(work, end_ns - CANCEL_NS, target)
        desk.clear()
    if not is_last and "carry" in way.terms:
        target -= int(work.protocol.beliefs["carry_frac"] * desk.total_lots)
    if target > desk.filled_lots:
        cross(desk, way.means, target - desk.filled_lots, int(work.protocol.parents["taker_waves"]))


def _due_by_slice(work: Work) -> list[int]:
    """Lots that are due at the end of each slice, by the product's slicer, and by its disguise where there is one."""
    desk, protocol = work.desk, work.protocol
    parameters = _parameters(work)
    n = parameters.terms.n_slices
    begins = [work.start_ns + k * protocol.slice_ns for k in range(n)]
    if "disguise" not in work.way.terms:
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
    if "schedule" not in work.way.terms:
        return TwapParameters(terms)
    impact = ImpactBelief(CostLaw.SQUARE_ROOT, protocol.beliefs["impact_ppm"], beliefs.volume_lots_per_s)
    spent = protocol.beliefs["risk_frac"] * beliefs.cross_ppm
    variance = beliefs.sigma_ppm_sqrt_s**2 * protocol.parents["horizon_s"] / 3
    return ShortfallParameters(terms, impact, beliefs.sigma_ppm_sqrt_s, spent / (variance * desk.total_lots))


def _post(work: Work, need: int) -> int:
    """Posts a slice at the touch, or where it is fair; returns lots that are to be crossed at once."""
    if "placement" not in work.way.terms:
        _rest(work, work.way.home, need)
        return 0
    problem = _problem(work, need)
    if problem is None:
        return 0
    places, posed = problem
    placement = place(posed, int(work.protocol.beliefs["n_draws"]))
    left = need
    work.main = places[int(np.argmax(placement.limit_units))]
    for v, wanted in sorted(zip(places, placement.limit_units, strict=True), key=lambda one: -one[1]):
        lots = min(wanted, left)
        if lots > 0:
            left -= _rest(work, v, lots)
    return min(left, placement.market_units)


def _rest(work: Work, venue_i: int, lots: int) -> int:
    """Posts so much at one venue; returns what was sent."""
    desk = work.desk
    touch = desk.touch(venue_i)
    if touch is None:
        return 0
    price = touch[0]
    if "fair" in work.way.terms:
        price = fair_ticks(desk, price, float(work.protocol.beliefs["fair_edge_ticks"]))
    desk.send(Order(venue_i, desk.sign, price, lots, Force.POST_ONLY))
    return lots


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


def _watch(work: Work, until_ns: int, target_lots: int) -> None:
    """Until then; posts are moved as the arm's terms say, and what a venue refused is posted again."""
    desk, terms, belief = work.desk, work.way.terms, work.protocol.beliefs
    step_ns = int(belief["look_s" if "fair" in terms else "reprice_s"] * NS)
    edge = float(belief["fair_edge_ticks"]) if "fair" in terms else None
    while terms & {"fair", "reprice"} and desk.filled_lots < target_lots and desk.market.now_ns + step_ns < until_ns:
        desk.wait(desk.market.now_ns + step_ns)
        follow(desk, edge, is_following="reprice" in terms)
        missing = target_lots - desk.filled_lots - sum(sent.left_lots for sent in desk.open.values())
        if missing > 0:
            _rest(work, work.main, missing)
    desk.wait(until_ns)


assert MOST_PPM < MAX_UNITS
