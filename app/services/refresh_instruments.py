"""Asks venues what they list, says what is different from last time, and keeps the new reading.

A venue that cannot be asked keeps its last reading. One that suddenly lists much less is reported and not believed
unless the caller accepts it: half a list is more often half an answer than half an exchange.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from app.domain.calendar import CalendarEntry, coming
from app.domain.errors import Unavailable
from app.domain.listing import Listing
from app.domain.listing_changes import Changed, changes
from app.domain.ports import Clock

_NS_PER_DAY: Final = 86_400_000_000_000
# A venue may lose this part of its listings between two readings before nobody believes it.
_MAX_LOSS_PPM: Final = 300_000
_PPM: Final = 1_000_000


class Reading(Protocol):
    """What a venue answered."""

    @property
    def listings(self) -> tuple[Listing, ...]: ...

    @property
    def calendar(self) -> tuple[CalendarEntry, ...]: ...

    @property
    def refused(self) -> Mapping[str, int]: ...


class Kept(Protocol):
    """A venue's last reading as it is stored."""

    @property
    def as_of_ts_ns(self) -> int: ...

    @property
    def listings(self) -> tuple[Listing, ...]: ...

    @property
    def calendar(self) -> tuple[CalendarEntry, ...]: ...


@dataclass(frozen=True, slots=True)
class VenueRefresh:
    """One venue's part of the report. `failure` empty: it was read; `is_stored` False: the reading was not kept."""

    venue: str
    n_listings: int = 0
    n_before: int = 0
    as_of_ts_ns: int = 0
    changed: tuple[Changed, ...] = ()
    coming: tuple[CalendarEntry, ...] = ()
    refused: Mapping[str, int] = field(default_factory=dict)
    failure: str = ""
    is_stored: bool = False


@dataclass(frozen=True, slots=True)
class Refreshed:
    """`kept` is what is to be stored: every venue's newest believed reading."""

    reports: tuple[VenueRefresh, ...]
    kept: Mapping[str, Kept]


async def refresh_instruments(
    readers: Mapping[str, Callable[[], Awaitable[Reading]]],
    stored: Mapping[str, Kept],
    keep: Callable[[int, Reading], Kept],
    clock: Clock,
    *,
    within_days: int = 7,
    accepts_losses: bool = False,
    known_calendar: Sequence[CalendarEntry] = (),
) -> Refreshed:
    """Asks all `readers` at once; the report has one part for each, in their order.

    `known_calendar`: what the desk knows of the venues beside what they say themselves.
    """
    answers = await asyncio.gather(*(_asked(venue, read) for venue, read in readers.items()))
    kept, reports = dict(stored), []
    for venue, answer in zip(readers, answers, strict=True):
        now_ns, known = clock.wall_ns(), stored.get(venue)
        told = [entry for entry in known_calendar if entry.venue == venue]
        if isinstance(answer, str):
            soon = _coming((*told, *(known.calendar if known else ())), now_ns, within_days)
            as_of_ns, n_before = (known.as_of_ts_ns, len(known.listings)) if known else (0, 0)
            reports.append(VenueRefresh(venue, n_before, n_before, as_of_ns, coming=soon, failure=answer))
            continue
        before = known.listings if known else ()
        is_believed = accepts_losses or not _loses_much(before, answer.listings)
        if is_believed:
            kept[venue] = keep(now_ns, answer)
        reports.append(
            VenueRefresh(
                venue,
                len(answer.listings),
                len(before),
                now_ns,
                tuple(changes(before, answer.listings)) if known else (),
                _coming((*told, *answer.calendar), now_ns, within_days),
                answer.refused,
                "" if is_believed else f"it lists {len(answer.listings)} of {len(before)}: not believed",
                is_stored=is_believed,
            )
        )
    return Refreshed(tuple(reports), kept)


async def _asked(venue: str, read: Callable[[], Awaitable[Reading]]) -> Reading | str:
    try:
        return await read()
    except Unavailable as error:
        return error.detail or venue


def _coming(calendar: Sequence[CalendarEntry], now_ns: int, within_days: int) -> tuple[CalendarEntry, ...]:
    return tuple(coming(calendar, now_ns, within_days * _NS_PER_DAY))


def _loses_much(before: Sequence[Listing], after: Sequence[Listing]) -> bool:
    """Expired contracts are no loss, so only what has no date counts."""
    still = {(each.venue, each.venue_symbol) for each in after}
    lasting = [each for each in before if not each.expiry_ts_ns]
    lost = sum((each.venue, each.venue_symbol) not in still for each in lasting)
    return lost * _PPM > len(lasting) * _MAX_LOSS_PPM
