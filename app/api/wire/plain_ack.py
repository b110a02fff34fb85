"""The acknowledgement of a plain order (app/api/plain_order.py) as bytes: those of `ack_json`, written at once."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

import orjson

from app.api.wire.order import DURABILITY
from app.api.wire.text import bps_of_ppm, mid_or_none, price_or_none, time_text
from app.domain.enums import Mode, OrderStatus, OrderType, Remainder, Side, Strategy, TimeInForce
from app.domain.events import OrderAccepted
from app.domain.instrument import Symbol
from app.domain.units import decimal_text

_WHO: Final = '","account":%s,"symbol":%s,"side":"%s","type":"%s","qty":"'
_HOW: Final = (
    ',"time_in_force":"%s","expire_at":null,"remainder":"%s","strategy":"%s",'
    '"venues":{"include":[],"exclude":[],"max":null},"max_slippage_bps":%s,"require_full_fill":false,'
    '"decision_at":null,"decision_price":null,"tags":{},"mode":"%s",'
    f'"status":"{OrderStatus.NEW.value}","done_reason":null,"reject":null,"cum_qty":"0","leaves_qty":"'
)
_LEFT: Final = '","cum_notional":"0","leaves_notional":null,"avg_price":null,"fees":[],"price_cap":'
_ARRIVAL: Final = (
    '"arrival":{"bid":%s,"ask":%s,"mid":%s,"at":"%s"},"route_id":null,"version":1,"created_at":"%s","updated_at":"%s",'
)


def plain_ack(fact: OrderAccepted, account_seq: int, symbol: Symbol) -> bytes:
    """`ack_json` of a plain order's fact as JSON. Another order's would lack what makes it another."""
    order, scale = fact.order, symbol.price_scale
    assert order.qty_units is not None, "a plain order has a quantity"
    bid_units, ask_units, mid_half_units = fact.arrival_bid_units, fact.arrival_ask_units, fact.approved_mid_half_units
    who = _who(order.account, order.symbol, order.side, order.order_type)
    how = _how(order.time_in_force, order.remainder, order.strategy, order.max_slippage_ppm, fact.mode)
    qty, arrival = (
        _decimal(order.qty_units, symbol.qty_scale),
        _arrival(bid_units, ask_units, mid_half_units, fact.approved_ts_ns, scale),
    )
    text = (
        f'{{"order_id":"{fact.order_id}","client_order_id":"{order.client_order_id}{who}{qty}","notional":null,'
        f'"limit_price":{_price(order.limit_price_units, scale)}{how}{qty}{_LEFT}{_price(fact.price_cap_units, scale)},'
        f'{arrival}"last_seq":{account_seq},"durability":"{DURABILITY}"}}'
    )
    return text.encode()


# The answers of one turn say the same of the market, and orders of one desk much the same of themselves.
_decimal: Final = lru_cache(maxsize=4_096)(decimal_text)


@lru_cache(maxsize=64)
def _arrival(bid_units: int, ask_units: int, mid_half_units: int, at_ns: int, scale: int) -> str:
    at = time_text(at_ns)
    bid, ask = price_or_none(bid_units, scale), price_or_none(ask_units, scale)
    return _ARRIVAL % (_or_null(bid), _or_null(ask), _or_null(mid_or_none(mid_half_units, scale)), at, at, at)


@lru_cache(maxsize=4_096)
def _price(price_units: int | None, scale: int) -> str:
    return _or_null(price_or_none(price_units, scale))


@lru_cache(maxsize=4_096)
def _who(account: str, symbol: str, side: Side, order_type: OrderType) -> str:
    return _WHO % (_quoted(account), _quoted(symbol), side, order_type)


@lru_cache(maxsize=1_024)
def _how(
    time_in_force: TimeInForce, remainder: Remainder, strategy: Strategy, slippage_ppm: int | None, mode: Mode
) -> str:
    slippage = "null" if slippage_ppm is None else f'"{bps_of_ppm(slippage_ppm)}"'
    return _HOW % (time_in_force, remainder, strategy, slippage, mode)


def _or_null(text: str | None) -> str:
    return f'"{text}"' if text else "null"


def _quoted(name: str) -> str:
    return orjson.dumps(name).decode()
