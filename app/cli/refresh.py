"""The refresh of listings put together: venues read through ccxt, the file in the home folder, the report as rows."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from app.services.refresh_instruments import Reading, VenueRefresh, refresh_instruments
from app.store.calendar import read_calendar
from app.store.listings import ListingsFile, StoredVenue
from app.venues.cex.markets import read_markets
from app.venues.cex.profile_table import profile_of, profiles
from app.venues.clock import SystemClock

FILE: Final = "listings.json"
CALENDAR: Final = "calendar.toml"  # the desk's own, see app/store/calendar.py
_NS_PER_S: Final = 1_000_000_000


async def refresh_home(
    names: Sequence[str], home: Path, base_url: str, within_days: int, *, accepts_losses: bool
) -> tuple[VenueRefresh, ...]:
    """Reads the venues of `names` (none: all) and stores what is believed; raises BadRequest for an unknown name."""
    file = ListingsFile(home / FILE)

    def reader(name: str) -> Callable[[], Awaitable[Reading]]:
        profile = profile_of(name)
        return lambda: read_markets(profile, base_url=base_url)

    def keep(now_ns: int, reading: Reading) -> StoredVenue:
        return StoredVenue(now_ns, reading.listings, reading.calendar)

    stored = file.read()
    readers = {name: reader(name) for name in names or profiles()}
    refreshed = await refresh_instruments(
        readers,
        stored,
        keep,
        SystemClock(),
        within_days=within_days,
        accepts_losses=accepts_losses,
        known_calendar=read_calendar(home / CALENDAR),
    )
    if any(report.is_stored for report in refreshed.reports):
        kept = refreshed.kept
        file.write(
            {name: StoredVenue(kept[name].as_of_ts_ns, kept[name].listings, kept[name].calendar) for name in kept}
        )
    return refreshed.reports


def rows_of(reports: Sequence[VenueRefresh]) -> list[dict[str, Any]]:
    """The report line by line: a head for each venue, then its changes, then what ends soon."""
    return [row for report in reports for row in _rows(report)]


def _rows(report: VenueRefresh) -> Iterator[dict[str, Any]]:
    read = {"was": report.n_before, "now": report.n_listings}
    yield {"venue": report.venue, "what": "failed" if report.failure else "read", "symbol": report.failure, **read}
    for reason, n in report.refused.items():
        yield {"venue": report.venue, "what": "not_routed", "symbol": reason, "was": "", "now": n}
    for each in report.changed:
        yield {
            "venue": each.venue,
            "what": each.what.value,
            "symbol": each.venue_symbol,
            "was": each.was,
            "now": each.now,
        }
    for entry in report.coming:
        when = datetime.fromtimestamp(entry.from_ts_ns // _NS_PER_S, UTC).isoformat()
        symbol = entry.venue_symbol or "all"
        yield {"venue": entry.venue, "what": entry.kind.value, "symbol": symbol, "was": entry.source, "now": when}
