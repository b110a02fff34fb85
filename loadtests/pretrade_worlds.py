"""Parents worked in the three families of simulated markets: what was known before each, and what it cost.

Simulated, and called so. Every parent goes through the service's own schedules (execution/slicer.py); slices are shared
over the chosen venues by price with fee on the books as received, and cross at once. What stays unfilled ten seconds
after the end counts at the closing mid, as the service's own cost report has it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from app.domain.enums import Side, Strategy
from app.domain.pretrade import MANY, CostAsk
from app.domain.schedule import (
    CostLaw,
    ImpactBelief,
    PovParameters,
    ScheduleParameters,
    ScheduleTerms,
    Seen,
    ShortfallParameters,
    TwapParameters,
    VwapParameters,
)
from app.execution import slicer
from app.learning.pretrade import Levels, held_s, look
from app.learning.pretrade_fit import Sample
from app.venues.markets.families import FAMILIES
from app.venues.markets.port import Force, Order, Told, VenueKind
from app.venues.markets.spec import read_world
from app.venues.markets.world import Markets

S: Final = 1_000_000_000
LOOK_NS: Final = S // 4
WARM_S, MEMORY_S, MOVE_S = 90, 300, 5
SWEEPS_A_ROUND: Final = 4
SPANS_S: Final = (30, 60, 120)
IN_TIME: Final = (Strategy.TWAP, Strategy.VWAP, Strategy.POV, Strategy.SHORTFALL)
# Sizes: a sweep's of what is displayed within 5 bps; a schedule's of what trades meanwhile.
SWEEP_OF_SHOWN: Final = (0.02, 1.0)
SCHEDULE_OF_VOLUME: Final = (0.01, 0.4)
FAR_FRAC: Final = 0.02
REST_S, LONG_REST_S = 3, 10


@dataclass(slots=True)
class Desk:
    """One world with a desk in it: what it has seen of mids and trades, and its own fills."""

    market: Markets
    lit: tuple[int, ...] = ()
    mids_bps: deque[float] = field(default_factory=lambda: deque(maxlen=MEMORY_S + 1))
    lots_by_s: deque[int] = field(default_factory=lambda: deque(maxlen=MEMORY_S))
    others_lots: int = 0
    filled_lots: int = 0
    money_ticks: float = 0.0
    flying: dict[int, int] = field(default_factory=dict)
    _own_trades: set[int] = field(default_factory=set)
    _second: int = 0
    _mark_lots: int = 0
    _sign: int = 1

    def __post_init__(self) -> None:
        specs = self.market.specs
        self.lit = tuple(v for v, spec in enumerate(specs) if spec.kind is VenueKind.LIT)

    def advance(self, until_ns: int) -> None:
        """On to `until_ns`, writing down mid and volume once a second."""
        while self._second * S <= until_ns:
            self.market.advance(self._second * S)
            self.read()
            mid = self.mid_ticks(self.lit)
            if mid:
                self.mids_bps.append(float(np.log(mid)) * 1e4)
            self.lots_by_s.append(self.others_lots - self._mark_lots)
            self._mark_lots = self.others_lots
            self._second += 1
        self.market.advance(until_ns)
        self.read()

    def read(self) -> None:
        """Takes in what has reached us."""
        for report in self.market.reports():
            if report.told is Told.FILLED:
                self._own_trades.add(report.trade)
                self.filled_lots += report.lots
                self.money_ticks += report.price_half_ticks / 2 * report.lots
                self.money_ticks += report.fee_utick_lots * 1e-6 * self._sign
            if report.told is Told.FILLED and report.left_lots:
                self.flying[report.number] = report.left_lots
            elif report.told in {Told.FILLED, Told.CANCELED, Told.REJECTED}:
                self.flying.pop(report.number, None)
        for trade in self.market.trades():
            if trade.sign and trade.trade not in self._own_trades:
                self.others_lots += trade.lots

    def begin(self, sign: int) -> None:
        self._sign, self.filled_lots, self.money_ticks = sign, 0, 0.0
        self.flying.clear()

    def mid_ticks(self, venues: Sequence[int]) -> float:
        """Median mid of the venues' books as received; 0 without any."""
        views = [self.market.view(v) for v in venues]
        mids = [(view.bids[0][0] + view.asks[0][0]) / 2 for view in views if view.bids and view.asks]
        return float(np.median(mids)) if mids else 0.0

    def levels(self, venues: Sequence[int], sign: int) -> Levels:
        """The far side of the venues' books as received, with their fees."""
        views = [self.market.view(v) for v in venues]
        row, far = (1 if sign > 0 else 0), [view.asks if sign > 0 else view.bids for view in views]
        shape = (len(views), 2, max((len(side) for side in far), default=0) or 1)
        price, qty, counts = np.zeros(shape, np.int64), np.zeros(shape, np.int64), np.zeros(shape[:2], np.int64)
        for v, side in enumerate(far):
            counts[v, row] = len(side)
            for i, (tick, lots) in enumerate(side):
                price[v, row, i], qty[v, row, i] = tick, lots
        fees = np.array([float(self.market.specs[v].taker_fee_ppm) for v in venues])
        is_open = np.array([not view.is_halted and bool(view.bids) and bool(view.asks) for view in views])
        return Levels(price, qty, counts, fees, is_open)

    def _far(self, venues: Sequence[int], sign: int) -> list[tuple[int, int, int]]:
        """(venue, tick, lots) of each level displayed on the far side; of halted and one-sided books none."""
        views = [(v, self.market.view(v)) for v in venues]
        sides = [(v, seen.asks if sign > 0 else seen.bids) for v, seen in views if not seen.is_halted]
        whole = {v for v, seen in views if seen.bids and seen.asks}
        return [(v, tick, lots) for v, side in sides if v in whole for tick, lots in side]

    def sigma_bps(self) -> float:
        """Of a root second, by overlapping moves of MOVE_S over what is remembered."""
        mids = np.array(self.mids_bps)
        moves = mids[MOVE_S:] - mids[:-MOVE_S]
        return float(np.sqrt(max((moves**2).mean(), 1e-4) / MOVE_S))

    def lots_per_s(self) -> float:
        return max(float(np.mean(self.lots_by_s)), 1e-3)

    def cross(self, venues: Sequence[int], sign: int, wanted_lots: int) -> None:
        """Shares `wanted_lots` over the venues by price with fee, each an IOC far beyond the touch."""
        rows = sorted(
            (sign * tick * (1.0 + sign * self.market.specs[v].taker_fee_ppm * 1e-6), v, tick, lots)
            for v, tick, lots in self._far(venues, sign)
        )
        if not rows:
            return
        left, shares = wanted_lots, dict.fromkeys(venues, 0)
        for _, v, _, displayed in rows:
            take = min(left, displayed)
            shares[v] += take
            left -= take
        _, best, touch, _ = rows[0]
        shares[best] += left
        limit = round(touch * (1.0 + sign * FAR_FRAC))
        for v, lots in shares.items():
            if lots:
                self.flying[self.market.send(Order(v, sign, limit, lots, Force.IOC))] = lots


