"""Orders: place, preview, list, look at, cancel."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Final

from fastapi import Query

from app.api import auth
from app.api.conditional_intake import conditional_order, is_conditional, refuse_strays
from app.api.door import Call, Reply, Spec
from app.api.errors import problem_of
from app.api.intake import parent_order
from app.api.plain_order import plain_order
from app.api.routes.pages import page_json, slice_of
from app.api.schemas.conditional import ConditionalOrder
from app.api.schemas.event import EventList
from app.api.schemas.order import (
    AccountQuery,
    CancelAllQuery,
    CanceledList,
    ChildList,
    ExecutionList,
    ExecutionPage,
    ExecutionsQuery,
    Openness,
    Order,
    OrderBody,
    OrderPage,
    OrdersQuery,
    PlacedOrder,
    ResolveBody,
    ResponseType,
)
from app.api.schemas.order import ChildOrder as ChildOrderSchema
from app.api.schemas.route import Preview, RouteList
from app.api.wire.conditional import conditional_ack_json, conditional_json, group_json
from app.api.wire.event import event_json
from app.api.wire.order import ack_json, child_json, execution_json, order_json
from app.api.wire.plain_ack import plain_ack
from app.api.wire.pretrade import estimate_json
from app.api.wire.route import check_json, route_json
from app.api.wire.schedule import foreseen_json
from app.api.wire.text import price_or_none, time_text
from app.domain.conditional_records import ConditionalRecord
from app.domain.conditions import Conditional
from app.domain.enums import REFUSALS, Scope
from app.domain.ids import prefixed_ulid
from app.domain.instrument import Symbol
from app.domain.orders import ParentOrder
from app.domain.records import ParentRecord
from app.domain.sweeps import SweepStyle
from app.services.reads import OrderFilter, PageOf

Json = dict[str, Any]
PREVIEW_TTL_NS: Final = 1_000_000_000
_REFUSALS: Final = tuple(code.value for code in REFUSALS)
_OF_PREVIEW: Final = ("unknown_symbol", "stale_request", "trigger_source_unavailable")
_OF_ORDER: Final = ("not_found", "account_required", "history_unavailable")
_REPLAYED: Final = {"Idempotency-Replayed": "true when the client_order_id had been placed before"}


async def place_order(call: Call, body: OrderBody) -> Reply:
    """Places a parent order. The answer comes once the order is on disk; the same id and body answer the same again.

    With `ack` (the default) the answer is the order at acceptance and never changes. With `result` it is the order as
    it stands after waiting `wait_ms`; with `full` its executions and routes come with it.
    """
    services, principal = call.services, call.principal
    if is_conditional(body):
        return await _place_conditional(call, body)
    order, symbol = _intake(call, body)
    accepted = await services.submit.place(order, principal.mode, deadline_ts_ns=body.deadline or 0)
    status = 200 if accepted.is_replay else 201
    headers = {"Location": f"/v1/orders/{accepted.fact.order_id}"}
    if accepted.is_replay:
        headers["Idempotency-Replayed"] = "true"
    if body.response_type is ResponseType.ACK:
        return Reply(ack_json(accepted.fact, accepted.account_seq, symbol), status, headers, is_durable=True)
    await services.submit.wait_done(accepted.fact.order_id, body.wait_ms)
    record = await services.reads.order(accepted.fact.account, accepted.fact.order_id)
    payload = order_json(record, symbol)
    if body.response_type is ResponseType.FULL:
        payload["executions"] = _executions(call, record)
        payload["route"] = _routes(call, record, symbol)
    return Reply(payload, status, headers)


async def place_plainly(call: Call, body: bytes) -> Reply | None:
    """As `place_order`, of an order so plain that its bytes say it all; None for another."""
    services, principal = call.services, call.principal
    if principal.is_operator:
        return None
    engine = services.engine
    universe = engine.universe
    order = plain_order(body, universe, principal.account, engine.now_ns())
    if order is None:
        return None
    accepted = await services.submit.place_new(order, principal.mode)
    fact = accepted.fact
    headers = {"location": "/v1/orders/" + fact.order_id}
    if accepted.is_replay:
        headers["idempotency-replayed"] = "true"
    told = plain_ack(fact, accepted.account_seq, universe.symbols[order.symbol])
    return Reply(told, 200 if accepted.is_replay else 201, headers, is_durable=True)


async def _place_conditional(call: Call, body: OrderBody) -> Reply:
    """The definition; with `result` and `full`, after the entry's end or `wait_ms`."""
    services = call.services
    definition, entry, symbol = _conditional_intake(call, body)
    taken = await services.conditionals.place(definition, entry, call.principal.mode, deadline_ts_ns=body.deadline or 0)
    status = 200 if taken.is_replay else 201
    headers = {"Location": f"/v1/conditional-orders/{taken.fact.conditional_id}"}
    if taken.is_replay:
        headers["Idempotency-Replayed"] = "true"
    if body.response_type is ResponseType.ACK:
        payload = conditional_ack_json(taken.fact, taken.account_seq, symbol)
        return Reply(payload, status, headers, is_durable=True)
    record = await services.conditionals.find(taken.fact.account, taken.fact.conditional_id)
    if record.definition.has_entry_order:
        await services.submit.wait_done(record.legs[0].order_ids[0], body.wait_ms)
    view = await services.conditionals.view(record)
    payload = conditional_json(view, symbol, is_nested=body.response_type is ResponseType.FULL)
    return Reply(payload, status, headers)


