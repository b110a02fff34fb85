"""Worst-case arithmetic of the gate, by hand."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from app.domain.enums import OrderType, Side
from app.domain.units import NANO
from app.risk.exposure import (
    capacity_nano,
    order_notional_nano,
    order_qty_units,
    price_cap_units,
    venue_capacity_nano,
    worst_price_units,
)
from app.risk.reference import Reference
from tests.risk.test_checks import MID_HALF, make_view
from tests.worlds import LIMITS, VENUES


def test_the_default_slippage_caps_a_market_order() -> None:
    assert price_cap_units(make_view()) == MID_HALF // 2 * (1_000_000 + LIMITS.default_slippage_ppm) // 1_000_000


def test_a_limit_order_without_slippage_is_capped_by_its_limit_alone() -> None:
    view = make_view(order_order_type=OrderType.LIMIT, order_limit_price_units=6_100_000)
    assert price_cap_units(view) == 6_100_000


def test_a_seller_is_judged_at_no_less_than_the_mid() -> None:
    view = make_view(order_side=Side.SELL)
    assert price_cap_units(view) < MID_HALF // 2
    assert worst_price_units(view) == MID_HALF // 2


def test_a_notional_order_counts_as_what_it_buys_at_the_mid_rounded_up() -> None:
    view = make_view(order_qty_units=None, order_notional_nano=60_000 * NANO)
    assert order_qty_units(view) == 100_000
    more = make_view(order_qty_units=None, order_notional_nano=60_000 * NANO + 1)
    assert order_qty_units(more) == 100_001
    assert order_notional_nano(more) == 60_000 * NANO + 1


def test_capacity_is_the_tighter_of_balance_and_credit() -> None:
    poor = make_view(account_free_nano={("ven_a", "USDT"): 7 * NANO})
    assert capacity_nano(poor) == {"ven_a": 7 * NANO, "ven_b": 0, "ven_c": 0}
    used = {(venue, Side.BUY): LIMITS.venue_credit_nano - 5 for venue in VENUES}
    assert set(capacity_nano(make_view(account_venue_stake_nano=used)).values()) == {5}


def test_a_spot_sale_is_bounded_by_the_tighter_of_coin_and_credit() -> None:
    """Net sold is at stake as net bought is. At a mid of 60,000, credit of 60,005 is one coin and a little."""
    poor = make_view(order_side=Side.SELL, account_free_nano={("ven_a", "BTC"): 3 * NANO})
    assert capacity_nano(poor)["ven_a"] == 3 * NANO
    used = {("ven_a", Side.SELL): LIMITS.venue_credit_nano - 60_005 * NANO}
    view = make_view(order_side=Side.SELL, account_venue_stake_nano=used)
    assert capacity_nano(view)["ven_a"] == 60_005 * NANO // 60_000


def test_what_closes_a_position_needs_no_credit() -> None:
    """Long by twice the credit: a buyer is stopped, a seller may close all of it and open as much again as credit."""
    credit = LIMITS.venue_credit_nano
    stakes = {("ven_a", Side.BUY): 2 * credit, ("ven_a", Side.SELL): -2 * credit}
    free = {("ven_a", "USDT"): 9 * credit, ("ven_a", "BTC"): 9 * credit}
    long = {"account_venue_stake_nano": stakes, "account_free_nano": free}
    assert capacity_nano(make_view(order_side=Side.BUY, **long))["ven_a"] == 0
    assert capacity_nano(make_view(order_side=Side.SELL, **long))["ven_a"] == 3 * credit // 60_000


def test_a_negative_free_balance_is_no_capacity() -> None:
    assert capacity_nano(make_view(account_free_nano={("ven_a", "USDT"): -1}))["ven_a"] == 0


NANOS = st.lists(st.integers(-(10**20), 10**20), min_size=len(VENUES), max_size=len(VENUES))


@given(NANOS, NANOS, st.sampled_from(Side))
def test_all_venues_at_once_are_what_each_is_alone(free: list[int], used: list[int], side: Side) -> None:
    balances = {(v, currency): nano for v, nano in zip(VENUES, free, strict=True) for currency in ("USDT", "BTC")}
    stakes = {(v, side): nano for v, nano in zip(VENUES, used, strict=True)}
    view = make_view(order_side=side, account_free_nano=balances, account_venue_stake_nano=stakes)
    assert capacity_nano(view) == {venue: venue_capacity_nano(view, venue) for venue in view.eligible}


@given(st.sampled_from(Side), st.integers(-5, 10**15), st.integers(-(10**15), 10**15), st.integers(0, 10**8))
def test_all_venues_at_once_are_each_venue(side: Side, free: int, stake: int, mid_half: int) -> None:
    """The usual cases are written out; they say what the function of one venue says."""
    view = make_view(
        order_side=side,
        account_free_nano={("ven_a", "USDT"): free, ("ven_a", "BTC"): free, ("ven_b", "BTC"): 7},
        account_venue_stake_nano={("ven_a", side): stake},
        reference=Reference(mid_half, 0, 0, {}, {}, True),
    )
    assert capacity_nano(view) == {venue: venue_capacity_nano(view, venue) for venue in view.eligible}
