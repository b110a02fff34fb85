"""Own impact is not chased: which venues show, just after a fill of ours, what we did there and not the market.

A process's memory: a new one forgets at most one resilience time.
"""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

from app.domain.enums import Side


@dataclass(slots=True)
class Hits:
    """Of each symbol and side of ours: venue -> (since when fills have come without a calm, the last fill)."""

    _fills_ns: dict[tuple[str, Side], dict[str, tuple[int, int]]] = field(default_factory=dict)

    def note(self, symbol: str, venue: str, side: Side, now_ns: int, resilience_ns: int) -> None:
        """Takes a fill; one within the resilience time of the last belongs to the same stretch."""
        fills = self._fills_ns.setdefault((symbol, side), {})
        since_ns, last_ns = fills.get(venue, (now_ns, now_ns))
        fills[venue] = (since_ns if now_ns - last_ns < resilience_ns else now_ns), now_ns

    def hushed(self, symbol: str, side: Side, now_ns: int, resilience_ns: int, max_hushed_ns: int) -> AbstractSet[str]:
        """Venues where a fill of that side is younger than the resilience time, but no stretch longer than the most:
        who trades without end must not be deaf without end.
        """
        fills = self._fills_ns.get((symbol, side), {})
        return {
            venue
            for venue, (since_ns, last_ns) in fills.items()
            if now_ns - last_ns < resilience_ns and now_ns - since_ns < max_hushed_ns
        }
