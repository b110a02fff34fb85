import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.errors import PoolRefused
from app.domain.pools.fixed_point import ONE
from app.domain.pools.weighted import Weighted, raised, weighted_in, weighted_out

balances = st.integers(10**15, 10**27)
shares = st.integers(1, 99)


@given(balances, balances, shares, st.integers(1, 300))
def test_an_output_is_the_closed_form_and_never_above_it(balance_in, balance_out, percent, permille):
    amount = balance_in * permille // 1000
    w_in, w_out = percent * ONE // 100, (100 - percent) * ONE // 100
    out = weighted_out(balance_in, w_in, balance_out, w_out, amount, has_short_powers=True)
    exact = balance_out * -math.expm1(-w_in / w_out * math.log1p(amount / balance_in))
    assert out <= exact * (1 + 1e-9) + 1
    assert math.isclose(out, exact, rel_tol=1e-6, abs_tol=balance_out * 1e-12)


@given(balances, balances, shares, st.integers(1, 250))
def test_the_input_for_an_output_buys_it(balance_in, balance_out, percent, permille):
    w_in, w_out = percent * ONE // 100, (100 - percent) * ONE // 100
    wanted = balance_out * permille // 1000
    needed = weighted_in(balance_in, w_in, balance_out, w_out, wanted, has_short_powers=False)
    if needed <= balance_in * 3 // 10:
        out = weighted_out(balance_in, w_in, balance_out, w_out, needed, has_short_powers=False)
        assert out >= wanted - balance_out // 10**13


def test_more_than_three_tenths_of_a_balance_are_refused():
    pool = Weighted((10**20, 10**20), (ONE // 2, ONE // 2), (18, 18), 0, has_short_powers=True)
    assert pool.quote_out_wei(0, 1, 3 * 10**19) > 0
    with pytest.raises(PoolRefused):
        pool.quote_out_wei(0, 1, 3 * 10**19 + 1)
    with pytest.raises(PoolRefused):
        weighted_in(10**20, ONE // 2, 10**20, ONE // 2, 3 * 10**19 + 1, has_short_powers=True)


@given(st.integers(ONE // 2, ONE))
def test_short_powers_are_tighter_than_the_general_ones(base):
    for exponent in (ONE, 2 * ONE, 4 * ONE):
        short, general = (raised(base, exponent, has_short_powers=way) for way in (True, False))
        assert abs(short - general) <= 30_000
