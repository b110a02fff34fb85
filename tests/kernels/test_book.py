"""The board's kernels against a book of dictionaries: tests/shm/test_books.py drives them through the board."""

from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from app.kernels import book, status

levels = st.lists(st.tuples(st.integers(1, 20), st.integers(0, 5)), max_size=30)


@given(levels, st.sampled_from([1, -1]))
def test_changed_levels_are_a_dictionary_kept_sorted(changes, side):
    depth = 32
    sums = np.zeros(1, np.int64)
    price, qty, n, twin = np.zeros(depth, np.int64), np.zeros(depth, np.int64), 0, {}
    for at, units in changes:
        n = book.change_level(price, qty, n, side, at, units, sums, 0)
        twin.pop(at, None)
        if units:
            twin[at] = units
    assert sums[0] == book.side_sum(price, qty, n, 0 if side < 0 else 1)
    expected = sorted(twin.items(), reverse=side < 0)
    assert list(zip(price[:n].tolist(), qty[:n].tolist(), strict=True)) == expected


@given(levels, st.sampled_from([1, -1]))
def test_a_full_side_drops_its_worst_levels_and_stays_sorted(changes, side):
    price, qty, n = np.zeros(3, np.int64), np.zeros(3, np.int64), 0
    sums = np.zeros(1, np.int64)
    for at, units in changes:
        n = book.change_level(price, qty, n, side, at, units, sums, 0)
        assert 0 <= n <= 3
        assert all((b - a) * side > 0 for a, b in pairwise(price[:n].tolist()))
        assert sums[0] == book.side_sum(price, qty, n, 0 if side < 0 else 1)


def test_levels_are_checked():
    def check(*rows, side=1):
        return book.check_levels(np.array(rows, np.int64).reshape(-1, 2), side)

    assert check() == status.OK
    assert check((1, 5), (2, 5)) == status.OK
    assert check((2, 5), (1, 5), side=-1) == status.OK
    assert check((1, 5), (2, 0)) == status.NORMALISED
    assert check((1, 5), (1, 5)) == status.BAD_LEVELS
    assert check((2, 5), (1, 5)) == status.BAD_LEVELS
    assert check((0, 5)) == status.BAD_LEVELS
    assert check((1, -1)) == status.BAD_LEVELS


def test_an_update_leaves_the_lock_even_and_higher():
    control, counts = np.zeros((book.N_CONTROL, 1), np.int64), np.zeros((1, 2), np.int64)
    price, qty = np.zeros((1, 2, 4), np.int64), np.zeros((1, 2, 4), np.int64)
    bids, asks = np.array([[9, 1]], np.int64), np.array([[11, 1]], np.int64)
    for turn in range(1, 4):
        stamps = np.array([turn, 5, 6], np.int64)
        assert book.put_book(control, counts, price, qty, 0, stamps, bids, asks) == status.OK
        assert control[book.LOCK, 0] == 2 * turn


def test_a_book_whose_writer_died_is_given_empty_and_gapped():
    control, counts = np.zeros((book.N_CONTROL, 1), np.int64), np.ones((1, 2), np.int64)
    price, qty = np.ones((1, 2, 1), np.int64), np.ones((1, 2, 1), np.int64)
    control[book.LOCK, 0] = 1
    out_control, out_counts = np.zeros((book.N_CONTROL, 1), np.int64), np.zeros((1, 2), np.int64)
    assert book.copy_books(control, counts, price, qty, 0, out_control, out_counts, price.copy(), qty.copy()) == 0
    assert out_counts.tolist() == [[0, 0]]
    assert out_control[book.IS_GAPPED, 0] == 1


def test_sides_deeper_than_the_copy_are_counted():
    control, counts = np.zeros((book.N_CONTROL, 2), np.int64), np.array([[2, 1], [1, 2]], np.int64)
    price, qty = np.ones((2, 2, 2), np.int64), np.ones((2, 2, 2), np.int64)
    out_control, out_counts = np.zeros((book.N_CONTROL, 2), np.int64), np.zeros((2, 2), np.int64)
    small = np.zeros((2, 2, 1), np.int64)
    assert book.copy_books(control, counts, price, qty, 0, out_control, out_counts, small, small.copy()) == 2
    assert out_counts.tolist() == [[1, 1], [1, 1]]
