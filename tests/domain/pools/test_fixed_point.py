import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.errors import PoolRefused
from app.domain.pools import fixed_point as fp
from app.domain.pools.fixed_point import ONE

wads = st.integers(0, 10**30)
positive = st.integers(1, 10**30)


@given(wads, positive)
def test_rounding_down_and_up_enclose_the_exact_value(a, b):
    product, quotient = Fraction(a * b, ONE), Fraction(a * ONE, b)
    assert fp.mul_down(a, b) == math.floor(product)
    assert fp.mul_up(a, b) == math.ceil(product)
    assert fp.div_down(a, b) == math.floor(quotient)
    assert fp.div_up(a, b) == math.ceil(quotient)
    assert fp.ceil_div(a, b) == math.ceil(Fraction(a, b))


def test_nothing_is_divided_by_zero():
    for divide in (fp.div_down, fp.div_up, fp.ceil_div):
        with pytest.raises(PoolRefused):
            divide(1, 0)


def test_the_complement_of_more_than_one_is_nothing():
    assert fp.complement(ONE // 4) == ONE * 3 // 4
    assert fp.complement(2 * ONE) == 0


@given(st.integers(10**12, 10**30), st.integers(1, 29 * ONE // 10))
def test_a_power_lies_between_its_roundings(base, exponent):
    exact = math.exp(exponent / ONE * math.log(base / ONE))
    below, above = fp.power_down(base, exponent) / ONE, fp.power_up(base, exponent) / ONE
    assert below <= exact * (1 + 1e-12)
    assert above >= exact * (1 - 1e-12)
    assert abs(fp.power(base, exponent) / ONE - exact) <= exact * 1e-12 + 1e-16


@given(st.integers(-40 * ONE, 120 * ONE))
def test_exponentials_agree_with_floats(argument):
    assert math.isclose(fp.exp(argument) / ONE, math.exp(argument / ONE), rel_tol=1e-12, abs_tol=1e-17)


@given(st.integers(10**6, 10**40))
def test_logarithms_agree_with_floats(value):
    assert math.isclose(fp.log(value) / ONE, math.log(value / ONE), rel_tol=1e-12, abs_tol=1e-15)


@given(st.integers(ONE * 9 // 10, ONE * 11 // 10))
def test_logarithms_near_one_have_36_decimals(value):
    assert math.isclose(fp.log_36(value) / 1e36, math.log1p((value - ONE) / ONE), rel_tol=1e-12, abs_tol=1e-30)


def test_powers_outside_the_contracts_range_are_refused():
    assert fp.power(ONE * 2, 0) == ONE
    assert fp.power(0, ONE) == 0
    with pytest.raises(PoolRefused):
        fp.power(10**40, 10 * ONE)