async def preview_order(call: Call, body: OrderBody) -> Json:
    """What the order would cost and where it would go, and which check would refuse it. No venue is called.

    Of a conditional order: its entry, or its first leg as if that triggered now.
    """
    services = call.services
    if is_conditional(body):
        definition, entry, symbol = _conditional_intake(call, body)
        order = services.conditionals.preview_order(definition, entry)
    else:
        order, symbol = _intake(call, body)
    preview = services.estimate.preview(order, call.principal.mode)
    now_ns = services.engine.now_ns()
    planned = preview.planned
    route = route_json(planned.plan, symbol, services.engine.universe, None) if planned else None
    checks = [check_json(check.code.value, check.refusal) for check in preview.checks]
    return {
        "preview_id": prefixed_ulid("pvw", now_ns, services.estimate.preview_key(order), now_ns),
        "expires_at": time_text(now_ns + PREVIEW_TTL_NS),
        "symbol": symbol.name,
        "would_be_accepted": all(check.refusal is None for check in preview.checks),
        "price_cap": price_or_none(preview.price_cap_units, symbol.price_scale),
        "route": route,
        "checks": checks,
        "warnings": _warnings(route) + _unasked(order),
        "estimate": estimate_json(preview.foretold.estimate),
        "estimate_missing": preview.foretold.why,
    } | foreseen_json(order, preview.schedule, (preview.slices, preview.resting), symbol)


async def list_orders(call: Call, query: Annotated[OrdersQuery, Query()]) -> Json:
    """The account's orders by id, newest first."""
    account = auth.account_of(call.principal, query.account)
    reads = call.services.reads
    symbol = reads.known_symbol(query.symbol, "/query/symbol").name if query.symbol else ""
    is_open = None if query.status is None else query.status is Openness.OPEN
    page = await reads.orders(account, OrderFilter(symbol, is_open), slice_of(query))
    told = [await _order_json(call, record, is_nested=query.nested) for record in page.rows]
    return page_json(PageOf(told, page.next_cursor), lambda row: row)


async def get_order(call: Call, order_id: str, query: Annotated[AccountQuery, Query()]) -> Json:
    """One order, by its id or as `client:{client_order_id}`."""
    record = await _record(call, order_id, query)
    return await _order_json(call, record, is_nested=True)


async def cancel_order(call: Call, order_id: str, query: Annotated[AccountQuery, Query()]) -> Json:
    """Asks to cancel. What venues confirm comes as events; a done order answers as it is."""
    record = await _record(call, order_id, query)
    after = await call.services.cancel.cancel(record, call.principal.actor)
    return order_json(after, _symbol(call, after))


