import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.errors import PoolRefused
from app.domain.pools.constant_product import ConstantProduct

reserves = st.integers(10**6, 10**30)


@given(reserves, reserves, st.integers(0, 30_000), st.integers(1, 10**30))
def test_the_product_never_falls(first, second, fee, amount):
    pool = ConstantProduct((first, second), fee)
    out = pool.quote_out_wei(0, 1, amount)
    assert 0 <= out < second
    assert (first + amount) * (second - out) >= first * second


@given(reserves, reserves, st.integers(0, 30_000), st.data())
def test_the_input_for_an_output_buys_it(first, second, fee, data):
    pool = ConstantProduct((first, second), fee)
    wanted = data.draw(st.integers(1, second - 1))
    assert pool.quote_out_wei(0, 1, pool.quote_in_wei(0, 1, wanted)) >= wanted


def test_a_reserve_cannot_be_bought_out():
    with pytest.raises(PoolRefused):
        ConstantProduct((10, 10), 0).quote_in_wei(0, 1, 10)
