"""Symbols, books, venues, fees."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import Query

from app.api import auth
from app.api.door import Call, Spec
from app.api.schemas.fees import FeeList, FeeTableList, FeeTableQuery
from app.api.schemas.market import (
    Book,
    BookQuery,
    PriceKind,
    SymbolInfo,
    SymbolList,
    VenueBody,
    VenueInfo,
    VenueList,
)
from app.api.schemas.order import AccountQuery
from app.api.wire.fees import fee_json, table_json
from app.api.wire.market import book_json, symbol_json, venue_json
from app.domain.enums import Scope
from app.domain.errors import BadRequest
from app.domain.instrument import Symbol

Json = dict[str, Any]


async def list_symbols(call: Call) -> Json:
    """Every symbol with each venue's tick, lot and minimums."""
    universe = call.services.engine.universe
    return {"data": [symbol_json(symbol, universe) for _, symbol in sorted(universe.symbols.items())]}


async def get_symbol(call: Call, symbol: str) -> Json:
    """One symbol; `BTC-USDT` and `BTCUSDT` are understood where unique."""
    return symbol_json(_symbol(call, symbol), call.services.engine.universe)


async def get_book(call: Call, symbol: str, query: Annotated[BookQuery, Query()]) -> Json:
    """All valid venues' levels in one ladder, and why the others are left out."""
    is_all_in = query.price is PriceKind.ALL_IN
    ladder = call.services.reads.ladder(_symbol(call, symbol), query.depth, is_all_in=is_all_in)
    return book_json(ladder, is_all_in=is_all_in)


async def list_venues(call: Call) -> Json:
    """Every venue as it is now."""
    return {"data": [venue_json(state) for state in call.services.reads.venues()]}


async def set_venue(call: Call, venue: str, body: VenueBody) -> Json:
    """Takes a venue out of routing or back in. What is open there stays open."""
    auth.require_operator(call.principal)
    services = call.services
    await services.admin.set_venue(venue, call.principal.actor, is_enabled=body.enabled)
    return next(venue_json(state) for state in services.reads.venues() if state.venue.venue_id == venue)


async def list_fees(call: Call, query: Annotated[AccountQuery, Query()]) -> Json:
    """What the account pays at each venue, who says so and since when, and what the next tier would take.

    The operator without an account sees the first tiers.
    """
    is_nobody = call.principal.is_operator and query.account is None
    account = "" if is_nobody else auth.account_of(call.principal, query.account)
    return {"account": account or None, "data": [fee_json(view) for view in call.services.reads.fees(account)]}


async def list_fee_tables(call: Call, query: Annotated[FeeTableQuery, Query()]) -> Json:
    """Published schedules of real venues as they are kept here, each with source, date and how far to believe it."""
    tables = call.services.fee_tables()
    wanted = [table for key, table in sorted(tables.items()) if query.venue in ("", key[0])]
    return {"data": [table_json(table) for table in wanted]}


def _symbol(call: Call, text: str) -> Symbol:
    found = call.services.reads.symbol(text)
    if found is None:
        raise BadRequest("not_found", "No such symbol.", hint="See GET /v1/symbols.")
    return found


SPECS: Final = (
    Spec("GET", "/v1/symbols", list_symbols, Scope.READ, SymbolList, "market"),
    Spec("GET", "/v1/symbols/{symbol:path}", get_symbol, Scope.READ, SymbolInfo, "market", problems=("not_found",)),
    Spec("GET", "/v1/books/{symbol:path}", get_book, Scope.READ, Book, "market", problems=("not_found",)),
    Spec("GET", "/v1/venues", list_venues, Scope.READ, VenueList, "market"),
    Spec("PATCH", "/v1/venues/{venue}", set_venue, Scope.ADMIN, VenueInfo, "market", problems=("not_found",)),
    Spec("GET", "/v1/fees", list_fees, Scope.READ, FeeList, "market"),
    Spec("GET", "/v1/fees/tables", list_fee_tables, Scope.READ, FeeTableList, "market"),
)
