import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.errors import PoolRefused
from app.domain.pools.fixed_point import ONE
from app.domain.pools.reclamm import Shift, VirtualCurve, centredness, shifted

SHIFT = Shift(ONE - 8 * 10**12, ONE // 4, is_rounded_down=True)
VIRTUAL = (10**19, 3 * 10**19)


def test_a_pool_is_centred_where_both_tokens_are_as_deep():
    assert centredness([10**18, 3 * 10**18], VIRTUAL) == ONE
    assert centredness([10**18, 12 * 10**18], VIRTUAL) == ONE // 4
    assert centredness([0, 10**18], VIRTUAL) == 0


def test_nothing_moves_within_range_or_within_the_second():
    assert shifted([10**18, 12 * 10**18], VIRTUAL, SHIFT, 60) == VIRTUAL
    assert shifted([10**17, 12 * 10**18], VIRTUAL, SHIFT, 0) == VIRTUAL


@given(st.integers(1, 3600), st.booleans())
def test_the_rarer_tokens_virtual_balance_decays_and_its_price_rises(elapsed_s, is_first):
    balances = [10**17, 12 * 10**18] if is_first else [4 * 10**18, 10**17]
    rare, other = (0, 1) if is_first else (1, 0)
    moved = shifted(balances, VIRTUAL, SHIFT, elapsed_s)
    assert moved[rare] < VIRTUAL[rare]
    before, after = VirtualCurve(VIRTUAL), VirtualCurve(moved)
    assert after.out(balances, other, rare, 10**15) < before.out(balances, other, rare, 10**15)


def test_a_range_that_has_closed_is_refused():
    with pytest.raises(PoolRefused):
        shifted([10**17, 12 * 10**18], VIRTUAL, Shift(ONE // 2, ONE // 4, is_rounded_down=False), 30)
