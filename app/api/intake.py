"""From a parsed body to a ParentOrder in symbol units: exact, or refused with the nearest right values."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import Final, Literal, NamedTuple

from app.api.errors import FieldError, decimal_error
from app.api.schedule_intake import PPM_SCALE, contradictions, schedule_of
from app.api.schemas.order import OrderBody
from app.api.schemas.schedule import AmendBody
from app.api.sweep_intake import sweep_contradictions, sweep_of
from app.api.validate import invalid
from app.domain.conditions import AskedType
from app.domain.enums import ContractKind, OrderType, Remainder, TimeInForce
from app.domain.errors import BadDecimal
from app.domain.instrument import Symbol
from app.domain.orders import ParentOrder, VenueFilter
from app.domain.quote_pool import MAX_BASIS_PPM, Carrier, QuotePool, may_pool
from app.domain.scheduled import Amendment
from app.domain.units import NANO_SCALE, decimal_text, units_exact
from app.domain.universe import Universe

BPS_SCALE: Final = 2  # 0.01 bps = 1 ppm
_RESTING: Final = (TimeInForce.GTC, TimeInForce.GTD)


def parent_order(body: OrderBody, symbol: Symbol, universe: Universe, account: str, now_ns: int) -> ParentOrder:
    """The order as the engine takes it, without its body hash. Raises InvalidRequest with every culprit at once."""
    scales, steps = Scales(symbol, universe, _contradictions(body)), _steps(symbol)
    qty_units = scales.positive("/qty", body.qty, steps.qty)
    notional_nano = scales.positive("/notional", body.notional, steps.notional)
    limit_price_units = scales.positive("/limit_price", body.limit_price, steps.limit_price)
    max_slippage_ppm = scales.exact("/max_slippage_bps", body.max_slippage_bps, _BPS)
    decision_price_units = scales.positive("/decision_price", body.decision_price, steps.decision_price)
    venues = venue_filter(scales.errors, body, universe)
    quote_pool = _quote_pool(scales, body, symbol, universe)
    ticks = [listing.tick_units for listing in universe.listings(symbol.name).values()]
    schedule = schedule_of(body, symbol, scales.at, min(ticks, default=1))
    sweep = sweep_of(body, symbol, scales.at, scales.errors)
    if scales.errors:
        raise invalid(scales.errors)
    is_resting = schedule is None and body.type is AskedType.LIMIT and body.time_in_force in _RESTING
    return ParentOrder(
        account=account,
        client_order_id=body.client_order_id or f"auto-{secrets.token_hex(12)}",
        symbol=symbol.name,
        side=body.side,
        order_type=OrderType(body.type.value),
        time_in_force=body.time_in_force,
        strategy=body.strategy,
        remainder=body.remainder or (Remainder.HELD if is_resting else Remainder.NONE),
        qty_units=qty_units,
        notional_nano=notional_nano,
        limit_price_units=limit_price_units,
        max_slippage_ppm=max_slippage_ppm,
        expire_ts_ns=body.expire_at or 0,
        venues=venues,
        is_full_fill_required=body.require_full_fill,
        decision_ts_ns=body.decision_at or 0,
        decision_price_units=decision_price_units,
        received_ts_ns=now_ns,
        body_hash="",
        tags=tuple(sorted(body.tags.items())),
        quote_pool=quote_pool,
        schedule=schedule,
        sweep=sweep,
    )


def amendment(body: AmendBody, symbol: Symbol, universe: Universe) -> Amendment:
    """What changes, in symbol units. Raises InvalidRequest with every culprit at once."""
    scales = Scales(symbol, universe, [])
    quote = symbol.fungible.quote
    change = Amendment(
        qty_units=scales.positive("/qty", body.qty, Step(symbol.qty_scale, symbol.qty_currency, "lot_units")),
        limit_price_units=scales.positive(
            "/limit_price", body.limit_price, Step(symbol.price_scale, quote, "tick_units")
        ),
        end_ns=body.end_at,
        cap_ppm=scales.at("/participation_cap", body.participation_cap, PPM_SCALE, ""),
        would_price_units=scales.at("/would_price", body.would_price, symbol.price_scale, quote),
        urgency=body.urgency,
        is_cap_dropped=body.drops("participation_cap"),
        is_would_price_dropped=body.drops("would_price"),
        if_version=body.if_version or 0,
    )
    if not scales.errors and change == Amendment(if_version=change.if_version):
        scales.errors.append(FieldError("/qty", "missing", hint="Say what changes: at least one member."))
    if scales.errors:
        raise invalid(scales.errors)
    return change


def _contradictions(body: OrderBody) -> list[FieldError]:
    """Members that cannot stand together."""
    errors = contradictions(body) + sweep_contradictions(body)

    def add(pointer: str, code: str, hint: str) -> None:
        errors.append(FieldError(pointer, code, hint=hint))

    if body.qty is None and body.notional is None:
        add("/qty", "missing", "Send qty or notional, one of the two.")
    if body.qty is not None and body.notional is not None:
        add("/notional", "excluded", "Send qty or notional, not both.")
    if body.type is AskedType.LIMIT and body.limit_price is None:
        add("/limit_price", "missing", "A limit order needs a limit_price.")
    if body.type is AskedType.MARKET and body.limit_price is not None:
        add("/limit_price", "excluded", "A market order has none; use type limit.")
    if body.time_in_force is TimeInForce.GTD and body.expire_at is None:
        add("/expire_at", "missing", "gtd needs expire_at.")
    if body.time_in_force is not TimeInForce.GTD and body.expire_at is not None:
        add("/expire_at", "excluded", "expire_at belongs to gtd only.")
    if body.remainder is Remainder.HELD:
        if body.time_in_force not in _RESTING:
            add("/remainder", "excluded", f"{body.time_in_force.value} leaves nothing to hold; use none.")
        elif body.type is AskedType.MARKET:
            add("/remainder", "excluded", "Only a limit order can be held.")
    if body.quote_pool is not None and (body.require_full_fill or body.time_in_force is TimeInForce.FOK):
        add("/quote_pool", "excluded", "One venue must fill it whole, and that in one currency; leave quote_pool out.")
    if body.decision_price is not None and body.decision_at is None:
        add("/decision_at", "missing", "decision_price needs decision_at.")
    return errors


@dataclass(frozen=True, slots=True)
class Step:
    """A field's integer scale, its unit, and which of a listing's steps its neighbours are told in."""

    scale: int
    unit: str
    listing_step: Literal["lot_units", "tick_units", ""] = ""


_BPS: Final = Step(BPS_SCALE, "bps")


class _Steps(NamedTuple):
    """The steps of an order's fields in one symbol."""

    qty: Step
    notional: Step
    limit_price: Step
    decision_price: Step


