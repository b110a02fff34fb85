"""From a parsed body to a definition in symbol units, and an amended one: exact, or refused with every culprit."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Final

from app.api.errors import FieldError
from app.api.intake import BPS_SCALE, Scales, Step, parent_order, venue_filter
from app.api.schemas.legs import ConditionalAmendBody, LegChange, StopLossBody, TriggerBody
from app.api.schemas.order import OrderBody
from app.api.validate import invalid
from app.domain.conditions import (
    AskedType,
    Condition,
    Conditional,
    ConditionKind,
    Leg,
    OrderClass,
    OtoTrigger,
    Trail,
    TriggerSource,
)
from app.domain.enums import Side, Strategy, TimeInForce
from app.domain.instrument import Symbol
from app.domain.orders import ParentOrder
from app.domain.units import decimal_text
from app.domain.universe import Universe
from app.domain.venue_stops import TriggerLocation

MAX_TRAIL_PPM: Final = 500_000
_KINDS: Final = {
    AskedType.STOP: ConditionKind.STOP,
    AskedType.STOP_LIMIT: ConditionKind.STOP,
    AskedType.MARKET_IF_TOUCHED: ConditionKind.TOUCH,
    AskedType.TRAILING_STOP: ConditionKind.TRAIL,
}
_PRICES: Final = ("stop_price", "limit_price", "trail_amount", "trail_bps", "activation_price")
_OF_AT_ONCE: Final = ("remainder", "decision_at", "decision_price")
_OF_GROUPS: Final = ("take_profit", "stop_loss", "legs", "oto_trigger")
# What each type needs, and what else it may have; a trail is exactly one of two and told apart.
_NEEDS: Final = {
    AskedType.MARKET: ((), ()),
    AskedType.LIMIT: (("limit_price",), ()),
    AskedType.STOP: (("stop_price",), ()),
    AskedType.STOP_LIMIT: (("stop_price", "limit_price"), ()),
    AskedType.MARKET_IF_TOUCHED: (("stop_price",), ("limit_price",)),
    AskedType.TRAILING_STOP: ((), ("trail_amount", "trail_bps", "activation_price", "limit_price")),
}


@dataclass(frozen=True, slots=True)
class _Asked:
    """One leg as it was asked for, wherever in the body."""

    pointer: str
    name: str
    side: Side
    type: AskedType
    qty: Decimal | None
    prices: dict[str, Decimal | None]


def is_conditional(body: OrderBody) -> bool:
    """Whether the body is a definition, and not an order at once."""
    return body.order_class is not OrderClass.SIMPLE or body.type.is_conditional


def refuse_strays(body: OrderBody) -> None:
    """Raises InvalidRequest where an order at once has members of a conditional one."""
    strays = ("stop_price", "trail_amount", "trail_bps", "activation_price", "trigger", *_OF_GROUPS)
    found = [name for name in strays if getattr(body, name) is not None]
    if found:
        hint = "It belongs to a conditional type or order_class; see docs/conditional-orders.md."
        raise invalid([FieldError(f"/{name}", "excluded", hint=hint) for name in found])


def conditional_order(
    body: OrderBody, symbol: Symbol, universe: Universe, account: str, now_ns: int
) -> tuple[Conditional, ParentOrder | None]:
    """The definition without its body hash, and its entry where that is an order at once. Raises InvalidRequest."""
    scales = Scales(symbol, universe, _contradictions(body))
    legs = tuple(_leg(scales, asked, body.trigger) for asked in _asked(body))
    max_slippage_ppm = scales.exact("/max_slippage_bps", body.max_slippage_bps, Step(BPS_SCALE, "bps"))
    venues = venue_filter(scales.errors, body, universe)
    _compare(scales.errors, body)
    if scales.errors:
        raise invalid(scales.errors)
    has_entry = body.order_class in (OrderClass.OTO, OrderClass.BRACKET)
    entry = None
    if has_entry and not body.type.is_conditional:
        entry = parent_order(body, symbol, universe, account, now_ns)
    entry_units = legs[0].qty_units
    definition = Conditional(
        account=account,
        client_order_id=body.client_order_id or f"auto-{secrets.token_hex(12)}",
        symbol=symbol.name,
        order_class=body.order_class,
        legs=tuple(leg if leg.qty_units else replace(leg, qty_units=entry_units) for leg in legs),
        oto_trigger=body.oto_trigger or OtoTrigger.PARTIAL,
        has_entry_order=entry is not None,
        venues=venues,
        max_slippage_ppm=max_slippage_ppm,
        expire_ts_ns=body.expire_at or 0,
        received_ts_ns=now_ns,
        body_hash="",
        tags=tuple(sorted(body.tags.items())),
        trigger_location=body.trigger.location if body.trigger is not None else TriggerLocation.ENGINE,
    )
    return definition, entry


def _asked(body: OrderBody) -> list[_Asked]:
    """The legs in their order: the entry first where there is one."""
    own = {name: getattr(body, name) for name in _PRICES}
    match body.order_class:
        case OrderClass.SIMPLE:
            return [_Asked("", "order", body.side, body.type, body.qty, own)]
        case OrderClass.OCO:
            return _exits(body, body.side) + _named(body, body.side, body.qty)
        case OrderClass.OTO | OrderClass.BRACKET:
            other = Side.SELL if body.side is Side.BUY else Side.BUY
            entry = _Asked("", "entry", body.side, body.type, body.qty, own)
            return [entry, *_exits(body, other), *_named(body, other, None)]


def _exits(body: OrderBody, side: Side) -> list[_Asked]:
    """take_profit and stop_loss, as far as they are there."""
    found = []
    if body.take_profit is not None:
        prices: dict[str, Decimal | None] = {"limit_price": body.take_profit.limit_price}
        found.append(_Asked("/take_profit", "take_profit", side, AskedType.LIMIT, body.qty, prices))
    if body.stop_loss is not None:
        prices = {name: getattr(body.stop_loss, name) for name in _PRICES}
        found.append(_Asked("/stop_loss", "stop_loss", side, _stop_type(body.stop_loss), body.qty, prices))
    return found


def _stop_type(stop: StopLossBody) -> AskedType:
    if stop.stop_price is None:
        return AskedType.TRAILING_STOP
    return AskedType.STOP if stop.limit_price is None else AskedType.STOP_LIMIT


def _named(body: OrderBody, side: Side, qty: Decimal | None) -> list[_Asked]:
    """The generic legs; their quantity is the group's (`qty`) or their own."""
    found = []
    for i, leg in enumerate(body.legs or ()):
        prices = {name: getattr(leg, name) for name in _PRICES}
        found.append(_Asked(f"/legs/{i}", f"leg_{i + 1}", leg.side or side, leg.type, qty or leg.qty, prices))
    return found


