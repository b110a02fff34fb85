"""The commonest order, from its bytes straight to a ParentOrder.

A flat object of strings with nothing in it that needs explaining: a market or limit order of a quantity under its own
client id. It gives exactly what decode, validate and intake give, or nothing: then they look at the body, and say what
is wrong with it if anything is. So every refusal is theirs.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

import msgspec

from app.api.intake import BPS_SCALE
from app.domain import quick
from app.domain.enums import OrderType, Remainder, Side, Strategy, TimeInForce
from app.domain.orders import ParentOrder, VenueFilter
from app.domain.units import MAX_UNITS
from app.domain.universe import Universe

_order: Final = quick.maker(ParentOrder)
_DECIMAL: Final = re.compile(r"(0|[1-9][0-9]{0,17})(?:\.([0-9]{1,18}))?", re.ASCII)
_LONGEST: Final = 37  # characters of a decimal, so that nobody fills memory with others
_CLIENT_ID: Final = re.compile(r"[A-Za-z0-9._-]{1,64}", re.ASCII)
_SIDES: Final = {side.value: side for side in Side}
_TYPES: Final = {order_type.value: order_type for order_type in OrderType}
# What is good till a date has that date, and is not plain.
_IN_FORCE: Final = {tif.value: tif for tif in TimeInForce if tif is not TimeInForce.GTD} | {"": TimeInForce.GTC}
_ANY_VENUE: Final = VenueFilter()
_IN_PARTS: Final = False


class _Members(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """What a plain order may say, each a text; empty where it does not."""

    client_order_id: str
    symbol: str
    side: str
    type: str
    qty: str
    time_in_force: str = ""
    max_slippage_bps: str = ""
    limit_price: str = ""


_read: Final = msgspec.json.Decoder(_Members).decode


def plain_order(body: bytes, universe: Universe, account: str, now_ns: int) -> ParentOrder | None:
    """The order as the engine takes it, without its body hash; None where the whole way must be gone."""
    said = _members(body)
    if said is None:
        return None
    client_order_id, symbol = said.client_order_id, universe.symbols.get(said.symbol)
    side, order_type, time_in_force = _SIDES.get(said.side), _TYPES.get(said.type), _IN_FORCE.get(said.time_in_force)
    if symbol is None or side is None or order_type is None or time_in_force is None:
        return None
    price, slippage, is_limit = said.limit_price, said.max_slippage_bps, order_type is OrderType.LIMIT
    qty_units = _usual_units(said.qty, symbol.qty_scale)
    price_units = _units(price, symbol.price_scale) if is_limit else None
    slippage_ppm = _usual_units(slippage, BPS_SCALE) if slippage else None
    is_said = qty_units and (price_units if is_limit else not price) and (slippage_ppm is not None or not slippage)
    if not is_said or _CLIENT_ID.fullmatch(client_order_id) is None:
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


def _members(body: bytes) -> _Members | None:
    """A flat object of texts without an escape, each key once; None for anything else.

    Texts and keys alone have quotes, two each: more of them than that is a key that came twice, or an empty text.
    """
    if b"\\" in body:
        return None
    try:
        said = _read(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    n_members = 5 + (said.time_in_force != "") + (said.max_slippage_bps != "") + (said.limit_price != "")
    return said if body.count(b'"') == 4 * n_members else None


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
