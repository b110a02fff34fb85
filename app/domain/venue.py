"""A place to trade, as the router sees it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum, unique

from app.domain.enums import Mode


@unique
class VenueKind(StrEnum):
    """What a venue shows. LIT: a book. DARK: nothing; it crosses hidden orders at the mid. DEALER: a quote if asked."""

    LIT = "lit"
    DARK = "dark"
    DEALER = "dealer"


@unique
class EvidenceLevel(StrEnum):
    """What proves an adapter. L0: the venue's recorded words parsed. L1: conformance on our local exchange. L2: on the
    venue's own testnet. L3: live round trips reconciled to the venue's statement."""

    L0 = "L0"
    L1 = "L1"
    L2 = "L2"
    L3 = "L3"

    @property
    def is_certified(self) -> bool:
        """Whether the venue itself has answered: below that, live money needs a person's word."""
        return self in (EvidenceLevel.L2, EvidenceLevel.L3)


@dataclass(frozen=True, slots=True)
class Evidence:
    """`date`: ISO, of the run that showed the level. `capture_year`: of the recordings behind it, empty for none."""

    level: EvidenceLevel
    date: str = ""
    capture_year: str = ""


@dataclass(frozen=True, slots=True)
class Venue:
    """`latency_ns` is the expected one-way delay; `max_book_age_ns` is P14's limit for this venue's books.

    `request_deadline_ns`: how long after sending the venue may still accept a child; later it must refuse it,
    so that a miss after the deadline is proof of non-acceptance. `evidence`: None for a venue that is our own.
    """

    venue_id: str
    title: str
    mode: Mode
    is_simulated: bool
    latency_ns: int
    max_book_age_ns: int
    request_deadline_ns: int
    has_native_fok: bool = True
    evidence: Evidence | None = None
    kind: VenueKind = VenueKind.LIT

    @property
    def is_lit(self) -> bool:
        return self.kind is VenueKind.LIT
