import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.errors import PoolRefused
from app.domain.pools.balancer_v3 import (
    Buffer,
    FixedPriceCurve,
    StableCurve,
    Surge,
    VaultPool,
    WeightedCurve,
    imbalance,
    weights_at,
)
from app.domain.pools.fixed_point import ONE
from app.domain.pools.reclamm import VirtualCurve

CURVES = (
    StableCurve(200_000),
    WeightedCurve((ONE // 4, 3 * ONE // 4)),
    VirtualCurve((10**24, 10**24)),
)


def vault(curve, fee_rule=None):
    return VaultPool(curve, (10**24, 2 * 10**24), (10**12, 1), (ONE * 11 // 10 + 1, ONE), 10**15, fee_rule)


@pytest.mark.parametrize("curve", CURVES)
@given(st.integers(10**3, 10**10))
def test_an_output_and_its_input_enclose_one_another(curve, amount):
    pool = vault(curve)
    out = pool.quote_out_wei(0, 1, amount)
    # A power is only known to 1e-14, on either side.
    assert amount - 2 - amount // 10**6 <= pool.quote_in_wei(0, 1, max(out, 1)) <= amount + 2 + amount // 10**6


def test_the_fee_surges_only_away_from_balance():
    surge = Surge(ONE // 10, ONE // 20)
    assert imbalance([ONE, ONE]) == 0
    assert imbalance([ONE, 3 * ONE]) == ONE // 2
    assert imbalance([1, 2, 9]) == 8 * ONE // 12
    assert surge.fee_for(10**15, [4, 6], [5, 5]) == 10**15
    assert surge.fee_for(10**15, [4, 6], [3, 7]) > 10**15
    assert surge.fee_for(10**15, [5, 5], [0, 10]) == ONE // 20
    towards = vault(StableCurve(200_000), surge).quote_out_wei(0, 1, 10**10)
    away = vault(StableCurve(200_000), surge).quote_out_wei(1, 0, 10**22)
    assert towards == vault(StableCurve(200_000)).quote_out_wei(0, 1, 10**10)
    assert away < vault(StableCurve(200_000)).quote_out_wei(1, 0, 10**22)


def test_weights_move_with_time():
    assert weights_at([10, 20], [1, -2], 5) == (15, 10)


def test_a_pool_may_allow_less_than_the_maths():
    curve = WeightedCurve((ONE // 2, ONE // 2), ONE // 10)
    assert curve.out([10**20, 10**20], 0, 1, 10**19) > 0
    for ask in (curve.out, curve.into):
        with pytest.raises(PoolRefused):
            ask([10**20, 10**20], 0, 1, 10**19 + 1)


def test_a_fixed_price_pool_never_buys_back():
    curve = FixedPriceCurve(0, 2 * ONE)
    assert curve.out([10**20, 0], 1, 0, 10**19) == 5 * 10**18
    assert curve.into([10**20, 0], 1, 0, 5 * 10**18) == 10**19
    with pytest.raises(PoolRefused):
        curve.out([10**20, 10**20], 0, 1, 10**18)
    with pytest.raises(PoolRefused):
        curve.into([10**20, 0], 1, 0, 10**20 + 1)


def test_a_virtual_balance_cannot_be_paid_out():
    curve = VirtualCurve((10**24, 10**24))
    with pytest.raises(PoolRefused):
        curve.out([10**18, 10**18], 0, 1, 10**24)
    with pytest.raises(PoolRefused):
        curve.into([10**18, 10**18], 0, 1, 10**18 + 1)


@given(st.integers(ONE, 2 * ONE), st.integers(1, 10**24))
def test_a_buffer_never_pays_more_than_it_got(rate, amount):
    buffer = Buffer(rate)
    assert buffer.quote_out_wei(1, 0, buffer.quote_out_wei(0, 1, amount)) <= amount
    assert buffer.quote_in_wei(0, 1, amount) * rate >= amount * ONE
    assert buffer.quote_in_wei(1, 0, amount) * ONE >= amount * rate
