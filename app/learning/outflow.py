"""What queues at the touch have lost, as a queue of our length would have lost it.

Each (venue, symbol, side) keeps its newest trades and looks at its book. A queue of given length that was joined at a
look's touch is followed to the end of its time: trades at its price or beyond take from it first, and never is more
before us than is shown there, scaled to our length (where a cancel moves an order on). Nothing else is known of who
cancels, so what is told is at most what was lost. Where the other side comes to its price it is met at once. Pure:
what is seen goes in, integers come out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt

from app.domain.book import Level
from app.domain.enums import Side
from app.domain.units import PPM

N_QUANTILES: Final = 16
N_LOOKS: Final = 2_048
N_TRADES: Final = 8_192
DEPTH: Final = 6
# Windows that are looked at, evenly over what is remembered: enough for the quantiles, few enough for a turn.
N_WINDOWS: Final = 32
# The looks must span so many windows that do not overlap, and be so many, before anything is believed of them.
LEAST_SPANS: Final = 8
LEAST_LOOKS: Final = 20
# The signed flow is that of so long, and says nothing of fewer trades.
FLOW_NS: Final = 10_000_000_000
LEAST_FLOW_TRADES: Final = 20

Int64 = npt.NDArray[np.int64]
Float64 = npt.NDArray[np.float64]
# A look: when, the other side's best price and quantity (0, 0: none), then DEPTH prices and DEPTH quantities (0: none).
_NS, _FAR_PRICE, _FAR_QTY, _LEVELS = 0, 1, 2, 3


@dataclass(slots=True)
class _Ring:
    """The newest rows of integers, oldest first."""

    rows: Int64
    n: int = 0

    def add(self, row: Sequence[int]) -> None:
        self.rows[self.n % len(self.rows)] = row
        self.n += 1

    @property
    def is_full(self) -> bool:
        return self.n > len(self.rows)

    def newest(self) -> Int64:
        size = len(self.rows)
        if self.n <= size:
            return self.rows[: self.n]
        return np.roll(self.rows, -(self.n % size), axis=0)


@dataclass(slots=True)
class QueueLosses:
    """One side of one venue's book of one symbol. Single writer; times must not fall.

    `is_moved_by_cancels`: whether an order moves on when another before it is canceled.
    """

    side: Side
    is_moved_by_cancels: bool = True
    _trades: _Ring = field(default_factory=lambda: _Ring(np.zeros((N_TRADES, 3), dtype=np.int64)))
    _looks: _Ring = field(default_factory=lambda: _Ring(np.zeros((N_LOOKS, _LEVELS + 2 * DEPTH), dtype=np.int64)))

    def trade(self, ts_ns: int, price_units: int, qty_units: int) -> None:
        """A trade that took from this side."""
        self._trades.add((ts_ns, price_units, qty_units))

    def look(self, ts_ns: int, levels: Sequence[Level], far: Level) -> None:
        """The book of this instant: this side's levels, best first, and the other side's best ((0, 0): none)."""
        kept = [*levels[:DEPTH], *[(0, 0)] * (DEPTH - len(levels))]
        self._looks.add((ts_ns, *far, *(price for price, _ in kept), *(qty for _, qty in kept)))

    def forget_looks(self) -> None:
        """As if no book had been seen; trades stay."""
        self._looks = _Ring(np.zeros_like(self._looks.rows))

    @property
    def n_looks(self) -> int:
        return self._looks.n

    def quantiles_units(self, horizon_ns: int, ahead_units: int) -> tuple[int, ...]:
        """What a queue of `ahead_units` at the touch, and we behind it, lose within `horizon_ns`: N_QUANTILES quantiles
        at (i + 1/2) / n, rising; what is beyond `ahead_units` would have been ours.

        Empty where too little was seen: fewer than LEAST_LOOKS windows, or less than LEAST_SPANS times the horizon.
        """
        looks, trades = self._looks.newest(), self._trades.newest()
        first = 0
        if self._trades.is_full:
            first = int(np.searchsorted(looks[:, _NS], trades[0, _NS]))
        last = int(np.searchsorted(looks[:, _NS], looks[-1, _NS] - horizon_ns, side="right")) if len(looks) else 0
        if last - first < LEAST_LOOKS or looks[last - 1, _NS] - looks[first, _NS] < (LEAST_SPANS - 1) * horizon_ns:
            return ()
        starts = np.linspace(first, last - 1, min(N_WINDOWS, last - first)).astype(np.int64)
        starts = starts[looks[starts, _LEVELS] > 0]
        if len(starts) < LEAST_LOOKS:
            return ()
        lost = np.sort(self._lost(looks, trades, starts, horizon_ns, ahead_units))
        levels = (np.arange(N_QUANTILES) + 0.5) / N_QUANTILES
        return tuple(int(lost[int(level * len(lost))]) for level in levels)

    def _lost(self, looks: Int64, trades: Int64, starts: Int64, horizon_ns: int, ahead_units: int) -> Float64:
        """What a queue joined at each of the looks `starts` had lost a horizon later. float64[n starts]."""
        until_ns, own_units = looks[starts, _NS] + horizon_ns, looks[starts, _LEVELS]
        ends = np.searchsorted(looks[:, _NS], until_ns, side="right")
        n_steps = int((ends - starts).max())
        traded = np.zeros((n_steps, len(starts)))
        for w, (start, end) in enumerate(zip(starts.tolist(), ends.tolist(), strict=True)):
            span = trades[slice(*np.searchsorted(trades[:, _NS], (looks[start, _NS], until_ns[w]), side="right"))]
            met = span[self.side.sign * (span[:, 1] - own_units[w]) <= 0]
            step = np.searchsorted(looks[start + 1 : end, _NS], met[:, _NS])
            traded[: end - start, w] = np.bincount(step, weights=met[:, 2], minlength=end - start)
        left, ours = np.full(len(starts), float(ahead_units)), np.zeros(len(starts))
        scale = ahead_units / np.maximum(1, looks[starts, _LEVELS + DEPTH])
        for j in range(n_steps):
            ours += np.maximum(0.0, traded[j] - left)
            left = np.maximum(0.0, left - traded[j])
            is_seen = starts + 1 + j < ends
            rows = looks[np.minimum(starts + 1 + j, len(looks) - 1)]
            left = np.where(is_seen, np.minimum(left, self._bound(rows, own_units, scale)), left)
            is_met = is_seen & (rows[:, _FAR_PRICE] > 0) & (self.side.sign * (rows[:, _FAR_PRICE] - own_units) <= 0)
            left = np.where(is_met, 0.0, left)
            ours = np.where(is_met, np.maximum(ours, rows[:, _FAR_QTY]), ours)
        found: Float64 = ahead_units - left + ours
        return found

    def _bound(self, rows: Int64, own_units: Int64, scale: Float64) -> Float64:
        """At most so much is before us: what each look shows at a price, scaled; none where it is deeper than seen."""
        if not self.is_moved_by_cancels:
            return np.full(len(rows), np.inf)
        prices, qtys = rows[:, _LEVELS : _LEVELS + DEPTH], rows[:, _LEVELS + DEPTH :]
        there = np.where(prices == own_units[:, None], qtys, 0).sum(axis=1)
        worst = np.where(prices > 0, self.side.sign * prices, np.iinfo(np.int64).max).min(axis=1)
        found: Float64 = np.where((self.side.sign * own_units < worst) & (prices[:, 0] > 0), np.inf, there * scale)
        return found

    def taken(self, now_ns: int) -> tuple[int, int]:
        """(units, trades) that took from this side within FLOW_NS."""
        trades = self._trades.newest()
        recent = trades[np.searchsorted(trades[:, _NS], now_ns - FLOW_NS, side="right") :]
        return int(recent[:, 2].sum()), len(recent)


@dataclass(slots=True)
class Outflows:
    """All queues of one process, by (venue, symbol, side of the book). Single writer.

    `moved_by_cancels`: venues where a cancel before an order moves it on; None: all.
    """

    moved_by_cancels: frozenset[str] | None = None
    _queues: dict[tuple[str, str, Side], QueueLosses] = field(default_factory=dict)

    def queue(self, venue: str, symbol: str, side: Side) -> QueueLosses:
        """The losses of one queue, born at the first question."""
        found = self._queues.get((venue, symbol, side))
        if found is None:
            is_moved = self.moved_by_cancels is None or venue in self.moved_by_cancels
            found = self._queues[(venue, symbol, side)] = QueueLosses(side, is_moved)
        return found

    def quantiles_units(
        self, venue: str, symbol: str, side: Side, horizon_ns: int, ahead_units: int
    ) -> tuple[int, ...]:
        """As QueueLosses has it; empty where nobody has looked."""
        known = self._queues.get((venue, symbol, side))
        return known.quantiles_units(horizon_ns, ahead_units) if known is not None else ()

    def forget_looks(self, symbol: str) -> None:
        """As if no book of `symbol` had been seen."""
        for (_, known, _), queue in self._queues.items():
            if known == symbol:
                queue.forget_looks()

    def against_ppm(self, venue: str, symbol: str, side: Side, now_ns: int) -> int:
        """Signed flow of the last FLOW_NS at a venue, against who rests on `side`: PPM where all of it took from there,
        -PPM where none did; 0 for too few trades.
        """
        own, other = (self._queues.get((venue, symbol, s)) for s in (side, _across(side)))
        own_units, n_own = own.taken(now_ns) if own is not None else (0, 0)
        other_units, n_other = other.taken(now_ns) if other is not None else (0, 0)
        if n_own + n_other < LEAST_FLOW_TRADES or own_units + other_units <= 0:
            return 0
        return (own_units - other_units) * PPM // (own_units + other_units)


def _across(side: Side) -> Side:
    return Side.SELL if side is Side.BUY else Side.BUY
