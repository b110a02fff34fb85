"""Numbers as text: exact, shortest, and sums that sum."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.api.wire.text import (
    average_price,
    bps_of_ppm,
    bps_or_none,
    bps_split,
    mid_or_none,
    money,
    money_at_mid,
    ms_text,
    price_or_none,
    time_or_none,
)
from app.domain.enums import ContractKind
from app.domain.instrument import FungibilityClass, Symbol
from app.domain.units import NANO

SPOT = Symbol("BTC/USDT", FungibilityClass("BTC", "USDT", "USDT", ContractKind.SPOT), 2, 5)
LINEAR = Symbol(
    "BTC/USDT:USDT",
    FungibilityClass("BTC", "USDT", "USDT", ContractKind.LINEAR, multiplier_nano=NANO // 1_000),
    1,
    0,
)
INVERSE = Symbol(
    "BTC/USD:BTC", FungibilityClass("BTC", "USD", "BTC", ContractKind.INVERSE, multiplier_nano=100 * NANO), 1, 0
)


@given(st.lists(st.integers(-(10**15), 10**15), min_size=1, max_size=8), st.integers(1, 10**18))
def test_parts_in_bps_sum_to_their_total(parts_nano, base_nano):
    texts, total = bps_split(parts_nano, base_nano)
    assert sum(Decimal(text) for text in texts) == Decimal(total)
    exact = Fraction(sum(parts_nano) * 10_000, base_nano)
    assert abs(Fraction(Decimal(total)) - exact) <= Fraction(1, 20_000)
    for part_nano, text in zip(parts_nano, texts, strict=True):
        assert abs(Fraction(Decimal(text)) - Fraction(part_nano * 10_000, base_nano)) <= Fraction(1, 10_000)


def test_without_a_base_there_are_no_bps():
    assert bps_split([5, 6], 0) == (["0", "0"], "0")
    assert bps_or_none(5, 0) is None
    assert bps_or_none(1, 10_000) == "1"


@given(st.lists(st.tuples(st.integers(1, 10**9), st.integers(1, 10**9)), min_size=1, max_size=6))
@pytest.mark.parametrize("symbol", [SPOT, LINEAR, INVERSE], ids=lambda s: s.fungible.kind.value)
def test_the_average_lies_between_the_prices(symbol, fills):
    qty_units = sum(qty for _, qty in fills)
    money_nano = sum(symbol.money_nano(price, qty) for price, qty in fills)
    average = average_price(symbol, money_nano, qty_units)
    if average is None:
        assert money_nano == 0
        return
    scale = 10**symbol.price_scale
    low, high = min(p for p, _ in fills) / Fraction(scale), max(p for p, _ in fills) / Fraction(scale)
    # Contract money is rounded to 1e-9 a fill: what that moves the price by is allowed.
    slack = Fraction(1, 10**9) + (high * len(fills) / max(money_nano, 1) if symbol is not SPOT else 0)
    assert low - slack <= Fraction(Decimal(average)) <= high + slack * (1 + high / max(low, Fraction(1)))


def test_one_fill_has_its_own_price():
    assert average_price(SPOT, SPOT.money_nano(6_000_050, 12_345), 12_345) == "60000.5"
    assert average_price(LINEAR, LINEAR.money_nano(600_005, 7), 7) == "60000.5"
    assert average_price(SPOT, 0, 0) is None


@given(st.integers(1, 10**9), st.integers(1, 10**6))
def test_money_at_mid_is_the_mean_of_both_sides_for_spot(half_units, qty_units):
    assert money_at_mid(SPOT, 2 * half_units, qty_units) == SPOT.money_nano(half_units, qty_units)


def test_money_at_mid_of_an_inverse_contract_falls_with_the_price():
    assert money_at_mid(INVERSE, 2 * 500_000, 10) == INVERSE.money_nano(500_000, 10)
    assert money_at_mid(INVERSE, 2 * 600_000, 10) < money_at_mid(INVERSE, 2 * 500_000, 10)
    assert money_at_mid(SPOT, 0, 10) == money_at_mid(SPOT, 10, 0) == 0


def test_small_words():
    assert money(-1_500_000_000) == "-1.5"
    assert ms_text(1_234_567_890) == "1234.567"
    assert ms_text(-5) == "0"
    assert bps_of_ppm(1_050) == "10.5"
    assert mid_or_none(12_000_001, 2) == "60000.005"
    assert mid_or_none(0, 2) is None
    assert price_or_none(0, 2) is None
    assert price_or_none(None, 2) is None
    assert price_or_none(150, 2) == "1.5"
    assert time_or_none(0) is None
