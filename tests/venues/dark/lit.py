"""Standing lit books for venues without one."""

from __future__ import annotations

from app.venues.simulated_market import Sides


class Lit:
    """Mids of a: 60_000.50, b: 60_001.00; `moved_units` shifts all of it."""

    def __init__(self) -> None:
        self.moved_units = 0

    def sides(self, venue: str, symbol: str, now_ns: int) -> Sides:
        if venue == "empty":
            return Sides(1, (), ())
        if venue == "crossed":
            return Sides(1, ((6_000_500, 10),), ((6_000_100, 10),))
        away = self.moved_units + (100 if venue == "b" else 0)
        return Sides(1, ((6_000_000 + away, 10),), ((6_000_100 + away, 10),))

    def refill_ns(self, venue: str, symbol: str) -> int:
        return 0

    def next_move_ns(self, venue: str, now_ns: int) -> int:
        return 0
