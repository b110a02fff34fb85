"""Which venues one process owns, as a value that travels to it, and the ports that it makes of them."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum, unique
from pathlib import Path

import msgspec

from app.domain.ports import Clock
from app.domain.universe import Universe
from app.venues.base import VenueBase
from app.venues.paper import PaperVenue, make_paper_venues
from app.venues.registry import load_universe


@unique
class GroupKind(StrEnum):
    """SIMULATED: our own markets. LIVE_PAPER: public books of real venues, paper orders. LIVE: real orders."""

    SIMULATED = "simulated"
    LIVE_PAPER = "live_paper"
    LIVE = "live"


class GroupSpec(msgspec.Struct, frozen=True):
    """What one venue process is made of. Nothing here is secret: it travels as text.

    `folder`: paper venues' ledgers. `may_fail`: faults may be switched on (tests).
    """

    kind: GroupKind
    venues: tuple[str, ...]
    folder: str
    seed: int = 7
    max_book_age_ms: int = 0
    may_fail: bool = False


def universe_of(spec: GroupSpec) -> Universe:
    """The reference data that both sides of the link read."""
    return load_universe(max_book_age_ms=spec.max_book_age_ms)


def make_group(spec: GroupSpec, universe: Universe, clock: Clock) -> Mapping[str, VenueBase]:
    """The ports of a process, by venue; nothing runs before each is started."""
    made: Mapping[str, VenueBase] = make_paper_venues(universe, clock, Path(spec.folder), spec.seed)
    return {venue_id: made[venue_id] for venue_id in spec.venues}


def exchange_behind(port: VenueBase) -> PaperVenue | None:
    """The paper venue whose faults can be switched, where there is one."""
    return port if isinstance(port, PaperVenue) else None
