"""What an account has, may do, was refused, and everything that happened to it."""

from __future__ import annotations

from typing import Annotated, Any, Final

import orjson
from fastapi import Query
from starlette.responses import Response

from app.api import auth, sse
from app.api.door import Call, Spec
from app.api.errors import FieldError
from app.api.intake import BPS_SCALE
from app.api.routes.pages import page_json, slice_of
from app.api.schemas.account import (
    BalanceList,
    BreakList,
    Limits,
    LimitsBody,
    PositionList,
    RefusalPage,
    UsageList,
)
from app.api.schemas.event import EventPage, EventsQuery
from app.api.schemas.order import AccountQuery, PageQuery
from app.api.validate import invalid
from app.api.wire.account import balance_json, break_json, limits_json, position_json, refusal_json, usage_json
from app.api.wire.event import event_json
from app.domain.enums import Scope
from app.domain.errors import BadDecimal, BadRequest
from app.domain.limits import Limits as DomainLimits
from app.domain.units import NANO_SCALE, units_exact
from app.services.streams import StreamItem

Json = dict[str, Any]


async def list_balances(call: Call, query: Annotated[AccountQuery, Query()]) -> Json:
    """Balances per venue and currency."""
    account = auth.account_of(call.principal, query.account)
    reads = call.services.reads
    rows = [balance_json(*row) for row in reads.balances(account)]
    return {"account": account, "last_seq": reads.last_seq(account), "data": rows}


async def list_positions(call: Call, query: Annotated[AccountQuery, Query()]) -> Json:
    """Positions per venue and symbol; flat ones are left out."""
    account = auth.account_of(call.principal, query.account)
    services = call.services
    symbols = services.engine.universe.symbols
    rows = [position_json(venue, symbols[name], units) for venue, name, units in services.reads.positions(account)]
    return {"account": account, "last_seq": services.reads.last_seq(account), "data": rows}


async def list_breaks(call: Call, query: Annotated[AccountQuery, Query()]) -> Json:
    """Where a venue's own books, or the database, differ from the log and nothing explains it. None is as it should be.

    The operator without an account sees every one.
    """
    is_everybody = call.principal.is_operator and query.account is None
    account = "" if is_everybody else auth.account_of(call.principal, query.account)
    now_ns = call.services.engine.now_ns()
    found = call.services.reads.breaks(account, is_everybody=is_everybody)
    return {"account": account or None, "data": [break_json(record, now_ns) for record in found]}


async def get_limits(call: Call, query: Annotated[AccountQuery, Query()]) -> Json:
    """The limits in force."""
    account = auth.account_of(call.principal, query.account)
    return {"account": account} | limits_json(_limits(call, account))


async def put_limits(call: Call, query: Annotated[AccountQuery, Query()], body: LimitsBody) -> Json:
    """Replaces the limits as a whole. `version` must be the next one: nobody overwrites unseen changes."""
    account = auth.account_of(call.principal, query.account)
    limits = _from_body(call, body)
    after = await call.services.admin.set_limits(account, limits, call.principal.actor)
    return {"account": account} | limits_json(after)


async def list_usage(call: Call, query: Annotated[AccountQuery, Query()]) -> Json:
    """What is used of each limit that accumulates, worst case."""
    account = auth.account_of(call.principal, query.account)
    limits = _limits(call, account)
    rows = [usage_json(used) for used in call.services.reads.usage(account, limits)]
    return {"account": account, "limits_version": limits.version, "data": rows}


async def list_refusals(call: Call, query: Annotated[PageQuery, Query()]) -> Json:
    """Well-formed orders that a rule said no to, newest first. They are no orders: their client ids are free."""
    account = auth.account_of(call.principal, query.account)
    return page_json(call.services.reads.refusals(account, slice_of(query)), refusal_json)