def _contradictions(body: OrderBody) -> list[FieldError]:
    """Members that cannot stand together in a definition."""
    errors: list[FieldError] = []

    def add(pointer: str, code: str, hint: str) -> None:
        errors.append(FieldError(pointer, code, hint=hint))

    if body.qty is None:
        add("/qty", "missing", "A conditional order is by qty.")
    for name in ("notional", "quote_pool"):
        if getattr(body, name) is not None:
            add(f"/{name}", "excluded", "A conditional order is by qty, in the symbol's own quote.")
    is_at_once = body.order_class in (OrderClass.OTO, OrderClass.BRACKET) and not body.type.is_conditional
    if not is_at_once:
        if body.time_in_force not in (TimeInForce.GTC, TimeInForce.GTD):
            add("/time_in_force", "excluded", "What waits is gtc or gtd.")
        if body.require_full_fill:
            add("/require_full_fill", "excluded", "What waits may fill in parts.")
        if body.strategy is not Strategy.SOR:
            add("/strategy", "excluded", "What waits is routed when it triggers: sor, or leave it out.")
        for name in _OF_AT_ONCE:
            if getattr(body, name) is not None:
                add(f"/{name}", "excluded", "It belongs to an order at once; leave it out.")
    elif body.strategy.is_scheduled:
        hint = "An entry is an order at once; a strategy in time has no legs: use sor or sweep."
        add("/strategy", "excluded", hint)
    if body.strategy_params is not None and not body.strategy.is_scheduled:
        add("/strategy_params", "excluded", "They belong to twap, vwap, pov and is, which wait for no price.")
    if body.time_in_force is TimeInForce.GTD and body.expire_at is None:
        add("/expire_at", "missing", "gtd needs expire_at.")
    if body.time_in_force is not TimeInForce.GTD and body.expire_at is not None:
        add("/expire_at", "excluded", "expire_at belongs to gtd only.")
    errors += _group_contradictions(body)
    return errors


