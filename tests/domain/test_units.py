"""The one road between decimal text and integers: exact both ways, and closed to everything that would be a guess."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.errors import BadDecimal
from app.domain.units import MAX_UNITS, decimal_text, div_half_even, div_up, parse_decimal, units_exact

SCALES = st.integers(0, 9)


@given(st.integers(0, MAX_UNITS - 1), SCALES)
def test_units_to_text_and_back_is_the_identity(units, scale):
    assert units_exact(parse_decimal(decimal_text(units, scale)), scale) == units


@given(st.integers(-(2**70), 2**70), st.integers(-3, 18))
def test_text_is_the_exact_value_in_its_shortest_form(units, scale):
    text = decimal_text(units, scale)
    assert Fraction(text) == Fraction(units) / Fraction(10) ** scale
    assert "." not in text or not text.endswith(("0", "."))
    assert text != "-0"


@pytest.mark.parametrize("text", ["0", "0.1", "12345678901234567890.123456789012345678", "1.000000000000000000"])
def test_plain_decimals_are_taken_as_they_are(text):
    assert parse_decimal(text) == Decimal(text)


@pytest.mark.parametrize(
    "text",
    ["", " 1", "1 ", "+1", "-1", "01", "1.", ".1", "1e3", "NaN", "Infinity", "1,0", "1_0", "٣", "１", "0x1", "1\n"],
)
def test_anything_else_is_refused_for_its_form(text):
    with pytest.raises(BadDecimal) as raised:
        parse_decimal(text)
    assert raised.value.reason == "form"


@pytest.mark.parametrize(
    ("text", "is_taken"), [("0." + "1" * 18, True), ("0." + "1" * 19, False), ("1" * 5_000, False)]
)
def test_eighteen_decimals_are_the_limit(text, is_taken):
    if is_taken:
        assert parse_decimal(text) == Decimal(text)
        return
    with pytest.raises(BadDecimal) as raised:
        parse_decimal(text)
    assert raised.value.reason == "digits"


def test_a_remainder_is_refused_with_the_increment():
    with pytest.raises(BadDecimal) as raised:
        units_exact(Decimal("0.123"), 2)
    assert (raised.value.reason, raised.value.limit, raised.value.value) == ("increment", "0.01", "0.123")


@pytest.mark.parametrize(("units", "is_taken"), [(MAX_UNITS - 1, True), (MAX_UNITS, False), (MAX_UNITS + 1, False)])
def test_units_keep_their_headroom_below_int64(units, is_taken):
    if is_taken:
        assert units_exact(Decimal(units), 0) == units
        return
    with pytest.raises(BadDecimal) as raised:
        units_exact(Decimal(units), 0)
    assert raised.value.reason == "size"


@given(st.integers(-(2**80), 2**80), st.integers(1, 2**40))
def test_divisions_round_as_they_say(numerator, denominator):
    exact = Fraction(numerator, denominator)
    assert div_half_even(numerator, denominator) == round(exact)
    up = div_up(numerator, denominator)
    assert up - 1 < exact <= up