async def list_events(call: Call, query: Annotated[EventsQuery, Query()]) -> Json | Response:
    """The account's journal behind `after_seq`, oldest first; as a stream with Accept: text/event-stream."""
    account = auth.account_of(call.principal, query.account)
    services = call.services
    universe = services.engine.universe

    def render(item: StreamItem) -> bytes:
        return orjson.dumps(event_json(item, universe))

    headers = call.headers
    if sse.is_wanted(headers.get("accept", "")):
        after_seq = sse.resume_point(headers.get("last-event-id"), query.after_seq)
        prefix = call.principal.prefix
        return sse.sse_response(
            services.streams,
            account,
            after_seq,
            render=render,
            is_allowed=lambda: prefix in services.engine.ledger.keys,
        )
    last_seq = services.streams.last_seq(account)
    if query.after_seq >= last_seq:
        return {"data": [], "has_more": False, "last_seq": last_seq}
    items = await services.streams.cursor(account, query.after_seq).page(query.limit)
    last_seq = services.streams.last_seq(account)
    has_more = bool(items) and items[-1].seq < last_seq
    return {"data": [event_json(item, universe) for item in items], "has_more": has_more, "last_seq": last_seq}


def _limits(call: Call, account: str) -> DomainLimits:
    limits = call.services.reads.limits(account)
    if limits is None:
        raise BadRequest("not_found", "The account has no limits.", hint="PUT /v1/risk/limits sets them.")
    return limits


def _from_body(call: Call, body: LimitsBody) -> DomainLimits:
    """The limits as integers; raises InvalidRequest naming every field that does not fit."""
    errors: list[FieldError] = []

    def exact(name: str, scale: int) -> int:
        try:
            return units_exact(getattr(body, name), scale)
        except BadDecimal as error:
            hint = (
                f"Use a multiple of {error.limit}." if error.reason == "increment" else f"Use less than {error.limit}."
            )
            errors.append(FieldError(f"/{name}", error.reason, error.limit, error.value, hint=hint))
            return 0

    symbols = [
        call.services.reads.known_symbol(s, f"/allowed_symbols/{i}").name for i, s in enumerate(body.allowed_symbols)
    ]
    limits = DomainLimits(
        version=body.version,
        max_order_notional_nano=exact("max_order_notional", NANO_SCALE),
        max_order_qty_nano=exact("max_order_qty", NANO_SCALE),
        max_open_orders=body.max_open_orders,
        max_open_notional_nano=exact("max_open_notional", NANO_SCALE),
        max_position_nano=exact("max_position", NANO_SCALE),
        venue_credit_nano=exact("venue_credit", NANO_SCALE),
        price_collar_ppm=exact("price_collar_bps", BPS_SCALE),
        max_slippage_ppm=exact("max_slippage_bps", BPS_SCALE),
        default_slippage_ppm=exact("default_slippage_bps", BPS_SCALE),
        duplicate_window_ns=body.duplicate_window_ms * 1_000_000,
        message_rate_per_s=body.message_rate_per_s,
        message_burst=body.message_burst,
        allowed_symbols=tuple(dict.fromkeys(symbols)),
    )
    for name, ppm in (("price_collar_bps", limits.price_collar_ppm), ("max_slippage_bps", limits.max_slippage_ppm)):
        if ppm >= 1_000_000:
            errors.append(FieldError(f"/{name}", "too_big", "10000", hint="Less than 10000 bps."))
    if limits.default_slippage_ppm > limits.max_slippage_ppm:
        hint = "The default cap cannot be wider than the widest."
        errors.append(FieldError("/default_slippage_bps", "too_big", str(body.max_slippage_bps), hint=hint))
    if errors:
        raise invalid(errors)
    return limits


_NAMED: Final = ("account_required",)
SPECS: Final = (
    Spec("GET", "/v1/balances", list_balances, Scope.READ, BalanceList, "account", problems=_NAMED),
    Spec("GET", "/v1/positions", list_positions, Scope.READ, PositionList, "account", problems=_NAMED),
    Spec("GET", "/v1/breaks", list_breaks, Scope.READ, BreakList, "risk"),
    Spec("GET", "/v1/events", list_events, Scope.READ, EventPage, "account", problems=_NAMED),
    Spec("GET", "/v1/refusals", list_refusals, Scope.READ, RefusalPage, "risk", problems=_NAMED),
    Spec("GET", "/v1/risk/limits", get_limits, Scope.READ, Limits, "risk", problems=(*_NAMED, "not_found")),
    Spec(
        "PUT",
        "/v1/risk/limits",
        put_limits,
        Scope.RISK,
        Limits,
        "risk",
        problems=(*_NAMED, "version_conflict", "unknown_symbol"),
    ),
    Spec("GET", "/v1/risk/usage", list_usage, Scope.READ, UsageList, "risk", problems=(*_NAMED, "not_found")),
)