def _group_contradictions(body: OrderBody) -> list[FieldError]:
    """What each order_class needs, and what it cannot have."""
    kind, given = body.order_class, {name for name in _OF_GROUPS if getattr(body, name) is not None}
    has_own_price = any(getattr(body, name) is not None for name in _PRICES)
    errors = []
    match kind:
        case OrderClass.SIMPLE:
            errors = [(f"/{name}", "excluded", "Use order_class bracket, oto or oco.") for name in sorted(given)]
        case OrderClass.BRACKET:
            errors = [
                (f"/{n}", "missing", "A bracket has both.") for n in ("take_profit", "stop_loss") if n not in given
            ]
            errors += [("/legs", "excluded", "A bracket's are take_profit and stop_loss.")] if "legs" in given else []
        case OrderClass.OTO:
            if not given & {"legs", "take_profit", "stop_loss"}:
                errors = [("/legs", "missing", "Say what the entry triggers.")]
        case OrderClass.OCO:
            if body.type is not AskedType.LIMIT or has_own_price:
                errors = [("/type", "excluded", "oco: type limit, and the prices in its legs.")]
            n_legs = len(given & {"take_profit", "stop_loss"}) + len(body.legs or ())
            if not 2 <= n_legs <= 4:
                errors.append(("/legs", "missing", "oco: take_profit and stop_loss, or 2 to 4 legs."))
            if "oto_trigger" in given:
                errors.append(("/oto_trigger", "excluded", "It belongs to oto and bracket."))
            errors += [
                (f"/legs/{i}/qty", "excluded", "The legs of an oco share the order's qty.")
                for i, leg in enumerate(body.legs or ())
                if leg.qty is not None
            ]
    return [FieldError(pointer, code, hint=hint) for pointer, code, hint in errors]


def _leg(scales: Scales, asked: _Asked, trigger: TriggerBody | None) -> Leg:
    """One leg in symbol units; its culprits are noted."""
    symbol = scales.symbol
    price = Step(symbol.price_scale, symbol.fungible.quote)
    ticked = Step(symbol.price_scale, symbol.fungible.quote, "tick_units")
    errors = scales.errors
    needed, allowed = _NEEDS[asked.type]
    for name, value in asked.prices.items():
        if value is None and name in needed:
            hint = f"{asked.type.value} needs it."
            errors.append(FieldError(f"{asked.pointer}/{name}", "missing", hint=hint))
        if value is not None and name not in (*needed, *allowed):
            hint = f"{asked.type.value} has none."
            errors.append(FieldError(f"{asked.pointer}/{name}", "excluded", hint=hint))
    if asked.type is AskedType.MARKET and asked.name not in ("entry", "order") and asked.pointer.startswith("/legs"):
        errors.append(FieldError(f"{asked.pointer}/type", "excluded", hint="A leg waits for a price."))
    qty_units = scales.positive("/qty", asked.qty, Step(symbol.qty_scale, symbol.qty_currency, "lot_units"))
    limit_units = scales.positive(f"{asked.pointer}/limit_price", asked.prices.get("limit_price"), ticked)
    stop_units = scales.positive(f"{asked.pointer}/stop_price", asked.prices.get("stop_price"), price)
    kind = _KINDS.get(asked.type)
    condition = None
    if kind is not None:
        trail = _trail(scales, asked) if kind is ConditionKind.TRAIL else None
        source, n_venues = _source(scales, trigger)
        condition = Condition(kind, source, n_venues, stop_units or 0, trail)
    return Leg(asked.name, asked.side, qty_units or 0, condition, limit_units)


