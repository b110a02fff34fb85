"""Fees round in the venue's favour, so that an estimate is never cheaper than the invoice."""

from __future__ import annotations

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from app.domain.fees import fee_nano


@given(st.integers(0, 2**62), st.integers(-10_000, 10_000))
def test_a_fee_is_the_exact_share_rounded_up_by_less_than_one(money_nano, fee_ppm):
    exact = Fraction(money_nano * fee_ppm, 1_000_000)
    assert exact <= fee_nano(money_nano, fee_ppm) < exact + 1


def test_a_rebate_is_negative_and_never_larger_than_earned():
    assert fee_nano(1_000_001, -1) == -1
    assert fee_nano(10**9, 1_000) == 10**6
