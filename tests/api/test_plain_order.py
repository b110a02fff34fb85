"""The short way gives what the long way gives, or leaves the body to it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.api import plain_order as plain_module
from app.api.decode import decode_object
from app.api.intake import parent_order
from app.api.plain_order import plain_order
from app.api.schemas.order import OrderBody
from app.api.validate import validate
from app.domain.enums import Remainder
from app.domain.errors import BestexError
from app.domain.orders import ParentOrder
from tests.worlds import BTC_USDT, T0_NS, make_universe

UNIVERSE = make_universe()
PLAIN = {"client_order_id": "a-1", "symbol": "BTC/USDT", "side": "buy", "type": "limit", "qty": "0.1"}
PLAIN |= {"limit_price": "60000", "time_in_force": "ioc", "max_slippage_bps": "25"}

NUMBERS = st.one_of(
    st.sampled_from(
        ["0", "0.0", "1", "01", "+1", "1e3", "", ".5", "5.", "0.00001", "0.000001", "1\u0661", "4611686.018"]
    ),
    st.decimals(0, 10**20, places=5).map(lambda value: format(value, "f")),
    st.sampled_from([1, 1.5, None, True, ["1"], {"a": "1"}]),
)
MEMBERS = {
    "client_order_id": st.sampled_from(["a-1", "", "a b", "x" * 64, "x" * 65, "é", "a\n", None, 7]),
    "symbol": st.sampled_from(["BTC/USDT", "BTC-USDT", "btcusdt", "ETH/USDT", "", 1]),
    "side": st.sampled_from(["buy", "sell", "BUY", None, ["buy"]]),
    "type": st.sampled_from(["market", "limit", "stop", "trailing_stop", 0]),
    "qty": NUMBERS,
    "notional": NUMBERS,
    "limit_price": NUMBERS,
    "time_in_force": st.sampled_from(["gtc", "ioc", "fok", "gtd", "day", None]),
    "max_slippage_bps": NUMBERS,
    "remainder": st.sampled_from(["none", "held"]),
    "strategy": st.sampled_from(["sor", "sweep", "twap"]),
    "response_type": st.sampled_from(["ack", "full"]),
    "tags": st.just({"a": "b"}),
    "deadline": st.just("2026-01-31T12:00:00Z"),
    "account": st.sampled_from(["desk", "other"]),
    "colour": st.just("red"),
}


def long_way(body: bytes) -> ParentOrder | None:
    try:
        asked = validate(OrderBody, decode_object(body))
        return parent_order(asked, BTC_USDT, UNIVERSE, "desk", T0_NS)
    except BestexError:
        return None


def short_way(body: bytes) -> ParentOrder | None:
    return plain_order(body, UNIVERSE, "desk", T0_NS)


def said(**changes: Any) -> bytes:
    return json.dumps({name: value for name, value in (PLAIN | changes).items() if value is not ...}).encode()


@settings(max_examples=400, deadline=None)
@given(st.fixed_dictionaries({}, optional=MEMBERS), st.sampled_from([None, 1]))
def test_it_never_gives_anything_else(changes: dict[str, Any], indent: int | None) -> None:
    """Whatever is changed about a plain order, an order of the short way is that of the long way."""
    body = json.dumps(PLAIN | changes, indent=indent).encode()
    found = short_way(body)
    assert found is None or found == long_way(body)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"time_in_force": ...},
        {"time_in_force": "fok", "max_slippage_bps": ...},
        {"type": "market", "limit_price": ..., "side": "sell"},
        {"max_slippage_bps": "0"},
        {"qty": "46116860184273.87903"},
    ],
)
def test_plain_orders_take_the_short_way(changes: dict[str, Any]) -> None:
    found = short_way(said(**changes))
    assert found is not None
    assert found == long_way(said(**changes))


def test_a_limit_order_that_stays_is_held() -> None:
    found = short_way(said(time_in_force=...))
    assert found is not None
    assert found.remainder is Remainder.HELD


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}",
        b'"a"',
        b"\xff",
        said()[:-1],
        said() + b" x",
        said()[:-1] + b', "qty": "0.2"}',
        said().replace(b'"qty"', b'"q\\u0074y"'),
        said(qty="46116860184273.87904"),
        said(qty="0"),
        said(qty="0.000001"),
        said(qty=0.1),
        said(client_order_id=...),
        said(time_in_force="gtd"),
        said(type="market"),
        said(limit_price=...),
        said(symbol="BTC-USDT"),
        said(side=["buy"]),
        said(account="desk"),
        said(notional="1"),
        said(max_slippage_bps="0.001"),
    ],
)
def test_what_is_not_plain_is_left_to_the_long_way(body: bytes) -> None:
    assert short_way(body) is None


def test_a_number_longer_than_any_is_none_and_takes_no_memory() -> None:
    before = plain_module._known_units.cache_info().currsize
    assert short_way(said(qty="0." + "0" * 60 + "1")) is None
    assert plain_module._known_units.cache_info().currsize == before
    assert short_way(said(qty="1" * 18 + "." + "1" * 18)) is None  # as long as one may be, and too fine
