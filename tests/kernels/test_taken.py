"""A child takes the best levels within its limit, and nothing of another book or side."""

from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.kernels import taken
from tests.reference.taken import taken_off

DEPTH = 6


def books_of(rng: Random, n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    price, qty = np.zeros((n, 2, DEPTH), np.int64), np.zeros((n, 2, DEPTH), np.int64)
    counts = np.array([[rng.randint(0, DEPTH) for _ in (0, 1)] for _ in range(n)], np.int64)
    for v in range(n):
        for side_i, away in ((0, -1), (1, 1)):
            at = 1_000
            for i in range(counts[v, side_i]):
                at += away * rng.randint(1, 3)
                price[v, side_i, i], qty[v, side_i, i] = at, rng.randint(1, 9)
    return price, qty, counts


def levels_of(books, row, side_i):
    price, qty, counts = books
    n = int(counts[row, side_i])
    assert not price[row, side_i, n:].any()
    assert not qty[row, side_i, n:].any()
    return list(zip(price[row, side_i, :n].tolist(), qty[row, side_i, :n].tolist(), strict=True))


@given(st.integers(0, 2**32), st.integers(1, 4))
def test_what_is_left_is_what_the_twin_leaves(seed, n):
    rng = Random(seed)
    books = books_of(rng, n)
    row, side_i = rng.randrange(n), rng.randint(0, 1)
    sign, wanted = (1 if side_i else -1), rng.choice([0, rng.randint(1, 30)])
    limit = 1_000 + sign * rng.randint(-1, 14)
    others = {(v, s): levels_of(books, v, s) for v in range(n) for s in (0, 1) if (v, s) != (row, side_i)}
    expected = taken_off(levels_of(books, row, side_i), sign, limit, wanted)
    n_taken = taken.take_off(*books, row, side_i, limit, wanted)
    assert (levels_of(books, row, side_i), n_taken) == expected
    assert others == {(v, s): levels_of(books, v, s) for v, s in others}


@pytest.mark.parametrize(("wanted", "left"), [(4, [(1_001, 1), (1_002, 7)]), (5, [(1_002, 7)]), (6, [(1_002, 6)])])
def test_a_level_goes_with_its_last_unit(wanted, left):
    price, qty, counts = (np.zeros(shape, np.int64) for shape in ((1, 2, DEPTH), (1, 2, DEPTH), (1, 2)))
    price[0, 1, :2], qty[0, 1, :2], counts[0, 1] = (1_001, 1_002), (5, 7), 2
    assert taken.take_off(price, qty, counts, 0, 1, 1_002, wanted) == wanted
    assert levels_of((price, qty, counts), 0, 1) == left


def test_everything_within_a_limit_is_a_quantity_too():
    price, qty, counts = (np.zeros(shape, np.int64) for shape in ((1, 2, DEPTH), (1, 2, DEPTH), (1, 2)))
    price[0, 1, :2], qty[0, 1, :2], counts[0, 1] = (1_001, 1_002), (5, 7), 2
    assert taken.take_off(price, qty, counts, 0, 1, 1_001, 2**62) == 5
    assert levels_of((price, qty, counts), 0, 1) == [(1_002, 7)]
