"""A refresh says what changed and keeps only readings that can be believed."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from app.domain.calendar import CalendarEntry, CalendarKind
from app.domain.enums import ContractKind
from app.domain.errors import Unavailable
from app.domain.instrument import FungibilityClass
from app.domain.listing import Listing
from app.domain.listing_changes import ListingChange
from app.services.refresh_instruments import refresh_instruments
from app.store.listings import StoredVenue
from app.venues.cex.markets import MarketsRead
from app.venues.clock import VirtualClock

DAY = 86_400_000_000_000
SPOT = FungibilityClass("BTC", "USDT", "USDT", ContractKind.SPOT)


def listing(number: int, **more: object) -> Listing:
    return replace(Listing("a", f"S{number}", f"S{number}/USDT", SPOT, Decimal("0.01"), Decimal(1)), **more)


def reader(*listings: Listing, calendar: tuple[CalendarEntry, ...] = ()):
    async def read() -> MarketsRead:
        return MarketsRead(listings, calendar, {"option": 3})

    return read


async def failing() -> MarketsRead:
    raise Unavailable("venue_unavailable", "a: NetworkError")


def keep(now_ns: int, reading: MarketsRead) -> StoredVenue:
    return StoredVenue(now_ns, reading.listings, reading.calendar)


async def test_the_first_reading_is_stored_and_has_no_changes():
    done = await refresh_instruments({"a": reader(listing(1))}, {}, keep, VirtualClock(now_ns=5))
    (report,) = done.reports
    assert (report.n_before, report.n_listings, report.changed, report.is_stored) == (0, 1, (), True)
    assert report.refused == {"option": 3}
    assert done.kept == {"a": StoredVenue(5, (listing(1),), ())}


async def test_changes_and_what_ends_soon_are_told():
    soon = CalendarEntry("a", "S1", CalendarKind.DELISTING, 10 + DAY)
    late = CalendarEntry("a", "S1", CalendarKind.EXPIRY, 10 + 9 * DAY)
    stored = {"a": StoredVenue(1, (listing(1), listing(2)), ())}
    new = reader(listing(1, tick=Decimal("0.1")), listing(2), listing(3), calendar=(late, soon))
    done = await refresh_instruments({"a": new}, stored, keep, VirtualClock(now_ns=10), within_days=7)
    assert [each.what for each in done.reports[0].changed] == [ListingChange.TICK, ListingChange.NEW]
    assert done.reports[0].coming == (soon,)


async def test_what_the_desk_knows_is_told_with_the_rest():
    known = CalendarEntry("a", "", CalendarKind.MAINTENANCE, 20, 30, "mail")
    other = CalendarEntry("b", "", CalendarKind.MAINTENANCE, 20, 30, "mail")
    for read in (reader(listing(1)), failing):
        done = await refresh_instruments({"a": read}, {}, keep, VirtualClock(now_ns=10), known_calendar=(other, known))
        assert done.reports[0].coming == (known,)


async def test_a_venue_that_cannot_be_asked_keeps_its_last_reading():
    ends = CalendarEntry("a", "S1", CalendarKind.EXPIRY, 20)
    stored = {"a": StoredVenue(1, (listing(1),), (ends,))}
    done = await refresh_instruments({"a": failing, "b": reader(listing(1))}, stored, keep, VirtualClock(now_ns=10))
    assert (done.reports[0].failure, done.reports[0].is_stored) == ("a: NetworkError", False)
    assert (done.reports[0].n_listings, done.reports[0].as_of_ts_ns, done.reports[0].coming) == (1, 1, (ends,))
    assert done.kept["a"] is stored["a"]
    assert done.kept["b"].as_of_ts_ns == 10


async def test_half_a_list_is_not_believed_unless_it_is_accepted():
    stored = {"a": StoredVenue(1, tuple(listing(number) for number in range(10)), ())}
    six, seven = (reader(*(listing(number) for number in range(n))) for n in (6, 7))
    done = await refresh_instruments({"a": six}, stored, keep, VirtualClock())
    assert "6 of 10: not believed" in done.reports[0].failure
    assert len(done.reports[0].changed) == 4
    assert done.kept["a"] is stored["a"]
    assert (await refresh_instruments({"a": seven}, stored, keep, VirtualClock())).reports[0].is_stored
    accepted = await refresh_instruments({"a": six}, stored, keep, VirtualClock(), accepts_losses=True)
    assert len(accepted.kept["a"].listings) == 6


async def test_expired_contracts_are_no_loss():
    dated = tuple(listing(number, expiry_ts_ns=5) for number in range(5))
    stored = {"a": StoredVenue(1, (listing(9), *dated), ())}
    done = await refresh_instruments({"a": reader(listing(9))}, stored, keep, VirtualClock())
    assert done.reports[0].is_stored
    assert [each.what for each in done.reports[0].changed] == [ListingChange.GONE] * 5
