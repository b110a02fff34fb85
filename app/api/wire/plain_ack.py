"""The acknowledgement of a plain order (app/api/plain_order.py) as bytes: those of `ack_json`, written at once."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

import orjson

from app.api.wire.order import DURABILITY
from app.api.wire.text import bps_of_ppm, mid_or_none, price_or_none, time_text
from app.domain.enums import OrderStatus
from app.domain.events import OrderAccepted
from app.domain.instrument import Symbol
from app.domain.units import decimal_text

_NEVER: Final = (
    '"venues":{"include":[],"exclude":[],"max":null},"max_slippage_bps":%s,"require_full_fill":false,'
    '"decision_at":null,"decision_price":null,"tags":{},"mode":"%s",'
    f'"status":"{OrderStatus.NEW.value}","done_reason":null,"reject":null,"cum_qty":"0"'
)
_ACK: Final = (
    '{"order_id":"%s","client_order_id":"%s","account":%s,"symbol":%s,"side":"%s","type":"%s","qty":"%s",'
    '"notional":null,"limit_price":%s,"time_in_force":"%s","expire_at":null,"remainder":"%s","strategy":"%s",'
    + _NEVER
    + ',"leaves_qty":"%s","cum_notional":"0","leaves_notional":null,"avg_price":null,"fees":[],"price_cap":%s,'
    '"arrival":{"bid":%s,"ask":%s,"mid":%s,"at":"%s"},"route_id":null,"version":1,"created_at":"%s","updated_at":"%s",'
    f'"last_seq":%d,"durability":"{DURABILITY}"}}'
)


def plain_ack(fact: OrderAccepted, account_seq: int, symbol: Symbol) -> bytes:
    """`ack_json` of a plain order's fact as JSON. Another order's would lack what makes it another."""
    order, scale, at = fact.order, symbol.price_scale, time_text(fact.approved_ts_ns)
    assert order.qty_units is not None, "a plain order has a quantity"
    qty, slippage_ppm = decimal_text(order.qty_units, symbol.qty_scale), order.max_slippage_ppm
    text = _ACK % (
        fact.order_id,
        order.client_order_id,
        _quoted(order.account),
        _quoted(order.symbol),
        order.side,
        order.order_type,
        qty,
        _or_null(price_or_none(order.limit_price_units, scale)),
        order.time_in_force,
        order.remainder,
        order.strategy,
        "null" if slippage_ppm is None else f'"{bps_of_ppm(slippage_ppm)}"',
        fact.mode,
        qty,
        _or_null(price_or_none(fact.price_cap_units, scale)),
        _or_null(price_or_none(fact.arrival_bid_units, scale)),
        _or_null(price_or_none(fact.arrival_ask_units, scale)),
        _or_null(mid_or_none(fact.approved_mid_half_units, scale)),
        at,
        at,
        at,
        account_seq,
    )
    return text.encode()


def _or_null(text: str | None) -> str:
    return f'"{text}"' if text else "null"


@lru_cache(maxsize=4_096)
def _quoted(name: str) -> str:
    return orjson.dumps(name).decode()
