"""`bestex calibrate`: fits impact and slippage on recordings, judges both walking forward, and says what it is worth.

Parents are marketable orders of fixed quote sizes at an even spacing. Each is priced on the book received by its
arrival, against the mid of its decision; the parts of a slower one find what its earlier parts took still taken.
Nothing recorded reacts to us, so this is the cost of arriving late, not of being seen.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final, Protocol

import numpy as np
import numpy.typing as npt

from app.domain.calibration import Calibration, CoverageRow, SkillRow, SymbolCalibration, Urgency
from app.domain.enums import Side
from app.domain.errors import BadRequest
from app.domain.instrument import Symbol
from app.domain.recorded import RecordedMarket, Recording
from app.domain.units import NANO
from app.kernels import slippage as kernel
from app.kernels.status import OK
from app.learning.calibrate import URGENCIES, Judged, Samples, fit_slippage, samples_of, walk_forward
from app.learning.impact import FlowSeries, fit_impact
from app.learning.slippage import N_PARTS, PART_EVERY_S, next_variance
from app.services.replay_market import Market, SourceBoard
from app.services.replay_stats import autocorrelation_time
from app.shm.books import SymbolBooks

Float64Array = npt.NDArray[np.float64]

MS: Final = 1_000_000
SIZES_USD: Final = (50_000, 100_000, 250_000, 500_000, 1_000_000)
DELAYS_MS: Final = (5, 50, 100, 250)
STEP_NS: Final = 100 * MS  # of the grid on which volatility and flow are measured
SPACING_NS: Final = 500 * MS
MAX_INSTANTS: Final = 20_000
FIRST_AFTER_NS: Final = 5_000 * MS
LAST_BEFORE_NS: Final = 2_000 * MS
VOLATILITY_MEMORY_S: Final = 10.0
# A mid that has not moved yet still has a volatility, only an unknown small one.
MIN_SIGMA_PPM: Final = 1e-3
# Fewer parents than these cannot be split into what is learned and what is tested.
MIN_INSTANTS: Final = 60
N_REPLICATIONS: Final = 1_000
SEED: Final = 20240808
WITHIN_REACH: Final = "within reach"
DAY_NS: Final = 86_400 * 10**9
_PART_NS: Final = round(PART_EVERY_S * 1000) * MS


class Builder(Protocol):
    """Makes the board that recorded events are written to."""

    def board(self, listings: Sequence[tuple[str, str]]) -> SourceBoard: ...


@dataclass(frozen=True, slots=True)
class Measured:
    """One market's samples and flow. `n_short`: parents that the displayed book could not fill."""

    market: RecordedMarket
    samples: Samples
    flow: FlowSeries
    n_days: int
    n_short: int
    last_ts_ns: int


@dataclass(slots=True)
class _Parent:
    """One instant's parents, both sides and all sizes, while their arrivals are still to come."""

    at_ns: int
    mid_units: float
    sigma: float
    parts_units: Float64Array  # float64[N_PARTS * n_sizes]: what is taken after each part
    features: dict[int, Float64Array]
    costs: dict[tuple[int, int], Float64Array] = field(default_factory=dict)  # by (side, offset in ms)


def calibrate(recording: Recording, builder: Builder, symbol: str = "") -> Calibration:
    """Every market of `symbol` (a coin, a symbol, empty for all); raises BadRequest where nothing can be fitted."""
    markets = [m for m in recording.markets if symbol in ("", m.symbol.name, m.symbol.fungible.base)]
    if not markets:
        names = ", ".join(sorted({m.symbol.name for m in recording.markets}))
        raise BadRequest("unknown_symbol", f"{symbol} is not recorded; there are {names}")
    measured = [measure(recording, market, builder) for market in markets]
    last_ns = max(m.last_ts_ns for m in measured)
    return Calibration(
        source="; ".join(sorted({m.source for m in markets})),
        as_of=datetime.fromtimestamp(last_ns / 1e9, tz=UTC).date().isoformat(),
        digest=recording.digest,
        symbols=tuple(judge(m) for m in measured),
    )


