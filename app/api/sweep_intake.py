"""From `strategy_params` of an order at once to SweepTerms: exact, or refused with a pointer to the culprit."""

from __future__ import annotations

from typing import Final

from app.api.errors import FieldError
from app.api.schedule_intake import Exact
from app.api.schemas.order import OrderBody
from app.api.schemas.sweep import SweepBody
from app.domain.conditions import AskedType, OrderClass
from app.domain.enums import Remainder, TimeInForce
from app.domain.instrument import Symbol
from app.domain.sweeps import DEFAULT_WAIT_NS, MAX_WAIT_NS, SweepStyle, SweepTerms
from app.domain.units import NANO_SCALE, decimal_text

_AT: Final = "/strategy_params"
_RESTING: Final = (TimeInForce.GTC, TimeInForce.GTD)


def sweep_contradictions(body: OrderBody) -> list[FieldError]:
    """Members that cannot stand together with what an order at once asks for beyond lit books."""
    params, errors = body.strategy_params, list[FieldError]()
    if not isinstance(params, SweepBody) or not _is_more(params):
        return errors
    is_dark = params.sweep_style is SweepStyle.DARK_THEN_LIT
    is_post = params.sweep_style is SweepStyle.SWEEP_POST
    for pointer, is_there, hint in (
        ("/order_class", body.order_class is not OrderClass.SIMPLE, "Hidden liquidity is asked for by simple orders."),
        ("/quote_pool", body.quote_pool is not None, "Hidden liquidity is asked for in the symbol's own quote only."),
        ("/require_full_fill", body.require_full_fill, "Nobody knows what is hidden; leave it out."),
        ("/time_in_force", body.time_in_force is TimeInForce.FOK, "Nobody knows what is hidden; use ioc, gtc or gtd."),
        ("/notional", body.notional is not None, "Hidden liquidity is asked for by quantity: use qty."),
        (f"{_AT}/min_qty", params.min_qty is not None and not is_dark, "It belongs to dark_then_lit."),
        ("/type", is_post and body.type is not AskedType.LIMIT, "What rests needs a limit_price; use type limit."),
        ("/time_in_force", is_post and body.time_in_force not in _RESTING, "What rests lives on; use gtc or gtd."),
        ("/remainder", is_post and body.remainder is Remainder.NONE, "What is left rests; leave it out."),
    ):
        if is_there:
            errors.append(FieldError(pointer, "excluded", hint=hint))
    return errors


def sweep_of(body: OrderBody, symbol: Symbol, exact: Exact, errors: list[FieldError]) -> SweepTerms | None:
    """What `body` asks for beyond a plain sweep; None for a plain one. What does not fit is noted."""
    params = body.strategy_params
    if not isinstance(params, SweepBody) or not _is_more(params):
        return None
    wait_ns = exact(f"{_AT}/wait", params.wait, NANO_SCALE, "s")
    min_qty_units = exact(f"{_AT}/min_qty", params.min_qty, symbol.qty_scale, symbol.qty_currency)
    if wait_ns is not None and wait_ns > MAX_WAIT_NS:
        most, told = decimal_text(MAX_WAIT_NS, NANO_SCALE), decimal_text(wait_ns, NANO_SCALE)
        errors.append(FieldError(f"{_AT}/wait", "too_long", most, told, unit="s", hint=f"Use at most {most}."))
        return None
    return SweepTerms(
        style=params.sweep_style,
        version=params.version,
        min_qty_units=min_qty_units or 0,
        wait_ns=wait_ns or DEFAULT_WAIT_NS,
        asks_dealers=params.dealers,
    )


def _is_more(params: SweepBody) -> bool:
    return params.sweep_style is not SweepStyle.SWEEP or params.dealers
