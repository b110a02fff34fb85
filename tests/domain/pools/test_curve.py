import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.errors import PoolRefused
from app.domain.pools.curve import CurveStable, CurveUnderlying
from app.domain.pools.curve_crypto import CurveCrypto
from app.domain.pools.fixed_point import ONE

balances = st.integers(10**22, 10**24)


def plain(*values, fee=4_000_000):
    return CurveStable(values, (ONE,) * len(values), 10_000, 100, fee, has_late_fee=False, supply_wei=sum(values))


@given(balances, balances, st.integers(10**6, 10**23))
def test_the_invariant_never_falls(first, second, amount):
    pool = plain(first, second)
    out = pool.quote_out_wei(0, 1, amount)
    after = plain(first + amount, second - out)
    assert 0 <= out < second
    assert after.invariant(after.scaled()) >= pool.invariant(pool.scaled()) - 2


@given(balances, balances, balances, st.integers(10**18, 10**20))
def test_a_deposit_taken_out_again_never_gains(first, second, third, amount):
    pool = plain(first, second, third)
    assert pool.withdrawn_wei(1, pool.shares_for(1, amount)) <= amount


def test_the_base_pool_answers_for_its_own_tokens():
    base = plain(10**24, 10**24, 10**24)
    meta = CurveUnderlying(plain(10**22, 10**22), base)
    assert meta.n_tokens == 4
    assert meta.quote_out_wei(1, 2, 10**18) == base.quote_out_wei(0, 1, 10**18)
    assert 0 < meta.quote_out_wei(2, 0, 10**18) < 10**18


def crypto(*values):
    invariant = sum(values)
    return CurveCrypto(values, (1, 1, 1), (ONE, ONE), invariant, 3645, 7 * 10**13, 4_000_000, 40_000_000, 10**16)


@given(st.integers(10**15, 10**20), st.integers(10**15, 10**20))
def test_unlike_tokens_pay_more_for_more(amount, more):
    pool = crypto(10**23, 10**23, 10**23)
    assert pool.quote_out_wei(0, 1, amount) <= pool.quote_out_wei(0, 1, amount + more) < 10**23


def test_a_balance_far_from_the_others_is_refused():
    with pytest.raises(PoolRefused):
        crypto(10**23, 10**23, 10**23).quote_out_wei(0, 1, 10**30)