async def cancel_orders(call: Call, query: Annotated[CancelAllQuery, Query()]) -> Json:
    """Asks to cancel every open order that matches all filters; one line each.

    Without a filter by side, venue or tag, conditional orders are canceled too, first, with an `order_id` of `cnd_…`.
    """
    account = auth.account_of(call.principal, query.account)
    services = call.services
    symbol = services.reads.known_symbol(query.symbol, "/query/symbol").name if query.symbol else ""
    conditionals = services.conditionals
    groups: Sequence[ConditionalRecord] = ()
    if query.side is None and query.venue is None and query.tag is None:
        groups = await conditionals.cancel_all(account, call.principal.actor, symbol=symbol)
    outcomes = await services.cancel.cancel_all(
        account,
        call.principal.actor,
        symbol=symbol,
        side=query.side,
        venue=query.venue or "",
        tag=query.tag or "",
    )
    return {
        "data": [
            {
                "order_id": record.conditional_id,
                "client_order_id": record.definition.client_order_id,
                "status": (await conditionals.view(record)).status.value,
                "problem": None,
            }
            for record in groups
        ]
        + [
            {
                "order_id": outcome.record.order_id,
                "client_order_id": outcome.record.accepted.order.client_order_id,
                "status": outcome.record.status.value,
                "problem": (
                    None
                    if outcome.error is None
                    else problem_of(outcome.error).document(call.scope["path"], call.request_id)
                ),
            }
            for outcome in outcomes
        ]
    }


async def list_children(call: Call, order_id: str, query: Annotated[AccountQuery, Query()]) -> Json:
    """Every order that was sent to a venue for this one, oldest first."""
    record = await _record(call, order_id, query)
    return {"data": [child_json(child, _own(call, child.child.symbol)) for child in record.children.values()]}


async def list_order_executions(call: Call, order_id: str, query: Annotated[AccountQuery, Query()]) -> Json:
    """The order's fills, oldest first."""
    record = await _record(call, order_id, query)
    return {"data": _executions(call, record)}


async def get_order_route(call: Call, order_id: str, query: Annotated[AccountQuery, Query()]) -> Json:
    """Why it went where it went: one plan per wave, oldest first, each with its certificate."""
    record = await _record(call, order_id, query)
    return {"data": _routes(call, record, _symbol(call, record))}


async def list_order_events(call: Call, order_id: str, query: Annotated[AccountQuery, Query()]) -> Json:
    """The order's whole life, fact by fact."""
    record = await _record(call, order_id, query)
    items = await call.services.reads.order_events(record)
    universe = call.services.engine.universe
    return {"data": [event_json(item, universe) for item in items]}


async def resolve_child(
    call: Call, order_id: str, child_id: str, query: Annotated[AccountQuery, Query()], body: ResolveBody
) -> Json:
    """An operator closes a child whose outcome is unknown, or that is overdue. Nothing else ends it but its venue.

    One that its venue still speaks of is overdue a minute after its end was due; its order must be canceled first.
    """
    auth.require_operator(call.principal)
    record = await _record(call, order_id, query)
    child = await call.services.admin.resolve(
        record.account, record.order_id, child_id, call.principal.actor, body.evidence
    )
    return child_json(child, _own(call, child.child.symbol))


async def list_executions(call: Call, query: Annotated[ExecutionsQuery, Query()]) -> Json:
    """The account's fills by their place in the journal, newest first."""
    account = auth.account_of(call.principal, query.account)
    reads = call.services.reads
    symbol = reads.known_symbol(query.symbol, "/query/symbol").name if query.symbol else ""
    page = await reads.executions(account, OrderFilter(symbol), slice_of(query))
    return page_json(page, lambda row: execution_json(row.fill, row.order, _own(call, row.fill.fill.symbol)))


def _conditional_intake(call: Call, body: OrderBody) -> tuple[Conditional, ParentOrder | None, Symbol]:
    services = call.services
    account = auth.trading_account(call.principal, body.account)
    symbol = services.reads.known_symbol(body.symbol, "/symbol")
    engine = services.engine
    return *conditional_order(body, symbol, engine.universe, account, engine.now_ns()), symbol


async def _order_json(call: Call, record: ParentRecord, *, is_nested: bool) -> Json:
    """The order, and whose leg it is if it is one."""
    symbol, conditionals = _symbol(call, record), call.services.conditionals
    place = await conditionals.of_order(record)
    if place is None:
        return order_json(record, symbol)
    told: Json = {"conditional_id": place[0].conditional_id, "leg": place[1]}
    if is_nested:
        told["legs"] = group_json(await conditionals.view(place[0]), symbol)
    return order_json(record, symbol) | {"conditional": told}