def _trail(scales: Scales, asked: _Asked) -> Trail:
    price = Step(scales.symbol.price_scale, scales.symbol.fungible.quote)
    amount, bps = asked.prices.get("trail_amount"), asked.prices.get("trail_bps")
    if (amount is None) is (bps is None):
        pointer = f"{asked.pointer}/trail_amount" if amount is None else f"{asked.pointer}/trail_bps"
        code = "missing" if amount is None else "excluded"
        scales.errors.append(FieldError(pointer, code, hint="Exactly one of trail_amount and trail_bps."))
    offset_ppm = scales.positive(f"{asked.pointer}/trail_bps", bps, Step(BPS_SCALE, "bps")) or 0
    if offset_ppm > MAX_TRAIL_PPM:
        pointer = f"{asked.pointer}/trail_bps"
        scales.errors.append(FieldError(pointer, "too_big", "5000", unit="bps", hint="At most 5000."))
    offset_units = scales.positive(f"{asked.pointer}/trail_amount", amount, price) or 0
    start = scales.positive(f"{asked.pointer}/activation_price", asked.prices.get("activation_price"), price)
    return Trail(offset_units, offset_ppm, start or 0)


def _source(scales: Scales, trigger: TriggerBody | None) -> tuple[TriggerSource, int]:
    if trigger is None:
        return TriggerSource.MID, 0
    n_listed = len(scales.universe.listings(scales.symbol.name))
    is_cross = trigger.source is TriggerSource.CROSS_VENUE
    pointer = "/trigger/venues"
    if is_cross and not 1 <= (trigger.venues or 0) <= n_listed:
        hint = f"1 to {n_listed}: so many list {scales.symbol.name}."
        scales.errors.append(FieldError(pointer, "too_big" if trigger.venues else "missing", str(n_listed), hint=hint))
    if not is_cross and trigger.venues is not None:
        scales.errors.append(FieldError(pointer, "excluded", hint="It belongs to cross_venue."))
    return trigger.source, trigger.venues or 0 if is_cross else 0


def _compare(errors: list[FieldError], body: OrderBody) -> None:
    """A stop_loss on the wrong side of its take_profit would trigger at once."""
    profit, stop = body.take_profit, body.stop_loss
    if profit is None or stop is None or stop.stop_price is None:
        return
    exit_side = body.side if body.order_class is OrderClass.OCO else (Side.SELL if body.side is Side.BUY else Side.BUY)
    if exit_side.sign * (stop.stop_price - profit.limit_price) <= 0:
        hint = f"To {exit_side.value}, take_profit is {'above' if exit_side is Side.SELL else 'below'} stop_loss."
        limit, actual = format(profit.limit_price, "f"), format(stop.stop_price, "f")
        errors.append(FieldError("/stop_loss/stop_price", "wrong_side", limit, actual, hint=hint))


def amended(definition: Conditional, body: ConditionalAmendBody, symbol: Symbol, universe: Universe) -> Conditional:
    """The definition with the changes of `body`; what is absent stays. Raises InvalidRequest."""
    scales = Scales(symbol, universe, [])
    legs = list(definition.legs)
    if body.qty is not None:
        if definition.has_entry:
            hint = "An entry's qty cannot be changed; cancel, and place another."
            scales.errors.append(FieldError("/qty", "excluded", hint=hint))
        step = Step(symbol.qty_scale, symbol.qty_currency, "lot_units")
        qty_units = scales.positive("/qty", body.qty, step)
        legs = [replace(leg, qty_units=qty_units or leg.qty_units) for leg in legs]
    names = [leg.name for leg in legs]
    for i, change in enumerate(body.legs):
        if change.leg not in names:
            known = ", ".join(names)
            scales.errors.append(FieldError(f"/legs/{i}/leg", "unknown_value", known, hint=f"Use one of {known}."))
            continue
        leg_i = names.index(change.leg)
        if leg_i == 0 and definition.has_entry_order:
            hint = "The entry is an order of its own already."
            scales.errors.append(FieldError(f"/legs/{i}/leg", "excluded", hint=hint))
            continue
        if change.leg in [earlier.leg for earlier in body.legs[:i]]:
            scales.errors.append(FieldError(f"/legs/{i}/leg", "duplicate", hint="Name each leg once."))
        if all(getattr(change, name) is None for name in _PRICES):
            scales.errors.append(FieldError(f"/legs/{i}", "missing", hint="Say what changes of the leg."))
        legs[leg_i] = _changed(scales, legs[leg_i], change, f"/legs/{i}")
    if body.qty is None and not body.legs:
        scales.errors.append(FieldError("/legs", "missing", hint="Say what changes: qty, or a leg's prices."))
    _compare_legs(scales, legs, body)
    if scales.errors:
        raise invalid(scales.errors)
    return replace(definition, legs=tuple(legs))


