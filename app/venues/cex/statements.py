"""A venue's account in our words: balances, positions and open orders out of ccxt's unified answers, exactly."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from app.domain.enums import Side
from app.domain.instrument import Instrument, Symbol
from app.domain.statement import VenueBalance, VenueOpenOrder, VenuePosition, VenueStatement
from app.venues.cex.exact import decimal_of, lots_floor, nano_of, ticks_of

_ZERO: Final = Decimal(0)
Listings = Mapping[str, tuple[Symbol, Instrument]]


@dataclass(frozen=True, slots=True)
class Told:
    """ccxt's unified answers about one account. `open_orders`: each with our client id, empty where it is not ours."""

    balance: Mapping[str, Any]
    positions: Sequence[Mapping[str, Any]]
    open_orders: Sequence[tuple[Mapping[str, Any], str]]


def statement_of(venue_id: str, listings: Listings, as_of_ts_ns: int, told: Told) -> VenueStatement:
    """What was told, in our units."""
    return VenueStatement(
        venue_id,
        as_of_ts_ns,
        balances_of(told.balance),
        tuple(each for position in told.positions if (each := _position(listings, position)) is not None),
        tuple(_open_order(listings, order, client_id) for order, client_id in told.open_orders),
    )


def balances_of(balance: Mapping[str, Any]) -> tuple[VenueBalance, ...]:
    """Every currency that is not zero, by its code."""
    totals, frees = balance.get("total") or {}, balance.get("free") or {}
    found = []
    for currency in sorted(totals):
        total = decimal_of(totals[currency]) or _ZERO
        free = decimal_of(frees.get(currency)) or _ZERO
        if total or free:
            found.append(VenueBalance(currency, nano_of(total), nano_of(free)))
    return tuple(found)


def _position(listings: Listings, raw: Mapping[str, Any]) -> VenuePosition | None:
    """None for a flat position, and for one in what is not listed here: its size has no unit of ours."""
    name = str(raw.get("symbol") or "")
    qty, price = decimal_of(raw.get("contracts")) or _ZERO, decimal_of(raw.get("entryPrice"))
    if not qty or name not in listings:
        return None
    symbol, instrument = listings[name]
    lots = lots_floor(symbol, instrument, abs(qty))
    margin = decimal_of(raw.get("initialMargin")) or _ZERO
    entry_units = 0
    if price is not None:
        entry_units = ticks_of(symbol, instrument, price, is_up=False) * instrument.tick_units
    is_short = raw.get("side") == "short" or qty < 0
    return VenuePosition(
        name, -lots if is_short else lots, entry_units, nano_of(margin), symbol.money_currency if margin else ""
    )


def _open_order(listings: Listings, raw: Mapping[str, Any], client_id: str) -> VenueOpenOrder:
    """In what is not listed here an order has no ticks and lots: both are 0."""
    name, side = str(raw.get("symbol") or ""), Side(str(raw.get("side")))
    price, left = decimal_of(raw.get("price")), decimal_of(raw.get("remaining"))
    ticks = lots = 0
    if name in listings:
        symbol, instrument = listings[name]
        ticks = ticks_of(symbol, instrument, price, is_up=side is Side.BUY) if price is not None else 0
        lots = lots_floor(symbol, instrument, left) if left is not None else 0
    return VenueOpenOrder(client_id, str(raw.get("id") or ""), name, side, ticks, lots)
