"""The shadow: what a desk trades elsewhere is told here, planned, never sent, and compared."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import Query
from starlette.responses import Response

from app.api import auth
from app.api.door import Call, Spec, answer
from app.api.intake import Scales, Step
from app.api.schemas.order import AccountQuery
from app.api.schemas.shadow import (
    ShadowDifference,
    ShadowFillBody,
    ShadowFills,
    ShadowFillsBody,
    ShadowFormat,
    ShadowParent,
    ShadowParentBody,
    ShadowReportQuery,
)
from app.api.validate import invalid
from app.api.wire.shadow import planned_json, report_json
from app.domain.enums import Scope
from app.domain.instrument import Symbol
from app.domain.shadow import DeskParent, Execution
from app.domain.units import NANO_SCALE

Json = dict[str, Any]
MARKDOWN: Final = "text/markdown"


async def tell_shadow_parent(call: Call, query: Annotated[AccountQuery, Query()], body: ShadowParentBody) -> Json:
    """Plans a parent of the desk's own on the books of this instant. Nothing is sent, now or later.

    The same `parent_id` with the same body gives the same plan. What the gate would refuse has a code and no plan.
    """
    services = call.services
    account = auth.account_of(call.principal, query.account)
    symbol = services.reads.known_symbol(body.symbol, "/symbol")
    scales, quote = Scales(symbol, services.engine.universe, []), symbol.fungible.quote
    qty_units = scales.positive("/qty", body.qty, Step(symbol.qty_scale, symbol.qty_currency, "lot_units"))
    price_step = Step(symbol.price_scale, quote)
    limit_units = scales.positive("/limit_price", body.limit_price, price_step)
    decision_units = scales.positive("/decision_price", body.decision_price, price_step)
    if scales.errors or qty_units is None:
        raise invalid(scales.errors)
    known = services.engine.ledger.shadows.get(account, {}).get(body.parent_id)
    told_ns = body.decision_at or (known.planned.parent.decision_ts_ns if known else services.engine.now_ns())
    parent = DeskParent(
        body.parent_id, symbol.name, body.side, qty_units, told_ns, body.end_at or 0, limit_units, decision_units
    )
    planned = await services.shadow.tell_parent(account, parent, call.principal.mode)
    return planned_json(planned, symbol)


async def tell_shadow_fills(call: Call, query: Annotated[AccountQuery, Query()], body: ShadowFillsBody) -> Json:
    """Fills that the desk really got for parents told before; one told twice counts once."""
    account = auth.account_of(call.principal, query.account)
    fills: dict[str, list[Execution]] = {}
    for i, told in enumerate(body.fills):
        symbol = call.services.shadow.parent_symbol(account, told.parent_id)
        fills.setdefault(told.parent_id, []).append(_fill(call, f"/fills/{i}", told, symbol))
    n_new = await call.services.shadow.tell_fills(account, fills)
    return {"n_new": n_new, "n_repeated": len(body.fills) - n_new}


async def get_shadow_report(call: Call, query: Annotated[ShadowReportQuery, Query()]) -> Json | Response:
    """The difference to the incumbent over every parent told: intervals, losers and exclusions. Bestex is simulated."""
    shadow = call.services.shadow
    report = await shadow.report(auth.account_of(call.principal, query.account))
    if query.format is ShadowFormat.JSON:
        return report_json(report)
    await call.services.engine.durable()
    return answer(shadow.render(report).encode(), 200, MARKDOWN, call.mode)


def _fill(call: Call, pointer: str, told: ShadowFillBody, symbol: Symbol) -> Execution:
    scales = Scales(symbol, call.services.engine.universe, [])
    price = scales.positive(f"{pointer}/price", told.price, Step(symbol.price_scale, symbol.fungible.quote))
    qty = scales.positive(f"{pointer}/qty", told.qty, Step(symbol.qty_scale, symbol.qty_currency))
    fee = scales.exact(f"{pointer}/fee", abs(told.fee), Step(NANO_SCALE, told.fee_currency))
    if scales.errors or price is None or qty is None or fee is None:
        raise invalid(scales.errors)
    signed = -fee if told.fee < 0 else fee
    return Execution(told.fill_id, told.venue, told.at, price, qty, signed, told.fee_currency)


_OF_ACCOUNT: Final = ("account_required", "client_order_id_conflict", "invalid_quantity", "invalid_price_increment")
SPECS: Final = (
    Spec(
        "POST",
        "/v1/shadow/parents",
        tell_shadow_parent,
        Scope.TRADE,
        ShadowParent,
        "tca",
        problems=(*_OF_ACCOUNT, "unknown_symbol", "over_ceiling"),
    ),
    Spec(
        "POST",
        "/v1/shadow/fills",
        tell_shadow_fills,
        Scope.TRADE,
        ShadowFills,
        "tca",
        problems=(*_OF_ACCOUNT, "not_found"),
    ),
    Spec(
        "GET",
        "/v1/shadow/report",
        get_shadow_report,
        Scope.READ,
        ShadowDifference,
        "tca",
        problems=("account_required",),
        other_media=(MARKDOWN,),
    ),
)
