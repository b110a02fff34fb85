"""When something stops trading: expiries, delistings and maintenance, as far as a venue or a desk says so."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum, unique


@unique
class CalendarKind(StrEnum):
    """EXPIRY settles a contract, DELISTING ends a market, MAINTENANCE ends and begins again."""

    EXPIRY = "expiry"
    DELISTING = "delisting"
    MAINTENANCE = "maintenance"


@dataclass(frozen=True, slots=True)
class CalendarEntry:
    """From `from_ts_ns` on `venue_symbol` does not trade, empty: nothing there; `to_ts_ns` 0: for good, or not said."""

    venue: str
    venue_symbol: str
    kind: CalendarKind
    from_ts_ns: int
    to_ts_ns: int = 0
    source: str = ""


def stopped(entries: Iterable[CalendarEntry], venue: str, venue_symbol: str, now_ns: int) -> CalendarEntry | None:
    """The first entry that stops `venue_symbol` at `now_ns`, None where none does."""
    for entry in entries:
        is_of_it = entry.venue == venue and entry.venue_symbol in ("", venue_symbol)
        if is_of_it and entry.from_ts_ns <= now_ns and (entry.to_ts_ns == 0 or now_ns < entry.to_ts_ns):
            return entry
    return None


def coming(entries: Iterable[CalendarEntry], now_ns: int, within_ns: int) -> list[CalendarEntry]:
    """What begins between now and `within_ns` from now, soonest first."""
    return sorted(
        (entry for entry in entries if now_ns <= entry.from_ts_ns < now_ns + within_ns),
        key=lambda entry: (entry.from_ts_ns, entry.venue, entry.venue_symbol),
    )
