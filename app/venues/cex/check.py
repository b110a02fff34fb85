"""Whether a venue can be used from here: its clock, its markets and a public book, asked over the network. No key."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from enum import StrEnum, unique
from typing import Final

from app.domain.errors import Unavailable
from app.domain.listing import Listing
from app.domain.ports import Clock
from app.venues.cex.markets import PublicVenue, markets_of
from app.venues.cex.profile import EvidenceLevel, VenueProfile

_NS_PER_MS: Final = 1_000_000
# Beyond this a venue refuses signed requests as too old: the narrowest window of the table is a second.
_MAX_OFFSET_MS: Final = 500
_QUOTES: Final = ("USDT", "USD", "USDC", "EUR", "KRW")


@unique
class Verdict(StrEnum):
    OK = "ok"
    FAILED = "failed"
    NOT_OFFERED = "not_offered"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was asked of a venue, and what came."""

    venue: str
    check: str
    verdict: Verdict
    found: str


async def check_venue(
    profile: VenueProfile, clock: Clock, *, base_url: str = "", timeout_s: float = 10.0
) -> list[Finding]:
    """Every check, in the order in which a first order would need them; a failed one does not end the others."""
    venue = PublicVenue(profile, base_url, timeout_s)
    try:
        clocked = await _found(profile, "clock", _clock(venue, clock))
        listings: list[Listing] = []
        listed = await _found(profile, "markets", _markets(profile, venue, listings))
        book = await _found(profile, "book", _book(venue, listings))
    finally:
        await venue.close()
    return [clocked, listed, book, _level(profile)]


async def check_venues(
    profiles: Sequence[VenueProfile], clock: Clock, *, base_url: str = "", timeout_s: float = 10.0
) -> list[Finding]:
    """All venues at once, in their order: one that is away holds up no other."""
    found = await asyncio.gather(
        *(check_venue(profile, clock, base_url=base_url, timeout_s=timeout_s) for profile in profiles)
    )
    return [finding for findings in found for finding in findings]


class _NotOffered(Exception):
    """ccxt has no such call for this venue."""


async def _found(profile: VenueProfile, check: str, answer: Awaitable[str]) -> Finding:
    try:
        return Finding(profile.venue_id, check, Verdict.OK, await answer)
    except _NotOffered:
        return Finding(profile.venue_id, check, Verdict.NOT_OFFERED, "")
    except Unavailable as error:
        return Finding(profile.venue_id, check, Verdict.FAILED, error.detail)


async def _clock(venue: PublicVenue, clock: Clock) -> str:
    if not venue.offers("fetchTime"):
        raise _NotOffered
    before_ns = clock.wall_ns()
    venue_ms = int(await venue.ask("fetch_time"))
    after_ns = clock.wall_ns()
    offset_ms = venue_ms - (before_ns + after_ns) // 2 // _NS_PER_MS
    said = f"{offset_ms:+d} ms against ours, round trip {(after_ns - before_ns) // _NS_PER_MS} ms"
    if abs(offset_ms) > _MAX_OFFSET_MS:
        raise Unavailable("venue_unavailable", f"{said}: beyond {_MAX_OFFSET_MS} ms signed requests are refused")
    return said


async def _markets(profile: VenueProfile, venue: PublicVenue, out: list[Listing]) -> str:
    read = await markets_of(profile, venue)
    out.extend(read.listings)
    refused = "".join(f", {n} {reason}" for reason, n in read.refused.items())
    return f"{len(read.listings)} listings{refused}"


async def _book(venue: PublicVenue, listings: list[Listing]) -> str:
    active = [listing for listing in listings if listing.is_active]
    if not active:
        raise Unavailable("venue_unavailable", "no active listing to ask for")
    listing = min(active, key=_rank)
    book = await venue.ask("fetch_order_book", listing.unified)
    bids, asks = book["bids"], book["asks"]
    if not bids or not asks:
        raise Unavailable("venue_unavailable", f"{listing.unified}: a side is empty")
    if bids[0][0] >= asks[0][0]:
        raise Unavailable("venue_unavailable", f"{listing.unified}: crossed, {bids[0][0]} against {asks[0][0]}")
    return f"{listing.unified} {bids[0][0]} / {asks[0][0]}"


def _rank(listing: Listing) -> tuple[bool, bool, int, str]:
    """Bitcoin without expiry against the first of the usual currencies, else whatever comes first by name."""
    fungible = listing.fungible
    quote = _QUOTES.index(fungible.quote) if fungible.quote in _QUOTES else len(_QUOTES)
    return (fungible.base != "BTC", bool(fungible.expiry), quote, listing.unified)


def _level(profile: VenueProfile) -> Finding:
    """What live mode makes of the venue's evidence."""
    evidence = profile.evidence
    said = f"{evidence.level.value} of {evidence.date}, recording of {evidence.capture_year or 'no year'}"
    if evidence.level in (EvidenceLevel.L2, EvidenceLevel.L3):
        return Finding(profile.venue_id, "live", Verdict.OK, said)
    why = f"{said}: live mode refuses it unless risk.allow_uncertified names it"
    return Finding(profile.venue_id, "live", Verdict.NOT_OFFERED, why)
