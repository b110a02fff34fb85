"""A public trade of a venue, and its mark price: what anybody may read there, in the symbol's integer units."""

from __future__ import annotations

from dataclasses import dataclass

from app.domain.enums import Side
from app.domain.quick import quick_init


@quick_init
@dataclass(frozen=True, slots=True)
class TradePrint:
    """One trade, or several at one price that are told as one. `aggressor`: the taker's side, None if untold."""

    venue: str
    symbol: str
    price_units: int
    qty_units: int
    aggressor: Side | None
    venue_ts_ns: int
    received_ts_ns: int


@quick_init
@dataclass(frozen=True, slots=True)
class MarkPrice:
    """What a venue says that a perpetual is worth: the price that its margins, and its stops by mark, go by."""

    venue: str
    symbol: str
    price_units: int
    venue_ts_ns: int
    received_ts_ns: int
