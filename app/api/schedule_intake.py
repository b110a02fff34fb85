"""From `strategy_params` to a Schedule in symbol units: exact, or refused with a pointer to the culprit."""

from __future__ import annotations

from decimal import Decimal
from typing import Final, Protocol

from app.api.errors import FieldError
from app.api.schemas.order import OrderBody
from app.api.schemas.schedule import (
    ClockedParams,
    ImpactParams,
    PovParams,
    ScheduleParams,
    ShortfallParams,
    VwapParams,
)
from app.api.schemas.sweep import SweepBody
from app.domain.bending import DEFAULT_TILT_PPM
from app.domain.calibration import Decay
from app.domain.enums import TimeInForce
from app.domain.instrument import Symbol
from app.domain.posting import RestTerms
from app.domain.schedule import AdaptiveParameters, CostLaw
from app.domain.scheduled import Schedule, ShortfallAsk
from app.domain.units import NANO_SCALE

PPM_SCALE: Final = 6
_AT: Final = "/strategy_params"


class Exact(Protocol):
    """Decimal -> integer at a scale, None where it does not fit and the culprit was noted."""

    def __call__(self, pointer: str, value: Decimal | None, scale: int, unit: str) -> int | None: ...


def contradictions(body: OrderBody) -> list[FieldError]:
    """Members that cannot stand together with a strategy in time, or without one."""
    errors: list[FieldError] = []
    if not body.strategy.is_scheduled:
        params = body.strategy_params
        if params is not None and params.strategy != body.strategy.value:
            hint = f"They are of {params.strategy}; {body.strategy.value} takes its own."
            errors.append(FieldError(_AT, "excluded", hint=hint))
        return errors
    params = body.strategy_params
    if isinstance(params, ClockedParams) and params.version == 1 and params.max_tilt is not None:
        errors.append(FieldError(f"{_AT}/max_tilt", "excluded", hint="Only version 2 bends its plan."))
    if isinstance(params, ScheduleParams) and params.discretion_past_limit and params.discretion_ticks is None:
        errors.append(FieldError(f"{_AT}/discretion_past_limit", "excluded", hint="Only with discretion_ticks."))
    if body.strategy_params is None:
        errors.append(FieldError(_AT, "missing", hint=f"{body.strategy.value} needs them, end_at at the least."))
    elif body.strategy_params.strategy != body.strategy.value:
        hint = "It repeats the order's strategy; leave it out."
        limit, actual = body.strategy.value, body.strategy_params.strategy
        errors.append(FieldError(f"{_AT}/strategy", "contradiction", limit, actual, hint=hint))
    errors += _strays(body.strategy_params)
    for pointer, is_there, hint in (
        ("/notional", body.notional is not None, "A strategy in time needs a quantity: use qty."),
        ("/require_full_fill", body.require_full_fill, "A strategy in time has many children."),
        ("/remainder", body.remainder is not None, "A strategy in time says itself what waits; leave it out."),
        (
            "/time_in_force",
            body.time_in_force in (TimeInForce.IOC, TimeInForce.FOK),
            "A strategy in time lives until its end_at; use gtc or gtd.",
        ),
    ):
        if is_there:
            errors.append(FieldError(pointer, "excluded", hint=hint))
    return errors


def _strays(params: object) -> list[FieldError]:
    """Members of the transient law beside another law, which would not look at them."""
    if not isinstance(params, ShortfallParams) or params.impact.law is CostLaw.TRANSIENT:
        return []
    hint = f"It is the transient law's; leave it out with {params.impact.law.value}."
    names = ("decay", "decay_power", "decay_s", "stays")
    found = [name for name in names if getattr(params.impact, name) not in (None, Decay.EXPONENTIAL)]
    return [FieldError(f"{_AT}/impact/{name}", "excluded", hint=hint) for name in found]


def schedule_of(body: OrderBody, symbol: Symbol, exact: Exact, tick_units: int = 1) -> Schedule | None:
    """The schedule that `body` asks for; None for an order at once. What does not fit is noted by `exact`.

    `tick_units`: what a tick of discretion is, the finest of the symbol's listings.
    """
    params = body.strategy_params
    if params is None or isinstance(params, SweepBody) or not body.strategy.is_scheduled:
        return None
    fungible = symbol.fungible
    slice_ns = exact(f"{_AT}/slice", params.slice, NANO_SCALE, "s")
    clip_units = exact(f"{_AT}/min_clip", params.min_clip, symbol.qty_scale, symbol.qty_currency)
    rate = params.rate if isinstance(params, PovParams) else None
    members: dict[str, object] = {}
    if isinstance(params, PovParams):
        members["volume_base"] = params.volume_base
    else:
        members["disguise"] = params.disguise
        members["max_tilt_ppm"] = _tilt_ppm(params, exact)
    return Schedule(
        strategy=body.strategy,
        version=params.version,
        start_ns=params.start_at or 0,
        end_ns=params.end_at,
        slice_ns=slice_ns or 0,
        urgency=params.urgency,
        cap_ppm=exact(f"{_AT}/participation_cap", params.participation_cap, PPM_SCALE, ""),
        would_price_units=exact(f"{_AT}/would_price", params.would_price, symbol.price_scale, fungible.quote),
        min_clip_units=clip_units or 0,
        weights=tuple(params.curve or ()) if isinstance(params, VwapParams) else (),
        rate_ppm=exact(f"{_AT}/rate", rate, PPM_SCALE, "") or 0,
        discretion_units=(params.discretion_ticks or 0) * tick_units,
        is_discretion_past_limit=params.discretion_past_limit,
        shortfall=_shortfall(params, symbol) if isinstance(params, ShortfallParams) else None,
        resting=_resting(params, symbol, exact),
        **members,  # type: ignore[arg-type]
    )


def _tilt_ppm(params: ClockedParams, exact: Exact) -> int:
    if params.version == AdaptiveParameters.VERSION and params.max_tilt is None:
        return DEFAULT_TILT_PPM
    return exact(f"{_AT}/max_tilt", params.max_tilt, PPM_SCALE, "") or 0


def _resting(params: ScheduleParams, symbol: Symbol, exact: Exact) -> RestTerms | None:
    """What the order says of children that rest, None where it says nothing. To show nothing at all is refused."""
    shown_units = exact(f"{_AT}/display_qty", params.display_qty, symbol.qty_scale, symbol.qty_currency)
    terms = RestTerms(params.posting, params.post_only, params.peg, shown_units or 0)
    return None if terms == RestTerms() else terms


def _shortfall(params: ShortfallParams, symbol: Symbol) -> ShortfallAsk:
    impact = params.impact
    one_nano = symbol.notional_nano(10**symbol.price_scale, 10**symbol.qty_scale)
    unit_money = Decimal(one_nano).scaleb(-NANO_SCALE - symbol.qty_scale - symbol.price_scale)
    return ShortfallAsk(
        law=impact.law,
        impact_bps=_text(impact.bps),
        rate_units=_text(impact.at_rate.scaleb(symbol.qty_scale)),
        unit_money=_text(unit_money),
        volatility_bps=_text(params.volatility_bps),
        risk_aversion=_text(params.risk_aversion),
        decay=impact.decay,
        **{name: _text(value) for name, value in _decay(impact).items() if value is not None},
    )


def _decay(impact: ImpactParams) -> dict[str, Decimal | None]:
    return {"decay_s": impact.decay_s, "decay_power": impact.decay_power, "stays": impact.stays}


def _text(value: Decimal) -> str:
    return format(value.normalize() if value else Decimal(0), "f")
