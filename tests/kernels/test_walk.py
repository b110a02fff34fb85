"""A walk over several books takes the cheapest with its fee first, within the cap, from open books only."""

from fractions import Fraction
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.kernels import status, walk
from tests.reference.walk import Level, walked

DEPTH = 8


def some_books(rng, n, sign):
    """Arrays of `n` books round one mid, and their levels on the far side as lists."""
    mid = rng.randint(20_000, 10**7)
    price, qty = np.zeros((n, 2, DEPTH), np.int64), np.zeros((n, 2, DEPTH), np.int64)
    counts, row, listed = np.zeros((n, 2), np.int64), (1 if sign > 0 else 0), []
    for v in range(n):
        counts[v] = rng.randint(0, DEPTH), rng.randint(0, DEPTH)
        for side, away in ((0, -1), (1, 1)):
            at = mid + away * rng.randint(-3, 9)
            for i in range(counts[v, side]):
                at += away * rng.randint(1, 1 + mid // 5_000)
                price[v, side, i], qty[v, side, i] = at, rng.randint(1, 10**6)
        listed.append([(int(price[v, row, i]), int(qty[v, row, i])) for i in range(counts[v, row])])
    return mid, (price, qty, counts), listed


@given(st.integers(0, 2**32), st.integers(1, 6), st.sampled_from([1, -1]), st.booleans(), st.booleans())
def test_the_walk_agrees_with_the_twin(seed, n, sign, is_capped, is_large):
    rng = Random(seed)
    mid, books, listed = some_books(rng, n, sign)
    fees = [rng.choice([0, 100, 250, -50]) for _ in range(n)]
    is_open = [rng.random() < 0.8 for _ in range(n)]
    cap = mid + sign * rng.randint(0, mid // 2_000) if is_capped else 0
    wanted = rng.randint(1, 3 * 10**7 if is_large else 10**6)
    out = np.full(walk.N_OUT, np.nan)
    code = walk.walk_far(
        *books, np.array(fees, float), np.array(is_open), sign, cap, float(mid), float(wanted), 5.0, out
    )
    levels = [
        Level(price, qty, fees[v])
        for v in range(n)
        if is_open[v]
        for price, qty in listed[v]
        if not cap or sign * (price - cap) <= 0
    ]
    if not levels:
        assert code == status.BAD_LEVELS
        return
    assert code == status.OK
    paid, touch, shown, left = walked(levels, sign, Fraction(mid), Fraction(wanted))
    assert out[walk.PAID] == pytest.approx(float(paid), rel=1e-12)
    assert out[walk.TOUCH] == pytest.approx(float(touch), rel=1e-12)
    assert out[walk.SHOWN] == float(shown)
    assert out[walk.LEFT] == float(left)


def test_no_book_is_no_walk():
    nothing = np.zeros((0, 2, DEPTH), np.int64), np.zeros((0, 2, DEPTH), np.int64), np.zeros((0, 2), np.int64)
    fees, is_open, out = np.zeros(0), np.zeros(0, bool), np.zeros(walk.N_OUT)
    assert walk.walk_far(*nothing, fees, is_open, 1, 0, 100.0, 1.0, 5.0, out) == status.BAD_LEVELS
