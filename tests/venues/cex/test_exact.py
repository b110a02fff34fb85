"""Our integers leave as exact text and come back the same; nothing is computed in floats."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.venues.cex.exact import (
    ceil_units,
    decimal_of,
    floor_units,
    lots_floor,
    nano_of,
    price_text,
    qty_text,
    text_of,
    ticks_of,
)
from tests.venues.cex.markets import listing

SYMBOL, INSTRUMENT = listing("binance", "BTC/USDT", "0.01", "0.0001")


@given(st.integers(-(10**15), 10**15), st.integers(0, 9))
def test_text_is_exact_and_plain(units, scale):
    text = text_of(units, scale)
    assert Decimal(text) * 10**scale == units
    assert "E" not in text
    assert text == text.strip() and not (("." in text) and text.endswith("0"))


@given(st.integers(1, 10**12), st.integers(1, 10**9))
def test_a_price_and_a_quantity_come_back_as_they_left(ticks, lots):
    price, qty = price_text(SYMBOL, INSTRUMENT, ticks), qty_text(SYMBOL, INSTRUMENT, lots)
    for up in (True, False):
        assert ticks_of(SYMBOL, INSTRUMENT, Decimal(price), is_up=up) == ticks
    assert lots_floor(SYMBOL, INSTRUMENT, Decimal(qty)) == lots


def test_what_lies_between_goes_the_way_that_is_told():
    price = Decimal("100.005")
    assert ticks_of(SYMBOL, INSTRUMENT, price, is_up=True) == 10_001
    assert ticks_of(SYMBOL, INSTRUMENT, price, is_up=False) == 10_000
    assert (floor_units(price, 2), ceil_units(price, 2)) == (10_000, 10_001)
    assert lots_floor(SYMBOL, INSTRUMENT, Decimal("0.00019999")) == 1


@pytest.mark.parametrize("value", [None, "", "NaN", "Infinity", "1.2.3", True])
def test_what_is_no_number_is_none(value):
    assert decimal_of(value) is None


def test_a_float_is_the_shortest_text_that_gives_it():
    assert decimal_of(0.1) == Decimal("0.1")
    assert decimal_of(67000.35) == Decimal("67000.35")
    assert nano_of(Decimal("-0.0000000015")) == -2
    assert nano_of(Decimal("12.5")) == 12_500_000_000
