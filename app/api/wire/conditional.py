"""Conditional orders as JSON-ready values: the shapes of schemas/conditional.py."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from app.api.wire.order import DURABILITY, order_json
from app.api.wire.text import bps_of_ppm, mid_or_none, price_or_none, time_or_none, time_text
from app.domain.conditional_events import ConditionalAccepted
from app.domain.conditional_records import LegRecord
from app.domain.conditions import AskedType, Conditional, ConditionKind, Leg
from app.domain.enums import OrderStatus
from app.domain.instrument import Symbol
from app.domain.units import decimal_text
from app.domain.venue_stops import TriggerLocation
from app.services.conditional import ConditionalView, LegView, accepted_legs

Json = dict[str, Any]


def conditional_ack_json(fact: ConditionalAccepted, account_seq: int, symbol: Symbol) -> Json:
    """The acknowledgement: a pure function of the fact, the same bytes for ever."""
    legs = [(LegRecord(), view) for view in accepted_legs(fact)]
    at = time_text(fact.approved_ts_ns)
    return _told(fact, fact.definition, legs, symbol) | {
        "status": OrderStatus.NEW.value,
        "done_reason": None,
        "done_detail": None,
        "version": 1,
        "created_at": at,
        "updated_at": at,
        "last_seq": account_seq,
        "durability": DURABILITY,
    }


def conditional_json(view: ConditionalView, symbol: Symbol, *, is_nested: bool = False) -> Json:
    """The definition as it stands; `is_nested`: each leg with its orders."""
    record = view.record
    told = _told(record.accepted, record.definition, list(zip(record.legs, view.legs, strict=True)), symbol)
    if is_nested:
        for leg, leg_view in zip(told["legs"], view.legs, strict=True):
            leg["orders"] = [order_json(order, symbol) for order in leg_view.orders]
    return told | {
        "status": view.status.value,
        "done_reason": record.done_reason.value if record.done_reason else None,
        "done_detail": record.done_detail or None,
        "version": record.version,
        "created_at": time_text(record.created_ts_ns),
        "updated_at": time_text(record.updated_ts_ns),
        "last_seq": record.last_account_seq,
        "durability": DURABILITY,
    }


def group_json(view: ConditionalView, symbol: Symbol) -> list[Json]:
    """The legs as an order of one of them shows them."""
    return [
        {
            "leg": leg.name,
            "status": shown.state.value,
            "cum_qty": decimal_text(shown.cum_qty_units, symbol.qty_scale),
            "order_ids": [order.order_id for order in shown.orders],
        }
        for leg, shown in zip(view.record.definition.legs, view.legs, strict=True)
    ]


def asked_type(leg: Leg) -> AskedType:
    """What the leg was asked for as; an entry without any price is a market order."""
    if leg.condition is None:
        return AskedType.MARKET if leg.limit_price_units is None else AskedType.LIMIT
    match leg.condition.kind:
        case ConditionKind.STOP:
            return AskedType.STOP if leg.limit_price_units is None else AskedType.STOP_LIMIT
        case ConditionKind.TOUCH:
            return AskedType.MARKET_IF_TOUCHED
        case ConditionKind.TRAIL:
            return AskedType.TRAILING_STOP


def _told(
    fact: ConditionalAccepted, definition: Conditional, legs: Sequence[tuple[LegRecord, LegView]], symbol: Symbol
) -> Json:
    chosen, slippage_ppm = definition.venues, definition.max_slippage_ppm
    return {
        "conditional_id": fact.conditional_id,
        "client_order_id": definition.client_order_id,
        "account": definition.account,
        "symbol": definition.symbol,
        "order_class": definition.order_class.value,
        "oto_trigger": definition.oto_trigger.value if definition.has_entry else None,
        "trigger_location": definition.trigger_location.value,
        "held_at": _held_at([view.is_at_venue for _, view in legs]),
        "legs": [
            _leg_json(leg, record, view, symbol) for leg, (record, view) in zip(definition.legs, legs, strict=True)
        ],
        "venues": {
            "include": list(chosen.include),
            "exclude": list(chosen.exclude),
            "max": chosen.max_venues or None,
        },
        "max_slippage_bps": None if slippage_ppm is None else bps_of_ppm(slippage_ppm),
        "expire_at": time_or_none(definition.expire_ts_ns),
        "tags": dict(definition.tags),
        "mode": fact.mode.value,
    }


def _held_at(at_venue: Sequence[bool]) -> str:
    return (TriggerLocation.VENUE if any(at_venue) else TriggerLocation.ENGINE).value


def _leg_json(leg: Leg, record: LegRecord, view: LegView, symbol: Symbol) -> Json:
    condition, scale = leg.condition, symbol.price_scale
    trail = condition.trail if condition is not None else None
    limit_units = leg.limit_price_units
    if leg.name == "entry" and view.orders:  # an order of its own, which may have been amended since
        limit_units = view.orders[-1].accepted.order.limit_price_units
    trigger = None
    if condition is not None:
        trigger = {"source": condition.source.value, "venues": condition.n_venues or None}
    return {
        "leg": leg.name,
        "side": leg.side.value,
        "type": asked_type(leg).value,
        "qty": decimal_text(leg.qty_units, symbol.qty_scale),
        "limit_price": price_or_none(limit_units, scale),
        "stop_price": price_or_none(condition.price_units if condition is not None else 0, scale),
        "trail_amount": price_or_none(trail.offset_units if trail is not None else 0, scale),
        "trail_bps": bps_of_ppm(trail.offset_ppm) if trail is not None and trail.offset_ppm else None,
        "activation_price": price_or_none(trail.activation_units if trail is not None else 0, scale),
        "trigger": trigger,
        "held_at": _held_at([view.is_at_venue]) if condition is not None else None,
        "status": view.state.value,
        "cum_qty": decimal_text(view.cum_qty_units, symbol.qty_scale),
        "working_qty": decimal_text(view.working_units, symbol.qty_scale),
        "water_mark": mid_or_none(record.mark_half_units, scale),
        "triggered_at": time_or_none(record.triggered_ts_ns),
        "refusal": record.refusal_code or None,
        "order_ids": [order.order_id for order in view.orders],
    }
