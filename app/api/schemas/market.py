"""What can be traded, where, at what price and for what fee."""

from __future__ import annotations

from enum import StrEnum, unique
from typing import Annotated

from pydantic import Field

from app.api.schemas.base import IN_QUERY, Answer, Body, Bool, Dec, SignedDec, Time
from app.domain.enums import ContractKind, ExclusionCode, Mode
from app.domain.statement import VenueState
from app.domain.venue import EvidenceLevel, VenueKind


class Listing(Answer):
    """One venue's rules for a symbol."""

    venue: str
    venue_symbol: str
    tick: Dec
    lot: Dec
    min_qty: Dec
    max_qty: Dec
    min_notional: Dec


class SymbolInfo(Answer):
    """A symbol in CCXT's words, and its fungibility class: only equals are routed together."""

    symbol: str
    base: str
    quote: str
    settle: str
    kind: ContractKind
    expiry: str | None
    multiplier: Dec
    price_scale: int
    qty_scale: int
    qty_currency: str
    listings: list[Listing]


class SymbolList(Answer):
    data: list[SymbolInfo]


@unique
class PriceKind(StrEnum):
    RAW = "raw"
    ALL_IN = "all_in"


class BookQuery(Body):
    depth: Annotated[int, Field(ge=1, le=100), IN_QUERY] = 20
    price: PriceKind = Field(default=PriceKind.RAW, description="`all_in` has the taker's fee in each price.")


class BookLevel(Answer):
    price: SignedDec
    qty: Dec
    venue: str


class VenueBook(Answer):
    """Which book of a venue was used."""

    book_seq: int
    age_ms: Dec
    received_at: Time


class Book(Answer):
    """All valid venues' levels in one ladder, best first. A crossed top is an opportunity, not an error."""

    symbol: str
    price: PriceKind
    at: Time
    mid: Dec | None
    bids: list[BookLevel]
    asks: list[BookLevel]
    venues: dict[str, VenueBook]
    excluded: dict[str, ExclusionCode] = Field(description="Listed venues that are left out, with the reason.")


class VenueEvidence(Answer):
    """What proves the adapter: L0 recordings, L1 our local exchange, L2 the venue's testnet, L3 live round trips."""

    level: EvidenceLevel
    date: str | None = Field(description="Of the run that showed it.")
    capture_year: str | None = Field(description="Of the recordings behind it.")


class VenueInfo(Answer):
    venue: str
    title: str
    mode: Mode
    kind: VenueKind = Field(description="`lit` shows a book; `dark` and `dealer` are met by orders that ask for them.")
    is_simulated: bool
    is_enabled: bool
    is_killed: bool
    is_reachable: bool = Field(description="Whether `state` is `up`: otherwise nothing new goes there.")
    state: VenueState = Field(description="`degraded`: cancels and queries only. `down`: nothing answers.")
    state_reason: str
    state_since: Time | None
    clock_offset_ms: SignedDec = Field(description="The venue's clock minus ours.")
    budget_left: Dec = Field(description="Part of the tightest request budget that is left, 0 to 1.")
    evidence: VenueEvidence | None = Field(description="null: a simulated venue, which is our own.")
    latency_ms: Dec
    max_book_age_ms: Dec
    request_deadline_ms: Dec
    has_native_fok: bool
    symbols: list[str]
    book_age_ms: dict[str, Dec] = Field(description="Per symbol: age of the newest update.")
    n_live_children: int


class VenueList(Answer):
    data: list[VenueInfo]


class VenueBody(Body):
    enabled: Bool
