"""Conditional orders: list, look at, amend, cancel. They are placed by POST /v1/orders."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import Query

from app.api import auth
from app.api.conditional_intake import amended
from app.api.door import Call, Spec
from app.api.routes.pages import page_json, slice_of
from app.api.schemas.conditional import ConditionalOrder, ConditionalPage, ConditionalQuery, ConditionalsQuery
from app.api.schemas.legs import ConditionalAmendBody
from app.api.schemas.order import AccountQuery, Openness
from app.api.wire.conditional import conditional_json
from app.domain.conditional_records import ConditionalRecord
from app.domain.enums import REFUSALS, Scope
from app.domain.errors import BadRequest
from app.services.reads import OrderFilter, PageOf

Json = dict[str, Any]
_OF_ONE: Final = ("not_found", "account_required", "history_unavailable")
_REFUSALS: Final = tuple(code.value for code in REFUSALS)


async def list_conditional_orders(call: Call, query: Annotated[ConditionalsQuery, Query()]) -> Json:
    """The account's conditional orders by id, newest first."""
    account = auth.account_of(call.principal, query.account)
    symbol = call.services.reads.known_symbol(query.symbol, "/query/symbol").name if query.symbol else ""
    is_open = None if query.status is None else query.status is Openness.OPEN
    page = await call.services.conditionals.page(account, OrderFilter(symbol, is_open), slice_of(query))
    told = [await _json(call, record, is_nested=query.nested) for record in page.rows]
    return page_json(PageOf(told, page.next_cursor), lambda row: row)


async def get_conditional_order(call: Call, conditional_id: str, query: Annotated[ConditionalQuery, Query()]) -> Json:
    """One conditional order, by its id or as `client:{client_order_id}`."""
    record = await _record(call, conditional_id, query)
    return await _json(call, record, is_nested=query.nested)


async def amend_conditional_order(
    call: Call, conditional_id: str, query: Annotated[AccountQuery, Query()], body: ConditionalAmendBody
) -> Json:
    """Changes prices, trails and quantity. The new definition takes the old one's place in one step.

    A leg that has triggered is an order, and cannot be changed here.
    """
    record = await _record(call, conditional_id, query)
    version = record.version
    if body.if_version is not None and body.if_version != version:
        detail = f"Version {body.if_version} was meant, {version} stands."
        raise BadRequest("version_conflict", detail, pointer="/if_version", hint="Read it again.")
    universe = call.services.engine.universe
    symbol = universe.symbols[record.definition.symbol]
    definition = amended(record.definition, body, symbol, universe)
    await call.services.conditionals.amend(record, definition, version, call.principal.actor)
    return await _json(call, record)


async def cancel_conditional_order(call: Call, conditional_id: str, query: Annotated[AccountQuery, Query()]) -> Json:
    """Cancels the whole group: first no leg may place anything more, then what is open is canceled at its venues."""
    record = await _record(call, conditional_id, query)
    await call.services.conditionals.cancel(record, call.principal.actor)
    return await _json(call, record)


async def _record(call: Call, reference: str, query: AccountQuery) -> ConditionalRecord:
    return await call.services.conditionals.find(auth.account_of(call.principal, query.account), reference)


async def _json(call: Call, record: ConditionalRecord, *, is_nested: bool = False) -> Json:
    symbol = call.services.engine.universe.symbols[record.definition.symbol]
    return conditional_json(await call.services.conditionals.view(record), symbol, is_nested=is_nested)


_ID: Final = "/v1/conditional-orders/{conditional_id}"
SPECS: Final = (
    Spec(
        "GET",
        "/v1/conditional-orders",
        list_conditional_orders,
        Scope.READ,
        ConditionalPage,
        "orders",
        problems=("account_required", "unknown_symbol", "history_unavailable"),
    ),
    Spec("GET", _ID, get_conditional_order, Scope.READ, ConditionalOrder, "orders", problems=_OF_ONE),
    Spec(
        "PATCH",
        _ID,
        amend_conditional_order,
        Scope.TRADE,
        ConditionalOrder,
        "orders",
        problems=(
            *_OF_ONE,
            *_REFUSALS,
            "version_conflict",
            "leg_triggered",
            "conditional_done",
            "qty_in_use",
            "trigger_source_unavailable",
            "trigger_location_unavailable",
        ),
    ),
    Spec(
        "DELETE", _ID, cancel_conditional_order, Scope.TRADE, ConditionalOrder, "orders", status=202, problems=_OF_ONE
    ),
)
