"""What can be traded, where, at what price and for what fee."""

from __future__ import annotations

from enum import StrEnum, unique
from typing import Annotated

from pydantic import Field

from app.api.schemas.base import IN_QUERY, Answer, Body, Bool, Dec, SignedDec, Time
from app.domain.enums import ContractKind, ExclusionCode, Mode


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


class VenueInfo(Answer):
    venue: str
    title: str
    mode: Mode
    is_simulated: bool
    is_enabled: bool
    is_killed: bool
    is_reachable: bool
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
