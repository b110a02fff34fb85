"""A6 and B4: the cheapest of everything that was to be had, as known afterwards.

A pool of price levels by (part of the horizon, venue, price, maker or taker): the most that a book showed there while
nobody of ours traded, or that any arm filled there. Every arm's own fills lie in the pool, so no arm can be cheaper; a
level is counted once a part although it may be refilled, and no one could have taken it all: a relaxation, no method.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from loadtests.arms.desk import Desk, Paid, cost_bps

Key = tuple[int, int, int, bool]


@dataclass(slots=True)
class Pool:
    """`part_ns`: how long a part is; fees by venue in ppm (taker, maker)."""

    start_ns: int
    part_ns: int
    fee_ppm: Sequence[tuple[int, int]]
    lots: dict[Key, int] = field(default_factory=dict)

    def see(self, desk: Desk) -> None:
        """What takers of the desk's side would meet now at lit venues."""
        part = self._part(desk.market.now_ns)
        for v in desk.lit:
            view = desk.market.true_view(v)
            for price, lots in view.asks if desk.sign > 0 else view.bids:
                self._raise((part, v, 2 * price, False), lots)

    def add(self, fills: Sequence[Paid]) -> None:
        """What an arm filled."""
        own: Counter[Key] = Counter()
        for paid in fills:
            own[self._part(paid.ts_ns), paid.venue_i, paid.price_half_ticks, paid.is_maker] += paid.lots
        for key, lots in own.items():
            self._raise(key, lots)

    def bound_bps(self, sign: int, total_lots: int, mid_half_ticks: float) -> float:
        """All-in cost of the cheapest `total_lots` of the pool against the mid."""
        rows = sorted(self.lots.items(), key=lambda row: self._unit(row[0], sign))
        chosen, left = [], total_lots
        for (part, v, half, is_maker), lots in rows:
            taken = min(lots, left)
            if taken == 0:
                break
            fee = self.fee_ppm[v][int(is_maker)] * half * taken // 2
            chosen.append(Paid(part, v, half, taken, is_maker, fee))
            left -= taken
        return cost_bps(chosen, sign, mid_half_ticks)

    def _part(self, ts_ns: int) -> int:
        return (ts_ns - self.start_ns) // self.part_ns

    def _raise(self, key: Key, lots: int) -> None:
        self.lots[key] = max(lots, self.lots.get(key, 0))

    def _unit(self, key: Key, sign: int) -> float:
        _, v, half, is_maker = key
        return half * (sign + self.fee_ppm[v][int(is_maker)] * 1e-6)
