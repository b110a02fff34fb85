"""What queues at the touch have lost: trades that took from them, and what was canceled before their end.

Each (venue, symbol, side) keeps its newest trades and cancels, and the touch at regular instants. What a queue that was
joined at such an instant had lost some time later, at the price of then, is one observation; the newest of them, as
quantiles, are what is believed of a queue that is joined now. Pure: what is seen goes in, integers come out.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt

from app.domain.enums import Side

N_QUANTILES: Final = 16
N_MARKS: Final = 2_048
N_LOSSES: Final = 8_192
# Windows that are looked at, evenly over what is remembered: enough for the quantiles, few enough for a turn.
N_WINDOWS: Final = 64
# The marks must span so many windows that do not overlap, and be so many, before anything is believed of them.
LEAST_SPANS: Final = 8
LEAST_MARKS: Final = 20
# What was canceled at a queue's price left it before its end or behind us: nobody is told, so half is counted.
CANCELED_AHEAD_FRAC: Final = 0.5
# The signed flow is that of so long, and says nothing of fewer trades.
FLOW_NS: Final = 10_000_000_000
LEAST_FLOW_TRADES: Final = 20

Int64 = npt.NDArray[np.int64]


@dataclass(slots=True)
class _Ring:
    """The newest rows of integers, oldest first."""

    rows: Int64
    n: int = 0

    def add(self, *row: int) -> None:
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

    Trades and cancels are (ns, price units, quantity units, whether it is a cancel), marks (ns, price units).
    """

    side: Side
    _losses: _Ring = field(default_factory=lambda: _Ring(np.zeros((N_LOSSES, 4), dtype=np.int64)))
    _marks: _Ring = field(default_factory=lambda: _Ring(np.zeros((N_MARKS, 2), dtype=np.int64)))

    def trade(self, ts_ns: int, price_units: int, qty_units: int) -> None:
        """A trade that took from this side."""
        self._losses.add(ts_ns, price_units, qty_units, 0)

    def cancel(self, ts_ns: int, price_units: int, qty_units: int) -> None:
        """A quantity that left the queue at this price without a trade; a part of it was before us."""
        ahead_units = int(qty_units * CANCELED_AHEAD_FRAC)
        if ahead_units:
            self._losses.add(ts_ns, price_units, ahead_units, 1)

    def mark(self, ts_ns: int, price_units: int) -> None:
        """The touch of this instant."""
        self._marks.add(ts_ns, price_units)

    def quantiles_units(self, horizon_ns: int) -> tuple[int, ...]:
        """What a queue at the touch loses within `horizon_ns`, as N_QUANTILES quantiles at (i + 1/2) / n, rising.

        Empty where too little was seen: fewer than LEAST_MARKS windows, or less than LEAST_SPANS times the horizon.
        """
        marks, losses = self._marks.newest(), self._losses.newest()
        if not len(marks):
            return ()
        is_whole = marks[:, 0] <= marks[-1, 0] - horizon_ns
        if self._losses.is_full:
            is_whole &= marks[:, 0] >= losses[0, 0]
        marks = marks[is_whole]
        if len(marks) < LEAST_MARKS or marks[-1, 0] - marks[0, 0] < (LEAST_SPANS - 1) * horizon_ns:
            return ()
        picked = marks[np.linspace(0, len(marks) - 1, min(N_WINDOWS, len(marks))).astype(np.int64)]
        found = np.sort(self._lost(picked, losses, horizon_ns))
        levels = (np.arange(N_QUANTILES) + 0.5) / N_QUANTILES
        lower: Int64 = np.floor(levels * len(found)).astype(np.int64)
        return tuple(int(found[i]) for i in lower)

    def _lost(self, marks: Int64, losses: Int64, horizon_ns: int) -> Int64:
        """Units lost by each mark's queue: trades at its price or beyond, cancels at its price. int64[n marks]."""
        first, last = np.searchsorted(losses[:, 0], (marks[0, 0], marks[-1, 0] + horizon_ns), side="right")
        ts_ns, price_units, qty_units, is_cancel = losses[first:last].T
        begun_ns, own_units = marks[:, :1], marks[:, 1:]
        beyond = self.side.sign * (price_units - own_units)
        is_met = np.where(is_cancel != 0, beyond == 0, beyond <= 0)
        is_met &= (ts_ns > begun_ns) & (ts_ns <= begun_ns + horizon_ns)
        lost: Int64 = is_met.astype(np.int64) @ qty_units
        return lost

    def taken(self, now_ns: int) -> tuple[int, int]:
        """(units, trades) that took from this side within FLOW_NS."""
        losses = self._losses.newest()
        recent = losses[np.searchsorted(losses[:, 0], now_ns - FLOW_NS, side="right") :]
        trades = recent[recent[:, 3] == 0]
        return int(trades[:, 2].sum()), len(trades)


@dataclass(slots=True)
class Outflows:
    """All queues of one process, by (venue, symbol, side of the book). Single writer."""

    _queues: dict[tuple[str, str, Side], QueueLosses] = field(default_factory=dict)

    def queue(self, venue: str, symbol: str, side: Side) -> QueueLosses:
        """The losses of one queue, born at the first question."""
        found = self._queues.get((venue, symbol, side))
        if found is None:
            found = self._queues[(venue, symbol, side)] = QueueLosses(side)
        return found

    def quantiles_units(self, venue: str, symbol: str, side: Side, horizon_ns: int) -> tuple[int, ...]:
        """As QueueLosses has it; empty where nobody has looked."""
        known = self._queues.get((venue, symbol, side))
        return known.quantiles_units(horizon_ns) if known is not None else ()

    def against_ppm(self, venue: str, symbol: str, side: Side, now_ns: int) -> int:
        """Signed flow of the last FLOW_NS at a venue, against who rests on `side`: PPM where all of it took from there,
        -PPM where none did; 0 for too few trades.
        """
        own, other = (self._queues.get((venue, symbol, s)) for s in (side, _across(side)))
        own_units, n_own = own.taken(now_ns) if own is not None else (0, 0)
        other_units, n_other = other.taken(now_ns) if other is not None else (0, 0)
        if n_own + n_other < LEAST_FLOW_TRADES or own_units + other_units <= 0:
            return 0
        return (own_units - other_units) * 1_000_000 // (own_units + other_units)


def _across(side: Side) -> Side:
    return Side.SELL if side is Side.BUY else Side.BUY
