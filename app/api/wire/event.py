"""One fact of an account's journal as a JSON-ready value: the shape of schemas/event.py.

Integers become decimals and times by the unit that ends their name, so a new kind of fact needs nothing here.
"""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from enum import Enum
from typing import Any, Final

from app.api.wire.account import limits_json
from app.api.wire.order import ack_json
from app.api.wire.route import route_json
from app.api.wire.text import bps_of_ppm, mid_or_none, money, price_or_none, time_or_none, time_text
from app.domain import events as ev
from app.domain.conditional_events import CONDITIONAL_EVENTS
from app.domain.events import Event
from app.domain.instrument import Symbol
from app.domain.shadow_events import SHADOW_EVENTS
from app.domain.units import NANO_SCALE, decimal_text
from app.domain.universe import Universe
from app.services.order_views import child_id_of, exec_type_of, order_id_of
from app.services.streams import StreamItem

Json = dict[str, Any]
_INSTANTS: Final = frozenset({"start_ns", "end_ns", "anchor_ns", "rest_until_ns", "from_ns"})
_HIDDEN: Final = frozenset({"account", "order_id", "child_id", "key_sha256", "body_hash"})
_PRICES: Final = frozenset({"price_cap_units", "tick_units", "offset_units", "activation_units", "discretion_units"})


def event_json(item: StreamItem, universe: Universe) -> Json:
    """The fact, what it means in FIX's words, and where its order stood right after it."""
    event, view = item.fact.event, item.order
    symbol = universe.symbols[view.accepted.order.symbol] if view is not None else None
    own = symbol
    if isinstance(event, ev.ChildFilled):
        own = universe.symbols[event.symbol]
    elif isinstance(event, ev.ChildSending):
        own = universe.symbols[event.child.symbol]
    elif type(event) in (*CONDITIONAL_EVENTS, *SHADOW_EVENTS):
        own = universe.symbols[event.symbol]  # type: ignore[attr-defined]
    return {
        "seq": item.fact.account_seq,
        "ts": time_text(item.fact.ts_ns),
        "kind": event.KIND,
        "order_id": order_id_of(event) or None,
        "child_id": child_id_of(event) or None,
        "exec_type": exec_type_of(event).value if view is not None else None,
        "order_status": view.status.value if view is not None else None,
        "cum_qty": decimal_text(view.cum_qty_units, symbol.qty_scale) if view is not None and symbol else None,
        "leaves_qty": (
            decimal_text(view.leaves_qty_units, symbol.qty_scale)
            if view is not None and symbol and view.leaves_qty_units is not None
            else None
        ),
        "data": _data(item, event, own, universe),
    }


def _data(item: StreamItem, event: Event, symbol: Symbol | None, universe: Universe) -> Json:
    match event:
        case ev.OrderAccepted() if symbol is not None:
            return ack_json(event, item.fact.account_seq, symbol)
        case ev.RoutePlanned() if symbol is not None:
            return route_json(event.plan, symbol, universe, event.order_id)
        case ev.LimitsSet():
            return {"limits": limits_json(event.limits), "actor": event.actor}
        case ev.ChildSending() if symbol is not None:
            child = _members(event.child, symbol)
            child |= {
                "price": decimal_text(event.child.price_units, symbol.price_scale),
                "qty": decimal_text(event.child.qty_units, symbol.qty_scale),
            }
            return _members(event, symbol) | {"child": child}
        case ev.ChildFilled() if item.order is not None:
            order_symbol = universe.symbols[item.order.accepted.order.symbol]
            class_mid = mid_or_none(event.class_mid_half_units, order_symbol.price_scale)
            return _members(event, symbol) | {"class_mid": class_mid}
        case _:
            return _members(event, symbol)


def _members(value: Any, symbol: Symbol | None) -> Json:
    members: Json = {}
    for field in fields(value):
        if field.name not in _HIDDEN:
            name, text = _told(field.name, getattr(value, field.name), symbol)
            members[name] = text
    return members


def _told(name: str, value: Any, symbol: Symbol | None) -> tuple[str, Any]:
    """(wire name, wire value) of one member."""
    if isinstance(value, bool) or value is None:
        return name, value
    if isinstance(value, int):
        return _number(name, value, symbol)
    if isinstance(value, Enum):
        return name, value.value
    if is_dataclass(value):
        return name, _members(value, symbol)
    if name in ("moves", "fee_unconverted"):
        return name, [{"currency": currency, "amount": money(nano)} for currency, nano in value]
    if name == "strip":
        return name, [{"offset_ms": ms, "mid": _number("_half_units", mid, symbol)[1]} for ms, mid in value]
    if isinstance(value, tuple) and name.endswith("_half_units"):
        return name.removesuffix("_half_units"), [_number("_half_units", mid, symbol)[1] for mid in value]
    if name == "tried":
        return name, [
            {"venue": venue, "propensity_bps": bps_of_ppm(propensity_ppm), "draw_bps": bps_of_ppm(draw_ppm)}
            for venue, propensity_ppm, draw_ppm in value
        ]
    if name == "without" and symbol is not None:
        return name, [{"venue": venue, "qty": decimal_text(units, symbol.qty_scale)} for venue, units in value]
    if name == "tags":
        return name, dict(value)
    if isinstance(value, tuple):
        if value and is_dataclass(value[0]):
            return name, [_members(entry, symbol) for entry in value]
        return name, [entry.value if isinstance(entry, Enum) else entry for entry in value]
    return name, value


def _number(name: str, value: int, symbol: Symbol | None) -> tuple[str, Any]:
    if name.endswith("_nano"):
        return name.removesuffix("_nano"), money(value)
    if name.endswith("_ts_ns"):
        return name.removesuffix("_ts_ns") + "_at", time_or_none(value)
    if name in _INSTANTS:
        return name.removesuffix("_ns") + "_at", time_or_none(value)
    if name == "slice_ns":
        return "slice", decimal_text(value, NANO_SCALE)
    if name.endswith("_ppm"):
        return name.removesuffix("_ppm") + "_bps", bps_of_ppm(value)
    if symbol is not None:
        if name.endswith("_half_units"):
            return name.removesuffix("_half_units"), mid_or_none(value, symbol.price_scale)
        if name.endswith("qty_units"):
            return name.removesuffix("_units"), decimal_text(value, symbol.qty_scale)
        if name.endswith("price_units") or name in _PRICES:
            return name.removesuffix("_units"), price_or_none(value, symbol.price_scale)
        if name == "lot_units":
            return "lot", decimal_text(value, symbol.qty_scale)
    return name, value