def _compare_legs(scales: Scales, legs: Sequence[Leg], body: ConditionalAmendBody) -> None:
    """As `_compare`, of a changed definition: the culprit is the price that the change names."""
    by_name = {leg.name: leg for leg in legs}
    profit, stop = by_name.get("take_profit"), by_name.get("stop_loss")
    if profit is None or stop is None or stop.condition is None or profit.limit_price_units is None:
        return
    stop_units, profit_units = stop.condition.price_units, profit.limit_price_units
    if not stop_units or stop.side.sign * (stop_units - profit_units) > 0:
        return
    hint = f"To {stop.side.value}, take_profit is {'above' if stop.side is Side.SELL else 'below'} stop_loss."
    scale = scales.symbol.price_scale
    for i, change in enumerate(body.legs):
        for leg, name, other_units in (
            ("stop_loss", "stop_price", profit_units),
            ("take_profit", "limit_price", stop_units),
        ):
            value = getattr(change, name)
            if change.leg == leg and value is not None:
                limit = decimal_text(other_units, scale)
                error = FieldError(f"/legs/{i}/{name}", "wrong_side", limit, format(value, "f"), hint=hint)
                scales.errors.append(error)


def _changed(scales: Scales, leg: Leg, change: LegChange, pointer: str) -> Leg:
    """One leg after its change; it keeps its type, so a member that it does not have is refused."""
    condition = leg.condition
    kind = condition.kind if condition is not None else None
    trail = condition.trail if condition is not None else None
    has = {"limit_price": leg.limit_price_units is not None}
    has["stop_price"] = kind in (ConditionKind.STOP, ConditionKind.TOUCH)
    has |= dict.fromkeys(("trail_amount", "trail_bps", "activation_price"), trail is not None)
    for name in _PRICES:
        if getattr(change, name) is not None and not has[name]:
            scales.errors.append(FieldError(f"{pointer}/{name}", "excluded", hint=f"{leg.name} has none."))
    quote, scale = scales.symbol.fungible.quote, scales.symbol.price_scale
    limit = scales.positive(f"{pointer}/limit_price", change.limit_price, Step(scale, quote, "tick_units"))
    stop = scales.positive(f"{pointer}/stop_price", change.stop_price, Step(scale, quote))
    if trail is not None and condition is not None:
        trail = _changed_trail(scales, trail, change, pointer)
        condition = replace(condition, trail=trail)
    elif condition is not None and stop is not None:
        condition = replace(condition, price_units=stop)
    return replace(leg, condition=condition, limit_price_units=limit or leg.limit_price_units)


def _changed_trail(scales: Scales, trail: Trail, change: LegChange, pointer: str) -> Trail:
    price = Step(scales.symbol.price_scale, scales.symbol.fungible.quote)
    if change.trail_amount is not None and change.trail_bps is not None:
        scales.errors.append(FieldError(f"{pointer}/trail_bps", "excluded", hint="One of the two."))
    amount = scales.positive(f"{pointer}/trail_amount", change.trail_amount, price)
    ppm = scales.positive(f"{pointer}/trail_bps", change.trail_bps, Step(BPS_SCALE, "bps"))
    if ppm is not None and ppm > MAX_TRAIL_PPM:
        scales.errors.append(FieldError(f"{pointer}/trail_bps", "too_big", "5000", unit="bps", hint="At most 5000."))
    start = scales.positive(f"{pointer}/activation_price", change.activation_price, price)
    if amount is not None:
        trail = replace(trail, offset_units=amount, offset_ppm=0)
    elif ppm is not None:
        trail = replace(trail, offset_units=0, offset_ppm=ppm)
    return trail if start is None else replace(trail, activation_units=start)