def _intake(call: Call, body: OrderBody) -> tuple[ParentOrder, Symbol]:
    services = call.services
    account = auth.trading_account(call.principal, body.account)
    symbol = services.reads.known_symbol(body.symbol, "/symbol")
    refuse_strays(body)
    engine = services.engine
    return parent_order(body, symbol, engine.universe, account, engine.now_ns()), symbol


async def _record(call: Call, reference: str, query: AccountQuery) -> ParentRecord:
    return await call.services.reads.order(auth.account_of(call.principal, query.account), reference)


def _symbol(call: Call, record: ParentRecord) -> Symbol:
    return call.services.engine.universe.symbols[record.accepted.order.symbol]


def _own(call: Call, name: str) -> Symbol:
    """The symbol of a child or fill: with a quote_pool not always its order's."""
    return call.services.engine.universe.symbols[name]


def _executions(call: Call, record: ParentRecord) -> list[Json]:
    return [execution_json(fill, record, _own(call, fill.fill.symbol)) for fill in record.fills]


def _routes(call: Call, record: ParentRecord, symbol: Symbol) -> list[Json]:
    universe = call.services.engine.universe
    return [route_json(fact.plan, symbol, universe, record.order_id) for _, fact in record.routes]


def _warnings(route: Json | None) -> list[Json]:
    if route is None or route["unallocated"]["code"] is None:
        return []
    code = route["unallocated"]["code"]
    rest = route["unallocated"]["qty"] or route["unallocated"]["notional"]
    return [{"code": code, "detail": f"{rest} of it would find no venue now."}]


def _unasked(order: ParentOrder) -> list[Json]:
    """A preview calls no venue, and so asks nobody."""
    terms = order.sweep
    if terms is None or (terms.style is not SweepStyle.DARK_THEN_LIT and not terms.asks_dealers):
        return []
    detail = "Dark venues and dealers are asked by the order itself; this is its lit route."
    return [{"code": "hidden_not_asked", "detail": detail}]


_ID: Final = "/v1/orders/{order_id}"
SPECS: Final = (
    Spec(
        "POST",
        "/v1/orders",
        place_order,
        Scope.TRADE,
        PlacedOrder | ConditionalOrder,
        "orders",
        status=201,
        statuses={200: "The order had been placed before with the same body."},
        problems=(
            *_REFUSALS,
            "unknown_symbol",
            "client_order_id_conflict",
            "outcome_unknown",
            "trigger_source_unavailable",
            "trigger_location_unavailable",
            "history_unavailable",
        ),
        headers=_REPLAYED,
        plainly=place_plainly,
    ),
    Spec(
        "POST",
        "/orders",
        place_order,
        Scope.TRADE,
        PlacedOrder,
        "orders",
        status=201,
        in_schema=False,
        plainly=place_plainly,
    ),
    Spec("POST", "/v1/orders/preview", preview_order, Scope.READ, Preview, "orders", problems=_OF_PREVIEW),
    Spec("GET", "/v1/orders", list_orders, Scope.READ, OrderPage, "orders", problems=_OF_ORDER),
    Spec(
        "DELETE",
        "/v1/orders",
        cancel_orders,
        Scope.TRADE,
        CanceledList,
        "orders",
        status=207,
        problems=("account_required", "unknown_symbol"),
    ),
    Spec("GET", _ID, get_order, Scope.READ, Order, "orders", problems=_OF_ORDER),
    Spec("DELETE", _ID, cancel_order, Scope.TRADE, Order, "orders", status=202, problems=_OF_ORDER),
    Spec("GET", f"{_ID}/children", list_children, Scope.READ, ChildList, "orders", problems=_OF_ORDER),
    Spec("GET", f"{_ID}/executions", list_order_executions, Scope.READ, ExecutionList, "orders", problems=_OF_ORDER),
    Spec("GET", f"{_ID}/route", get_order_route, Scope.READ, RouteList, "orders", problems=_OF_ORDER),
    Spec("GET", f"{_ID}/events", list_order_events, Scope.READ, EventList, "orders", problems=_OF_ORDER),
    Spec(
        "POST",
        f"{_ID}/children/{{child_id}}/resolve",
        resolve_child,
        Scope.ADMIN,
        ChildOrderSchema,
        "orders",
        problems=(*_OF_ORDER, "not_unknown", "evidence_missing"),
    ),
    Spec("GET", "/v1/executions", list_executions, Scope.READ, ExecutionPage, "executions", problems=_OF_ORDER),
)
