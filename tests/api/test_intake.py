"""From decimals to symbol units: exact, or refused with the nearest right values."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.api.errors import InvalidRequest
from app.api.intake import nearest, parent_order
from app.api.schemas.order import OrderBody
from app.api.validate import validate
from app.domain.enums import ContractKind, OrderType, Remainder, TimeInForce
from app.domain.quote_pool import Carrier, QuotePool
from app.domain.units import decimal_text
from tests.pool_desk import pool_universe
from tests.worlds import BTC_USDT, T0_NS, make_universe

UNIVERSE = make_universe()


def intake(**members: object):
    body = {"symbol": "BTC/USDT", "side": "buy", "type": "limit", "qty": "0.1", "limit_price": "60000"} | members
    order_body = validate(OrderBody, {name: value for name, value in body.items() if value is not ...})
    return parent_order(order_body, BTC_USDT, UNIVERSE, "desk", T0_NS)


@given(st.integers(1, 10**12), st.integers(1, 10**12))
def test_what_fits_is_exact(qty_units, price_units):
    order = intake(qty=decimal_text(qty_units, 5), limit_price=decimal_text(price_units, 2))
    assert (order.qty_units, order.limit_price_units) == (qty_units, price_units)


@given(st.integers(0, 10**18 - 1), st.integers(0, 10**4))
def test_what_does_not_fit_is_refused_between_its_neighbours(fraction, whole):
    value = Decimal(f"{whole}.{fraction:018d}")
    if value == value.quantize(Decimal("0.00001")):
        return
    with pytest.raises(InvalidRequest) as caught:
        intake(qty=format(value, "f"))
    (error,) = caught.value.errors
    assert (caught.value.code, error.code, error.unit) == ("invalid_quantity", "increment", "BTC")
    neighbours = [Decimal(text) for text in error.hint.removeprefix("Use ").removesuffix(".").split(" or ")]
    assert neighbours[-1] > value
    assert neighbours[-1] - value < Decimal("0.00001")
    assert len(neighbours) == (2 if value > Decimal("0.00001") else 1)
    if len(neighbours) == 2:
        assert neighbours[0] < value
        assert value - neighbours[0] < Decimal("0.00001")


@given(st.decimals("0.001", "1000", places=9), st.integers(1, 500))
def test_neighbours_are_whole_steps(value, step_units):
    units = [int(Decimal(text).scaleb(5)) for text in nearest(value, 5, step_units).split(" or ")]
    assert all(unit % step_units == 0 for unit in units)
    assert units == sorted(units)
    if len(units) == 2:
        assert units[1] - units[0] == step_units


@pytest.mark.parametrize(
    ("members", "remainder"),
    [
        ({}, Remainder.HELD),
        ({"time_in_force": "ioc"}, Remainder.NONE),
        ({"time_in_force": "fok"}, Remainder.NONE),
        ({"time_in_force": "gtd", "expire_at": "2099-01-01T00:00:00Z"}, Remainder.HELD),
        ({"type": "market", "limit_price": ...}, Remainder.NONE),
        ({"remainder": "none"}, Remainder.NONE),
    ],
)
def test_what_rests_is_held_unless_it_says_otherwise(members, remainder):
    assert intake(**members).remainder is remainder


def test_defaults():
    order = intake()
    assert (order.order_type, order.time_in_force) == (OrderType.LIMIT, TimeInForce.GTC)
    assert order.client_order_id.startswith("auto-")
    assert order.client_order_id != intake().client_order_id
    assert (order.expire_ts_ns, order.decision_ts_ns, order.received_ts_ns) == (0, 0, T0_NS)


def test_everything_arrives():
    order = intake(
        qty=...,
        notional="1000.5",
        max_slippage_bps="12.34",
        decision_at="2026-01-31T12:00:00.000001Z",
        decision_price="59999.99",
        venues={"include": ["ven_a", "ven_b", "ven_a"], "exclude": ["ven_c"]},
        tags={"b": "2", "a": "1"},
        require_full_fill=True,
    )
    assert (order.qty_units, order.notional_nano) == (None, 1_000_500_000_000)
    assert order.max_slippage_ppm == 1_234
    assert order.decision_price_units == 5_999_999
    assert order.venues.include == ("ven_a", "ven_b")
    assert order.tags == (("a", "1"), ("b", "2"))
    assert order.is_full_fill_required


def test_every_culprit_is_named_at_once():
    with pytest.raises(InvalidRequest) as caught:
        intake(qty="0", notional="0", expire_at="2099-01-01T00:00:00Z", max_slippage_bps="0.001")
    assert {e.pointer for e in caught.value.errors} >= {"/qty", "/notional", "/expire_at", "/max_slippage_bps"}


def test_a_size_beyond_int64_is_refused():
    with pytest.raises(InvalidRequest) as caught:
        intake(qty="99999999999999999999")
    assert caught.value.errors[0].code == "size"


def test_a_quote_pool_is_for_spot_only():
    """A contract settles in one currency: no pool opens another."""
    linear = replace(BTC_USDT, fungible=replace(BTC_USDT.fungible, kind=ContractKind.LINEAR))
    pool = {"currencies": ["USDT", "USDC"], "max_basis_bps": "5", "carrier": "desk"}
    body = {"symbol": "BTC/USDT", "side": "buy", "type": "market", "qty": "0.1", "quote_pool": pool}
    with pytest.raises(InvalidRequest) as caught:
        parent_order(validate(OrderBody, body), linear, pool_universe(), "desk", T0_NS)
    assert [(error.pointer, error.code) for error in caught.value.errors] == [("/quote_pool", "not_spot")]
    order = parent_order(validate(OrderBody, body), BTC_USDT, pool_universe(), "desk", T0_NS)
    assert order.quote_pool == QuotePool(("USDT", "USDC"), 500, Carrier.DESK)
