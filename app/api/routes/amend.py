"""Orders that live: pause, resume, amend."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import Query

from app.api import auth
from app.api.door import Call, Spec
from app.api.intake import amendment
from app.api.schemas.order import AccountQuery, Order
from app.api.schemas.schedule import AmendBody
from app.api.wire.order import order_json
from app.domain.enums import REFUSALS, Scope
from app.domain.instrument import Symbol
from app.domain.records import ParentRecord

Json = dict[str, Any]


async def amend_order(call: Call, order_id: str, query: Annotated[AccountQuery, Query()], body: AmendBody) -> Json:
    """Changes an order that is worked in time, or the size and limit of a limit order that waits.

    What the change adds is judged like a new order; what is filled or at a venue already stays. The answer to a repeat
    of the order's own placement does not change.
    """
    record, symbol = await _found(call, order_id, query)
    change = amendment(body, symbol, call.services.engine.universe)
    return order_json(await call.services.amend.amend(record, call.principal.actor, change), symbol)


async def pause_order(call: Call, order_id: str, query: Annotated[AccountQuery, Query()]) -> Json:
    """Nothing more of an order that is worked in time is given out until it is resumed; children at venues live on."""
    record, symbol = await _found(call, order_id, query)
    return order_json(await call.services.amend.pause(record, call.principal.actor), symbol)


async def resume_order(call: Call, order_id: str, query: Annotated[AccountQuery, Query()]) -> Json:
    """What is left is planned anew from now to the same end."""
    record, symbol = await _found(call, order_id, query)
    return order_json(await call.services.amend.resume(record, call.principal.actor), symbol)


async def _found(call: Call, order_id: str, query: AccountQuery) -> tuple[ParentRecord, Symbol]:
    account = auth.account_of(call.principal, query.account)
    record = await call.services.reads.order(account, order_id)
    return record, call.services.engine.universe.symbols[record.accepted.order.symbol]


_ID: Final = "/v1/orders/{order_id}"
_OF_ORDER: Final = ("not_found", "account_required", "history_unavailable", "not_amendable")
_REFUSALS: Final = tuple(code.value for code in REFUSALS)
SPECS: Final = (
    Spec(
        "PATCH",
        _ID,
        amend_order,
        Scope.TRADE,
        Order,
        "orders",
        status=202,
        problems=(*_OF_ORDER, *_REFUSALS, "version_conflict"),
    ),
    Spec("POST", f"{_ID}/pause", pause_order, Scope.TRADE, Order, "orders", status=202, problems=_OF_ORDER),
    Spec("POST", f"{_ID}/resume", resume_order, Scope.TRADE, Order, "orders", status=202, problems=_OF_ORDER),
)