@lru_cache(maxsize=1_024)
def _steps(symbol: Symbol) -> _Steps:
    quote = symbol.fungible.quote
    return _Steps(
        qty=Step(symbol.qty_scale, symbol.qty_currency, "lot_units"),
        notional=Step(NANO_SCALE, quote),
        limit_price=Step(symbol.price_scale, quote, "tick_units"),
        decision_price=Step(symbol.price_scale, quote),
    )


@dataclass(frozen=True, slots=True)
class Scales:
    """Converts fields to integers and gathers what does not fit."""

    symbol: Symbol
    universe: Universe
    errors: list[FieldError]

    def positive(self, pointer: str, value: Decimal | None, step: Step) -> int | None:
        if value is not None and not value:
            hint = "Use more than 0."
            self.errors.append(FieldError(pointer, "zero", limit="0", actual="0", unit=step.unit, hint=hint))
            return None
        return self.exact(pointer, value, step)

    def at(self, pointer: str, value: Decimal | None, scale: int, unit: str) -> int | None:
        """As `positive`, with the scale and unit named."""
        return self.positive(pointer, value, Step(scale, unit))

    def exact(self, pointer: str, value: Decimal | None, step: Step) -> int | None:
        if value is None:
            return None
        try:
            return units_exact(value, step.scale)
        except BadDecimal as error:
            self.errors.append(self._refusal(pointer, value, step, error))
            return None

    def _refusal(self, pointer: str, value: Decimal, step: Step, error: BadDecimal) -> FieldError:
        if error.reason != "increment":
            return decimal_error(pointer, error, unit=step.unit)
        listings = self.universe.listings(self.symbol.name).values() if step.listing_step else ()
        step_units = min((getattr(listing, step.listing_step) for listing in listings), default=1)
        told = BadDecimal(reason="increment", limit=decimal_text(step_units, step.scale), value=error.value)
        return decimal_error(pointer, told, unit=step.unit, hint=f"Use {nearest(value, step.scale, step_units)}.")


