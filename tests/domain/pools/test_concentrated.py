import math
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain.errors import PoolRefused
from app.domain.pools.concentrated import (
    MAX_SQRT_PRICE,
    MAX_TICK,
    MIN_SQRT_PRICE,
    Q96,
    concentrated,
    sqrt_price_at,
)


def pool(*ranges, tick=0, fee=3000, spacing=60):
    """A pool at `tick` with liquidity over (low, high, liquidity) ranges."""
    nets, active = {}, 0
    for low, high, liquidity in ranges:
        nets[low] = nets.get(low, 0) + liquidity
        nets[high] = nets.get(high, 0) - liquidity
        active += liquidity if low <= tick < high else 0
    return concentrated((sqrt_price_at(tick), tick, active), fee_ppm=fee, tick_spacing=spacing, nets=nets.items())


POOL = pool((-6000, 6000, 10**21), (-60, 60, 10**22), (-887220, 887220, 10**18))


def test_the_ends_of_the_price_scale_are_the_contracts():
    assert sqrt_price_at(-MAX_TICK) == MIN_SQRT_PRICE
    assert sqrt_price_at(MAX_TICK) == MAX_SQRT_PRICE
    assert sqrt_price_at(0) == Q96
    with pytest.raises(PoolRefused):
        sqrt_price_at(MAX_TICK + 1)


@given(st.integers(-MAX_TICK, MAX_TICK))
def test_prices_are_powers_of_the_tick_base(tick):
    assert math.isclose(sqrt_price_at(tick) / Q96, 1.0001 ** (tick / 2), rel_tol=1e-8)
    assert tick == -MAX_TICK or sqrt_price_at(tick - 1) < sqrt_price_at(tick)


@given(st.booleans(), st.integers(1, 10**22), st.integers(1, 10**21))
@settings(max_examples=60)
def test_more_in_never_gives_less_out(is_down, amount, more):
    small = POOL.swap_in(is_down=is_down, amount_in_wei=amount)
    large = POOL.swap_in(is_down=is_down, amount_in_wei=amount + more)
    assert small.amount_out_wei <= large.amount_out_wei
    assert small.amount_in_wei + small.left_wei == amount


@given(st.booleans(), st.integers(10**6, 10**20))
@settings(max_examples=60)
def test_the_input_for_an_output_buys_it(is_down, wanted):
    in_i, out_i = (0, 1) if is_down else (1, 0)
    needed = POOL.quote_in_wei(in_i, out_i, wanted)
    assert POOL.quote_out_wei(in_i, out_i, needed) >= wanted


@given(st.booleans(), st.integers(10**6, 10**19))
@settings(max_examples=60)
def test_a_round_trip_within_one_range_never_gains(is_down, amount):
    first = POOL.swap_in(is_down=is_down, amount_in_wei=amount)
    after = replace(POOL, sqrt_price=first.sqrt_price, tick=-1 if is_down else 0)
    assert sqrt_price_at(-60) < first.sqrt_price < sqrt_price_at(60)
    assert after.swap_in(is_down=not is_down, amount_in_wei=first.amount_out_wei).amount_out_wei <= amount


def test_where_liquidity_ends_the_swap_stops_and_the_quote_refuses():
    narrow = pool((-60, 60, 10**18))
    swap = narrow.swap_in(is_down=True, amount_in_wei=10**20)
    assert 0 < swap.left_wei < 10**20
    assert swap.amount_in_wei + swap.left_wei == 10**20
    with pytest.raises(PoolRefused) as refused:
        narrow.quote_out_wei(0, 1, 10**20)
    assert refused.value.reason == "liquidity"
    with pytest.raises(PoolRefused):
        narrow.quote_in_wei(0, 1, 10**20)