def measure(recording: Recording, market: RecordedMarket, builder: Builder) -> Measured:
    """Replays one market once: parents at even spacing, and its flow on a grid."""
    first_ns, last_ns = recording.span_ns(market)
    start_ns, end_ns = first_ns + FIRST_AFTER_NS, last_ns - LAST_BEFORE_NS
    spacing_ns = max(SPACING_NS, (end_ns - start_ns) // MAX_INSTANTS // STEP_NS * STEP_NS)
    instants = range(start_ns, end_ns, spacing_ns)
    name = f"{market.instrument.venue} {market.symbol.name}"
    if len(instants) < MIN_INSTANTS:
        raise BadRequest("recording_too_short", f"{name}: {len(instants)} instants, {MIN_INSTANTS} are needed")
    listing = (market.instrument.venue, market.symbol.name)
    walker = _Walker(market.symbol, Market(market.symbol.name, [recording.events(market)], builder.board([listing])))
    rows, n_short = walker.run(start_ns, end_ns, instants)
    samples = samples_of(rows, tuple(delay / 1000 for delay in DELAYS_MS))
    n_priced = len(np.unique(samples.parent))
    if n_priced < MIN_INSTANTS:
        raise BadRequest(
            "recording_too_short", f"{name}: {n_priced} instants could be priced, {MIN_INSTANTS} are needed"
        )
    trades = [(t.received_ts_ns, t.side.sign * t.notional_nano) for t in recording.trades(market)]
    flow = walker.flow(trades)
    if not flow.flow_nano.any():
        raise BadRequest("no_flow", f"{name}: nothing was traded and no best quote changed")
    return Measured(
        market=market,
        samples=samples,
        flow=flow,
        n_days=len({at_ns // DAY_NS for at_ns in instants}),
        n_short=n_short,
        last_ts_ns=instants[-1],
    )


class _Walker:
    """One pass over a market: books at each instant and arrival, mids and touches on the grid between them."""

    def __init__(self, symbol: Symbol, market: Market) -> None:
        self._symbol = symbol
        self._market = market
        self._grid_ns: list[int] = []
        self._touch: list[tuple[float, float, float, float]] = []  # bid, quantity, ask, quantity
        self._variance = 0.0

    def run(self, start_ns: int, end_ns: int, instants: range) -> tuple[Float64Array, int]:
        """Rows for samples_of, and how many parents the displayed book could not fill."""
        offsets = sorted({delay + part * _PART_NS // MS for delay in DELAYS_MS for part in range(N_PARTS)})
        grid = range(start_ns - start_ns % STEP_NS, end_ns, STEP_NS)
        times = sorted({*grid, *instants, *(at + offset * MS for at in instants for offset in offsets)})
        waiting: list[_Parent] = []
        rows: list[Float64Array] = []
        n_instants, n_short = 0, 0
        for now_ns in times:
            self._market.advance(now_ns)
            books = self._market.read()
            if books.is_gapped[0] or not books.n_levels[0].all():
                continue  # who arrives now is not priced, and nothing moves until a book is known again
            if now_ns % STEP_NS == 0:
                self._look(now_ns, books)
            for parent in waiting:
                self._arrive(parent, (now_ns - parent.at_ns) // MS, offsets, books)
            while waiting and waiting[0].at_ns + offsets[-1] * MS <= now_ns:
                found = _rows_of(waiting.pop(0), n_instants, start_ns)
                n_short += int(np.isnan(found).any(axis=1).sum())
                rows.append(found)
                n_instants += 1
            if now_ns in instants and len(self._touch) > 1:
                waiting.append(self._decide(now_ns, books))
        empty = np.empty((0, 5 + kernel.N_FEATURES + 2), dtype=np.float64)
        return np.concatenate(rows) if rows else empty, n_short

    def flow(self, trades: Sequence[tuple[int, int]]) -> FlowSeries:
        """Moves of the mid and signed flow on the grid: of trades where the recording has them, else at the touch."""
        touch = np.array(self._touch, dtype=np.float64).reshape(-1, 4)
        mid = 0.5 * (touch[:, 0] + touch[:, 2])
        # A step over a hole in the recording says nothing about a step.
        is_even = np.diff(np.array(self._grid_ns, dtype=np.int64)) == STEP_NS
        move_ppm = np.diff(np.log(mid)) * 1e6 * is_even
        if not trades:
            flow = _touch_flow(touch) * is_even * self._value_of_unit(float(mid.mean())) if mid.size else np.empty(0)
            return FlowSeries(STEP_NS / 1e9, move_ppm, flow, "order flow at the touch")
        at_ns, notional = np.array(trades, dtype=np.int64).T
        step = np.searchsorted(np.array(self._grid_ns), at_ns) - 1
        is_inside = (step >= 0) & (step < move_ppm.size)
        traded = np.bincount(step[is_inside], notional[is_inside].astype(np.float64), move_ppm.size)
        return FlowSeries(STEP_NS / 1e9, move_ppm, traded * is_even, "trades")

    def _look(self, now_ns: int, books: SymbolBooks) -> None:
        price, qty = books.price_units[0, :, 0], books.qty_units[0, :, 0]
        touch = (float(price[0]), float(qty[0]), float(price[1]), float(qty[1]))
        if self._touch:
            before = self._touch[-1]
            move_ppm = float(np.log((touch[0] + touch[2]) / (before[0] + before[2]))) * 1e6
            passed_s = (now_ns - self._grid_ns[-1]) / 1e9
            self._variance = next_variance(self._variance, move_ppm, passed_s, VOLATILITY_MEMORY_S)
        self._touch.append(touch)
        self._grid_ns.append(now_ns)

    def _value_of_unit(self, mid_units: float) -> float:
        """Quote nano of one unit of quantity."""
        per_unit: float = 10.0**-self._symbol.qty_scale
        fungible = self._symbol.fungible
        if fungible.is_inverse:
            return per_unit * fungible.multiplier_nano
        scale: float = 10.0**self._symbol.price_scale
        return per_unit * mid_units / scale * fungible.multiplier_nano

    def _decide(self, now_ns: int, books: SymbolBooks) -> _Parent:
        mid_units = 0.5 * float(books.price_units[0, 0, 0] + books.price_units[0, 1, 0])
        wanted = np.array([size * NANO / self._value_of_unit(mid_units) for size in SIZES_USD], dtype=np.float64)
        parts = np.concatenate([wanted * (part + 1) / N_PARTS for part in range(N_PARTS)])
        features = {side.sign: self._walk(books, side.sign, 0.0, wanted) for side in Side}
        return _Parent(now_ns, mid_units, max(float(np.sqrt(self._variance)), MIN_SIGMA_PPM), parts, features)

    def _arrive(self, parent: _Parent, offset_ms: int, offsets: Sequence[int], books: SymbolBooks) -> None:
        if offset_ms not in offsets:
            return
        for side in Side:
            found = self._walk(books, side.sign, parent.mid_units, parent.parts_units)
            parent.costs[side.sign, offset_ms] = found[:, kernel.WALK_PPM].reshape(N_PARTS, -1)

    def _walk(self, books: SymbolBooks, side: int, reference_units: float, wanted: Float64Array) -> Float64Array:
        out = np.empty((wanted.size, kernel.N_FEATURES), dtype=np.float64)
        found = kernel.book_features(
            books.price_units[0],
            books.qty_units[0],
            books.n_levels[0],
            side,
            self._symbol.fungible.is_inverse,
            reference_units,
            wanted,
            out,
        )
        assert found == OK
        return out


def _rows_of(parent: _Parent, number: int, start_ns: int) -> Float64Array:
    """One row per delay, urgency, side and size."""
    blocks = []
    for delay_i, delay in enumerate(DELAYS_MS):
        for urgency_i, urgency in enumerate(URGENCIES):
            for side, features in parent.features.items():
                n = features.shape[0]
                head = ((parent.at_ns - start_ns) / 1e9, number, delay_i * len(URGENCIES) + urgency_i, side)
                cost = _cost(parent, side, delay, urgency, n)
                blocks.append(
                    np.column_stack([np.tile(head, (n, 1)), np.arange(n), features, np.full(n, parent.sigma), cost])
                )
    return np.concatenate(blocks)


def _cost(parent: _Parent, side: int, delay_ms: int, urgency: Urgency, n_sizes: int) -> Float64Array:
    """Average cost of the whole in ppm; NaN where an arrival's book was short or absent."""
    missing = np.full((N_PARTS, n_sizes), np.nan)
    if urgency is Urgency.NOW:
        whole: Float64Array = parent.costs.get((side, delay_ms), missing)[N_PARTS - 1]
        return whole
    total = np.zeros(n_sizes)
    for part in range(N_PARTS):
        cost = parent.costs.get((side, delay_ms + part * _PART_NS // MS), missing)
        # What the earlier parts took stays taken: this part is the walk to its end less the walk to its start.
        total += (part + 1) / N_PARTS * cost[part]
        if part:
            total -= part / N_PARTS * cost[part - 1]
    return total


def _touch_flow(touch: Float64Array) -> Float64Array:
    """Order flow imbalance at the best quotes from one look to the next (Cont, Kukanov, Stoikov 2014), in units."""
    bid, bid_qty, ask, ask_qty = touch.T
    bids = np.where(bid[1:] >= bid[:-1], bid_qty[1:], 0.0) - np.where(bid[1:] <= bid[:-1], bid_qty[:-1], 0.0)
    asks = np.where(ask[1:] <= ask[:-1], ask_qty[1:], 0.0) - np.where(ask[1:] >= ask[:-1], ask_qty[:-1], 0.0)
    flow: Float64Array = bids - asks
    return flow


def judge(measured: Measured) -> SymbolCalibration:
    """The parameters of everything measured, and the record of laws that never saw what they were tested on."""
    judged = walk_forward(measured.samples)
    return SymbolCalibration(
        symbol=measured.market.symbol.name,
        venue=measured.market.instrument.venue,
        n_days=measured.n_days,
        n_parents=judged.samples.n,
        impact=fit_impact(measured.flow),
        slippage=fit_slippage(measured.samples),
        coverage=tuple(_coverage(judged)),
        skill=tuple(_skill(judged)),
    )


def _coverage(judged: Judged) -> Iterator[CoverageRow]:
    samples = judged.samples
    yield _coverage_row(judged, "all", "all", np.ones(samples.n, dtype=np.bool_))
    yield _coverage_row(judged, "reach", WITHIN_REACH, ~samples.is_beyond)
    yield _coverage_row(judged, "reach", "extrapolated", samples.is_beyond)
    for i, size in enumerate(SIZES_USD):
        yield _coverage_row(judged, "size", f"{size:,}", samples.size == i)
    for side in Side:
        yield _coverage_row(judged, "side", side.value, samples.side == side.sign)
    for i, delay in enumerate(DELAYS_MS):
        yield _coverage_row(judged, "delay", f"{delay} ms", samples.cell // len(URGENCIES) == i)
    for i, urgency in enumerate(URGENCIES):
        yield _coverage_row(judged, "urgency", urgency.value, samples.cell % len(URGENCIES) == i)
    for name, values in (
        ("spread", samples.features[:, kernel.HALF_SPREAD_PPM]),
        ("volatility", samples.sigma_ppm_sqrt_s),
    ):
        low, high = np.quantile(values, (1 / 3, 2 / 3)).tolist()
        yield _coverage_row(judged, name, "low", values <= low)
        yield _coverage_row(judged, name, "middle", (values > low) & (values <= high))
        yield _coverage_row(judged, name, "high", values > high)


def _coverage_row(judged: Judged, dimension: str, bucket: str, mask: npt.NDArray[np.bool_]) -> CoverageRow:
    n = int(mask.sum())
    if n == 0:
        return CoverageRow(dimension, bucket, 0, 0.0, 0.0, 0.0, 0.0)
    return CoverageRow(
        dimension=dimension,
        bucket=bucket,
        n=n,
        n_eff=_n_eff(_by_parent(judged.samples.parent[mask], judged.within90[mask].astype(np.float64))),
        within50_frac=float(judged.within50[mask].mean()),
        within90_frac=float(judged.within90[mask].mean()),
        extrapolated_frac=float(judged.samples.is_beyond[mask].mean()),
    )


def _by_parent(parent: npt.NDArray[np.int64], values: Float64Array) -> Float64Array:
    """Mean per instant, in time: rows of one instant share its books and count as one."""
    _, place = np.unique(parent, return_inverse=True)
    means: Float64Array = np.bincount(place, values) / np.bincount(place)
    return means


def _n_eff(series: Float64Array) -> float:
    return series.size / autocorrelation_time(series)


def _skill(judged: Judged) -> Iterator[SkillRow]:
    """Losses are means per instant, and instants resampled in blocks of at least two autocorrelation times."""
    beyond = judged.samples.is_beyond
    for scope, mask in (("all", np.ones_like(beyond)), (WITHIN_REACH, ~beyond)):
        parent = judged.samples.parent[mask]
        if not parent.size:
            continue
        own = _by_parent(parent, judged.loss_ppm[mask])
        for rival, losses in (("constant", judged.constant_loss_ppm), ("constant_by_cell", judged.cell_loss_ppm)):
            theirs = _by_parent(parent, losses[mask])
            n_eff = _n_eff(own - theirs)
            low, high = _skill_interval(own, theirs, n_eff)
            yield SkillRow(rival, scope, _skill_of(own, theirs), low, high, int(parent.size), n_eff)


def _skill_of(own: Float64Array, theirs: Float64Array) -> float:
    """0 where the rival never misses: nothing can be better, and a market that stands still makes both so."""
    total = float(theirs.sum())
    return 1.0 - float(own.sum()) / total if total > 0 else 0.0


def _skill_interval(own: Float64Array, theirs: Float64Array, n_eff: float) -> tuple[float, float]:
    """95 % interval of 1 - loss / rival's loss by a moving block bootstrap."""
    from arch.bootstrap import MovingBlockBootstrap

    block = min(max(1, int(np.ceil(2 * own.size / n_eff))), max(1, own.size // 2))
    bootstrap = MovingBlockBootstrap(block, own, theirs, seed=np.random.default_rng(SEED))
    skills = bootstrap.apply(lambda a, b: np.array([_skill_of(a, b)]), N_REPLICATIONS)
    low, high = np.quantile(np.asarray(skills), (0.025, 0.975)).tolist()
    return low, high
