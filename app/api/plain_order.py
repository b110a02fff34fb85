"""The commonest order, from its bytes straight to a ParentOrder.

A flat object of strings with nothing in it that needs explaining: a market or limit order of a quantity under its own
client id. It gives exactly what decode, validate and intake give, or nothing: then they look at the body, and say what
is wrong with it if anything is. So every refusal is theirs.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any, Final

import orjson

from app.api.intake import BPS_SCALE
from app.domain import quick
from app.domain.enums import OrderType, Remainder, Side, Strategy, TimeInForce
from app.domain.orders import ParentOrder, VenueFilter
from app.domain.units import MAX_UNITS
from app.domain.universe import Universe

_LOADS: Final = orjson.loads
_order: Final = quick.maker(ParentOrder)
_TEXTS: Final = {str}
_DECIMAL: Final = re.compile(r"(0|[1-9][0-9]{0,17})(?:\.([0-9]{1,18}))?", re.ASCII)
_LONGEST: Final = 37  # characters of a decimal, so that nobody fills memory with others
_CLIENT_ID: Final = re.compile(r"[A-Za-z0-9._-]{1,64}", re.ASCII)
_SIDES: Final = {side.value: side for side in Side}
_TYPES: Final = {order_type.value: order_type for order_type in OrderType}
# What is good till a date has that date, and is not plain.
_IN_FORCE: Final = {tif.value: tif for tif in TimeInForce if tif is not TimeInForce.GTD} | {None: TimeInForce.GTC}
_ANY_VENUE: Final = VenueFilter()
_IN_PARTS: Final = False


def plain_order(body: bytes, universe: Universe, account: str, now_ns: int) -> ParentOrder | None:
    """The order as the engine takes it, without its body hash; None where the whole way must be gone."""
    members = _members(body)
    if members is None:
        return None
    take = members.pop
    client_order_id = take("client_order_id", "")
    symbol = universe.symbols.get(take("symbol", ""))
    side, order_type = _SIDES.get(take("side", "")), _TYPES.get(take("type", ""))
    time_in_force = _IN_FORCE.get(take("time_in_force", None))
    if symbol is None or side is None or order_type is None or time_in_force is None:
        return None
    is_limit = order_type is OrderType.LIMIT
    qty_units = _usual_units(take("qty", ""), symbol.qty_scale)
    price_units = _units(take("limit_price", ""), symbol.price_scale) if is_limit else None
    slippage = take("max_slippage_bps", None)
    slippage_ppm = None if slippage is None else _usual_units(slippage, BPS_SCALE)
    is_said = qty_units and (price_units or not is_limit) and (slippage_ppm is not None or slippage is None)
    if members or not is_said or _CLIENT_ID.fullmatch(client_order_id) is None:
        return None
    return _order(
        account,
        client_order_id,
        symbol.name,
        side,
        order_type,
        time_in_force,
        Strategy.SOR,
        Remainder.HELD if is_limit and time_in_force is TimeInForce.GTC else Remainder.NONE,
        qty_units,
        None,
        price_units,
        slippage_ppm,
        0,
        _ANY_VENUE,
        _IN_PARTS,
        0,
        None,
        now_ns,
        "",
        (),
        None,
        None,
        None,
    )


def _members(body: bytes) -> dict[str, Any] | None:
    """A flat object of texts without an escape, each key once; None for anything else.

    Texts and keys alone have quotes, two each: more of them than that is a key that came twice.
    """
    if b"\\" in body:
        return None
    try:
        members = _LOADS(body)
    except orjson.JSONDecodeError:
        return None
    if type(members) is not dict or set(map(type, members.values())) != _TEXTS:
        return None
    return members if body.count(b'"') == 4 * len(members) else None


def _units(text: str, scale: int) -> int | None:
    """The scaled integer of a plain decimal; None where it is none, or does not fit exactly."""
    form = _DECIMAL.fullmatch(text)
    if form is None:
        return None
    whole, fraction = form.groups("")
    if len(fraction) > scale:
        return None
    units = int(whole + fraction.ljust(scale, "0"))
    return units if units < MAX_UNITS else None


# Desks ask for the same sizes and allowances again and again.
_known_units: Final = lru_cache(maxsize=4_096)(_units)


def _usual_units(text: str, scale: int) -> int | None:
    return _known_units(text, scale) if len(text) <= _LONGEST else None