def nearest(value: Decimal, scale: int, step_units: int) -> str:
    """The valid neighbours of `value` in steps of `step_units`: "0.1 or 0.10001"; only the upper one from below."""
    below = int(value.scaleb(scale)) // step_units * step_units
    texts = [decimal_text(units, scale) for units in (below, below + step_units) if units]
    return " or ".join(texts)


def _quote_pool(scales: Scales, body: OrderBody, symbol: Symbol, universe: Universe) -> QuotePool | None:
    """The pool, each currency of it known to trade against the base, or its culprits."""
    asked = body.quote_pool
    if asked is None:
        return None
    errors, own = scales.errors, symbol.fungible
    if own.kind is not ContractKind.SPOT:
        hint = "Contracts settle in one currency each; a quote_pool is for spot only."
        errors.append(FieldError("/quote_pool", "not_spot", "spot", own.kind.value, hint=hint))
        return None
    if asked.carrier is Carrier.CONVERT:
        hint = "Converting afterwards is not offered; the desk carries the other currency: desk."
        errors.append(
            FieldError("/quote_pool/carrier", "not_offered", Carrier.DESK.value, asked.carrier.value, hint=hint)
        )
    max_basis_ppm = scales.exact("/quote_pool/max_basis_bps", asked.max_basis_bps, Step(BPS_SCALE, "bps")) or 0
    if max_basis_ppm > MAX_BASIS_PPM:
        most, told = decimal_text(MAX_BASIS_PPM, BPS_SCALE), decimal_text(max_basis_ppm, BPS_SCALE)
        pointer = "/quote_pool/max_basis_bps"
        errors.append(FieldError(pointer, "too_wide", most, told, unit="bps", hint=f"Use at most {most}."))
    pool = QuotePool(tuple(dict.fromkeys(asked.currencies)), max_basis_ppm, asked.carrier)
    if own.quote not in pool.currencies:
        hint = f"Name {own.quote} too: a currency is used only where it is named."
        errors.append(FieldError("/quote_pool/currencies", "missing", own.quote, hint=hint))
    others = {s.fungible.quote for s in universe.symbols.values() if may_pool(own, s.fungible, pool)}
    for i, currency in enumerate(asked.currencies):
        if currency != own.quote and currency not in others:
            hint = f"No symbol {own.base}/{currency} is listed; see GET /v1/symbols."
            errors.append(FieldError(f"/quote_pool/currencies/{i}", "unknown_currency", "", currency, hint=hint))
    return pool


def venue_filter(errors: list[FieldError], body: OrderBody, universe: Universe) -> VenueFilter:
    chosen = body.venues
    if chosen is None:
        return VenueFilter()
    for name, venues in (("include", chosen.include), ("exclude", chosen.exclude)):
        for i, venue in enumerate(venues):
            if venue not in universe.venues:
                known = ", ".join(sorted(universe.venues))
                errors.append(
                    FieldError(f"/venues/{name}/{i}", "unknown_venue", known, venue[:48], hint="See GET /v1/venues.")
                )
    return VenueFilter(
        include=tuple(dict.fromkeys(chosen.include)),
        exclude=tuple(dict.fromkeys(chosen.exclude)),
        max_venues=chosen.max or 0,
    )
