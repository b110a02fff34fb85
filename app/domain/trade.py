"""A public trade of a venue: what anybody may read on its tape, in the symbol's integer units."""

from __future__ import annotations

from dataclasses import dataclass

from app.domain.enums import Side


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
