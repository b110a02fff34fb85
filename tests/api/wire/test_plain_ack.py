"""The acknowledgement written at once is, byte for byte, the one put together."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from app.api.wire.order import ack_json
from app.api.wire.plain_ack import plain_ack
from app.domain.enums import OrderType, Remainder, Side, TimeInForce
from app.domain.quick import changed
from tests.worlds import BTC_USDT, make_desk, make_order

LIMIT = {"order_type": OrderType.LIMIT, "limit_price_units": 6_001_234, "max_slippage_ppm": None}


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"side": Side.SELL, "qty_units": 123_400, "client_order_id": "a.b_c-9"},
        LIMIT | {"time_in_force": TimeInForce.GTC, "remainder": Remainder.HELD},
        LIMIT | {"time_in_force": TimeInForce.FOK, "max_slippage_ppm": 12_345},
        {"max_slippage_ppm": 0},
    ],
)
@pytest.mark.parametrize(
    "market",
    [
        {},
        {"arrival_bid_units": 0, "arrival_ask_units": 0, "approved_mid_half_units": 0, "price_cap_units": 0},
        {"approved_mid_half_units": 12_000_001, "account": 'a "quoted" é'},
    ],
)
def test_it_is_the_same_bytes(asked: dict[str, Any], market: dict[str, Any]) -> None:
    record, _ = make_desk().accepted(make_order())
    order = changed(record.accepted.order, **asked, **({"account": market["account"]} if "account" in market else {}))
    fact = changed(record.accepted, order=order, **market)
    assert plain_ack(fact, 77, BTC_USDT) == orjson.dumps(ack_json(fact, 77, BTC_USDT))
