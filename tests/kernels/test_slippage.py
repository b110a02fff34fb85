import math
from fractions import Fraction
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.kernels import slippage, status
from tests.reference import slippage as twin

seeds = st.integers(0, 2**32)
DEPTH = 12


def a_book(rng):
    """(price, qty, counts) of one venue and its levels as lists."""
    mid = rng.randint(10_000, 10**7)
    price, qty, counts = np.zeros((2, DEPTH), np.int64), np.zeros((2, DEPTH), np.int64), np.zeros(2, np.int64)
    sides = []
    for row, sign in ((0, -1), (1, 1)):
        at, levels = mid, []
        for _ in range(rng.randint(1, DEPTH)):
            at += sign * rng.randint(1, 1 + mid // 2000)
            levels.append((at, rng.randint(1, 10**6)))
        counts[row] = len(levels)
        price[row, : len(levels)], qty[row, : len(levels)] = zip(*levels, strict=True)
        sides.append(levels)
    return (price, qty, counts), sides


def close(found, expected):
    return (math.isnan(found) and math.isnan(expected)) or found == pytest.approx(expected, rel=1e-9, abs=1e-6)


@given(seeds, st.booleans(), st.sampled_from([1, -1]))
def test_features_and_walks_agree_with_the_twin(seed, is_inverse, side):
    rng = Random(seed)
    book, (bids, asks) = a_book(rng)
    wanted = np.array([rng.uniform(1, 3e6) for _ in range(3)])
    rows, walks = np.empty((3, slippage.N_FEATURES)), np.empty((3, slippage.N_FEATURES))
    assert slippage.book_features(*book, side, is_inverse, 0.0, wanted, rows) == status.OK
    mid = bids[0][0] * 0.5 + asks[0][0] * 0.75
    slippage.book_features(*book, side, is_inverse, mid, wanted, walks)
    for k, units in enumerate(wanted.tolist()):
        expected = twin.features(bids, asks, side, Fraction(units), is_inverse=is_inverse)
        assert all(close(a, b) for a, b in zip(rows[k], expected, strict=True))
        routed = asks if side > 0 else bids
        assert close(walks[k, 0], twin.walk_ppm(routed, side, Fraction(mid), Fraction(units), is_inverse=is_inverse))


def test_an_empty_side_has_no_features():
    book, _ = a_book(Random(1))
    book[2][1] = 0
    out = np.empty((1, slippage.N_FEATURES))
    assert slippage.book_features(*book, 1, False, 0.0, np.ones(1), out) == status.BAD_LEVELS


def a_law(rng):
    waits = np.cumsum([0.0, *(rng.uniform(0.001, 0.2) for _ in range(3))])
    walks = np.cumsum([rng.uniform(0.1, 2) for _ in range(3)])
    table = np.array([[sorted(rng.uniform(-100, 100) for _ in range(6)) for _ in walks] for _ in waits])
    table[0] = 0.0
    return np.array([rng.random(), rng.uniform(-20, 20)]), waits, walks, table


def predict(rows, sigma, wait, law):
    out = np.empty((len(rows), slippage.N_OUT))
    return slippage.slippage_quantiles(np.array(rows, float), sigma, wait, *law, out), out


@given(seeds)
def test_quantiles_agree_with_the_twin(seed):
    rng = Random(seed)
    law = a_law(rng)
    rows = [[rng.uniform(0, 300), rng.uniform(0, 5), rng.uniform(-1, 1), rng.random()] for _ in range(3)]
    sigma, wait = rng.uniform(0.1, 10), rng.choice([0.0, float(law[1][1]), rng.uniform(0, 2)])
    found, out = predict(rows, sigma, wait, law)
    assert found == status.OK
    for k, row in enumerate(rows):
        assert out[k].tolist() == pytest.approx(twin.quantiles(row, sigma, wait, *law), rel=1e-9, abs=1e-7)


@given(seeds)
def test_quantiles_never_cross(seed):
    rng = Random(seed)
    law = a_law(rng)
    _, out = predict(
        [[rng.uniform(0, 300), 1.0, rng.uniform(-1, 1), 0.1]], rng.uniform(0.1, 10), rng.uniform(0, 5), law
    )
    assert np.all(np.diff(out[0, :5]) >= -1e-9)


def test_without_a_wait_the_walk_is_the_answer():
    _, out = predict([[42.0, 1.0, 0.7, 0.1]], 2.0, 0.0, a_law(Random(3)))
    assert out[0].tolist() == [42.0] * 6


@pytest.mark.parametrize(
    ("walk", "sigma", "wait"),
    [
        (math.nan, 1.0, 0.1),
        (1.0, math.nan, 0.1),
        (1.0, 0.0, 0.1),
        (1.0, math.inf, 0.1),
        (1.0, 1.0, -0.1),
        (1.0, 1.0, math.inf),
    ],
)
def test_what_is_not_finite_is_refused(walk, sigma, wait):
    found, _ = predict([[walk, 1.0, 0.0, 0.1]], sigma, wait, a_law(Random(4)))
    assert found == status.BAD_LEVELS
