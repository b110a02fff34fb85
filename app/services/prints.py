"""What the public traded over an interval, our own fills left out: a bounded memory of one symbol's trade prints.

A fill of ours is taken off the print that shows it: the same venue and price, heard within MATCH_NS of it, before or
after. A venue may tell several trades as one print, so a fill takes its quantity out of prints, never a whole print.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final

from app.domain.trade import TradePrint
from app.domain.units import div_half_even

KEPT: Final = 50_000  # prints of a symbol: hours of a simulated market, minutes of the busiest real one
MATCH_NS: Final = 5_000_000_000  # a fill and its print are heard within this of one another
N_SIZES: Final = 256  # what a disguise draws from: enough for its rarer sizes, few enough to be written into a fact
MAX_UNMATCHED: Final = 4_096


@dataclass(slots=True)
class _Unmatched:
    """A print, or a fill of ours, that may still be told to be the other's."""

    ts_ns: int
    venue: str
    price_units: int
    qty_units: int


@dataclass(slots=True)
class Prints:
    """One symbol's prints by the time they were heard. Single writer."""

    _ts_ns: list[int] = field(default_factory=list)
    _qty_sums: list[int] = field(default_factory=list)  # up to and with the print
    _money_sums: list[int] = field(default_factory=list)  # price units times quantity units
    _own: list[tuple[int, int, int]] = field(default_factory=list)  # (print's ts, quantity, money) of own fills
    _heard: deque[_Unmatched] = field(default_factory=deque)
    _filled: deque[_Unmatched] = field(default_factory=deque)
    _forgotten_ns: int = 0
    _base: tuple[int, int] = (0, 0)  # the sums of all that is forgotten

    def add(self, trade: TradePrint, *, shows_own: bool) -> None:
        """Takes a print; one that is heard as older than the last is as old as that."""
        ts_ns = max(trade.received_ts_ns, self._ts_ns[-1]) if self._ts_ns else trade.received_ts_ns
        qty, money = (self._qty_sums[-1], self._money_sums[-1]) if self._ts_ns else (0, 0)
        self._ts_ns.append(ts_ns)
        self._qty_sums.append(qty + trade.qty_units)
        self._money_sums.append(money + trade.price_units * trade.qty_units)
        if shows_own:
            heard = _Unmatched(ts_ns, trade.venue, trade.price_units, trade.qty_units)
            self._match(heard, self._filled, lambda _: ts_ns)
            _keep(self._heard, heard)
        if len(self._ts_ns) >= 2 * KEPT:
            self._forget()

    def add_own(self, venue: str, ts_ns: int, price_units: int, qty_units: int) -> None:
        """Takes a fill of ours at a venue whose tape shows it."""
        filled = _Unmatched(ts_ns, venue, price_units, qty_units)
        self._match(filled, self._heard, lambda heard: heard.ts_ns)
        _keep(self._filled, filled)

    def traded(self, from_ns: int, to_ns: int) -> tuple[int, int]:
        """(volume-weighted price to the nearest unit, quantity) of others in [from, to]; (0, 0) where none is known.

        An interval whose first prints are forgotten is not known: a part of it would pass for the whole.
        """
        if from_ns <= self._forgotten_ns:
            return 0, 0
        first, after = bisect_left(self._ts_ns, from_ns), bisect_right(self._ts_ns, to_ns)
        if first >= after:
            return 0, 0
        qty = self._qty_sums[after - 1] - (self._qty_sums[first - 1] if first else self._base[0])
        money = self._money_sums[after - 1] - (self._money_sums[first - 1] if first else self._base[1])
        own = self._own[bisect_left(self._own, (from_ns,)) : bisect_left(self._own, (to_ns + 1,))]
        qty -= sum(row[1] for row in own)
        money -= sum(row[2] for row in own)
        return (div_half_even(money, qty), qty) if qty > 0 else (0, 0)

    def sizes_units(self) -> tuple[int, ...]:
        """Sizes of the newest N_SIZES prints, the oldest first; trades told as one print are one size."""
        sums = self._qty_sums[-N_SIZES - 1 :]
        if len(self._qty_sums) <= N_SIZES:
            sums = [self._base[0], *sums]
        return tuple(after - before for before, after in pairwise(sums))

    def _match(self, found: _Unmatched, others: deque[_Unmatched], print_ts_ns: Callable[[_Unmatched], int]) -> None:
        """Takes what both have in common off both, the oldest first, and writes it down at the print's time."""
        while others and others[0].ts_ns < found.ts_ns - MATCH_NS:
            others.popleft()
        for other in others:
            if not found.qty_units:
                return
            if (other.venue, other.price_units) != (found.venue, found.price_units):
                continue
            qty_units = min(found.qty_units, other.qty_units)
            found.qty_units -= qty_units
            other.qty_units -= qty_units
            if qty_units:
                insort(self._own, (print_ts_ns(other), qty_units, qty_units * found.price_units))

    def _forget(self) -> None:
        self._forgotten_ns = self._ts_ns[KEPT - 1]
        self._base = self._qty_sums[KEPT - 1], self._money_sums[KEPT - 1]
        for column in (self._ts_ns, self._qty_sums, self._money_sums):
            del column[:KEPT]
        del self._own[: bisect_left(self._own, (self._forgotten_ns,))]


def _keep(waiting: deque[_Unmatched], item: _Unmatched) -> None:
    if item.qty_units:
        waiting.append(item)
        if len(waiting) > MAX_UNMATCHED:
            waiting.popleft()