@dataclass(frozen=True, slots=True)
class Wish:
    """A parent as it will be worked. `span_ns` 0: at once."""

    strategy: Strategy
    sign: int
    lots: int
    venue: str
    span_ns: int


def parameters(desk: Desk, wish: Wish, now_ns: int) -> ScheduleParameters:
    """The schedule's own parameters; a sweep is a TWAP of one slice."""
    n_slices = 12 if wish.span_ns else 1
    span_ns = wish.span_ns or LOOK_NS
    side = Side.BUY if wish.sign > 0 else Side.SELL
    terms = ScheduleTerms(side, now_ns, now_ns + span_ns, span_ns // n_slices)
    match wish.strategy:
        case Strategy.VWAP:
            return VwapParameters(terms, (4, 3, 2, 2, 3, 4))
        case Strategy.POV:
            rate = wish.lots / (desk.lots_per_s() * 0.8 * span_ns / S)
            return PovParameters(terms, min(max(round(rate * 1e6), 1), 1_000_000))
        case Strategy.SHORTFALL:
            sigma_ppm = desk.sigma_bps() * 100.0
            belief = ImpactBelief(CostLaw.SQUARE_ROOT, 100.0, desk.lots_per_s())
            aversion = 300.0 / (sigma_ppm**2 * span_ns / S * wish.lots)
            return ShortfallParameters(terms, belief, sigma_ppm, aversion)
        case _:
            return TwapParameters(terms)


def planned_lots(found: ScheduleParameters, wish: Wish, now_ns: int) -> list[tuple[float, float]]:
    """(seconds from now, lots) as planned; of a POV, even over the time that the usual volume needs."""
    if isinstance(found, PovParameters):
        n = found.terms.n_slices
        return [(k * found.terms.slice_ns * 0.8 / S, wish.lots / n) for k in range(n)]
    progress, plan = slicer.begin(wish.lots, Seen(now_ns)), []
    for k in range(found.terms.n_slices):
        at_ns = found.terms.start_ns + k * found.terms.slice_ns
        progress, lots = slicer.release(found, progress, Seen(at_ns))
        if lots:
            plan.append(((at_ns - now_ns) / S, float(lots)))
    return plan


def ask_of(desk: Desk, wish: Wish, venues: Sequence[int], found: ScheduleParameters, now_ns: int) -> CostAsk:
    """What the service would know before it takes the parent."""
    plan = planned_lots(found, wish, now_ns)
    seen = look(desk.levels(venues, wish.sign), wish.sign, desk.mid_ticks(desk.lit), float(wish.lots), len(plan))
    assert seen is not None, "a wish is made where something is displayed"
    span_s = plan[-1][0] if wish.span_ns else 0.0
    return CostAsk(
        strategy=wish.strategy,
        venue=wish.venue,
        walk_bps=seen.walk_bps,
        touch_bps=seen.touch_bps,
        used_frac=seen.used_frac,
        sigma_bps_sqrt_s=desk.sigma_bps(),
        held_s=held_s(plan, wish.lots),
        duration_s=span_s,
    )


def work(desk: Desk, wish: Wish) -> tuple[CostAsk, float]:
    """(what was known before, all-in cost in bps against the class mid then)."""
    now_ns, market = desk.market.now_ns, desk.market
    names = {spec.venue: v for v, spec in enumerate(market.specs)}
    venues = desk.lit if wish.venue == MANY else (names[wish.venue],)
    found = parameters(desk, wish, now_ns)
    asked, arrival = ask_of(desk, wish, venues, found, now_ns), desk.mid_ticks(desk.lit)
    desk.begin(wish.sign)
    base_lots, end_ns = desk.others_lots, now_ns + wish.span_ns
    progress = slicer.begin(wish.lots, Seen(now_ns))
    while desk.filled_lots < wish.lots and market.now_ns < end_ns + 10 * S:
        progress = slicer.settle(progress, desk.filled_lots + sum(desk.flying.values()))
        seen = Seen(market.now_ns, desk.others_lots - base_lots)
        if isinstance(found, PovParameters) and market.now_ns >= end_ns:
            break
        progress, lots = slicer.release(found, progress, seen)
        if lots:
            desk.cross(venues, wish.sign, lots)
        due_ns = found.terms.slice_end_ns(market.now_ns)
        desk.advance(market.now_ns + LOOK_NS if desk.flying or due_ns <= market.now_ns else due_ns)
    left = wish.lots - desk.filled_lots
    closing = desk.mid_ticks(desk.lit) or arrival
    money = desk.money_ticks + left * closing
    return asked, wish.sign * (money / (wish.lots * arrival) - 1.0) * 1e4


def samples_of(family: str, seed: int, n_rounds: int) -> list[Sample]:
    """One world with hidden numbers of its own, and its parents in turn: sweeps, then a schedule, `n_rounds` times."""
    one = FAMILIES[family]
    desk = Desk(one.make(read_world(one.path), seed, seed))
    rng = np.random.default_rng((seed, sum(family.encode())))
    desk.advance(WARM_S * S)
    names = [desk.market.specs[v].venue for v in desk.lit]
    found: list[Sample] = []
    for _ in range(n_rounds):
        for k in range(SWEEPS_A_ROUND + 1):
            wish = _wish(desk, names, rng, is_sweep=k < SWEEPS_A_ROUND)
            if wish is not None:
                asked, cost_bps = work(desk, wish)
                found.append(Sample(f"{family}-{seed}", family, asked, cost_bps))
            desk.advance(desk.market.now_ns + (REST_S if k < SWEEPS_A_ROUND else LONG_REST_S) * S)
    return found


def _wish(desk: Desk, names: Sequence[str], rng: np.random.Generator, *, is_sweep: bool) -> Wish | None:
    """The next parent; None where its venue shows nothing: a halted one takes no parent."""
    sign, size = int(rng.choice((-1, 1))), float(rng.random())
    venue = str(rng.choice([*names, MANY] if is_sweep else (names[0], MANY)))
    strategy = Strategy.SWEEP if is_sweep else IN_TIME[int(rng.integers(len(IN_TIME)))]
    span_ns = 0 if is_sweep else int(rng.choice(SPANS_S)) * S
    levels = desk.levels(desk.lit if venue == MANY else (desk.lit[names.index(venue)],), sign)
    seen = look(levels, sign, desk.mid_ticks(desk.lit), 1.0, 1)
    if seen is None:
        return None
    if is_sweep:
        lots = _between(SWEEP_OF_SHOWN, size) * seen.shown_units
    else:
        lots = _between(SCHEDULE_OF_VOLUME, size) * desk.lots_per_s() * span_ns / S
    return Wish(strategy, sign, max(1, round(lots)), venue, span_ns)


def _between(bounds: tuple[float, float], frac: float) -> float:
    low, high = np.log(bounds)
    return float(np.exp(low + frac * (high - low)))
