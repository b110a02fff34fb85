import numpy as np
import pytest

from app.kernels import screen

NOW = 1_000


def code(*, seq=1, received=990, gapped=False, counts=(1, 1), bid=99, ask=101, qty=1, rows=(0,), side=1):
    price = np.array([[[bid, bid - 1], [ask, ask + 1]]], np.int64)
    out = np.empty(1, np.int64)
    n = screen.screen_books(
        price,
        np.full((1, 2, 2), qty, np.int64),
        np.array([counts], np.int64),
        np.array([seq], np.int64),
        np.array([received], np.int64),
        np.array([gapped]),
        np.array(rows, np.int64),
        np.array([100], np.int64),
        NOW,
        side,
        out,
    )
    assert n == int(out[0] == screen.USABLE)
    return int(out[0])


def test_a_good_book_is_usable():
    assert code() == screen.USABLE


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"rows": (-1,)}, screen.NO_BOOK),
        ({"seq": 0}, screen.NO_BOOK),
        ({"gapped": True}, screen.GAPPED),
        ({"received": 899}, screen.STALE),
        ({"received": 900}, screen.USABLE),
        ({"bid": 101}, screen.CROSSED_BOOK),
        ({"bid": 100, "ask": 101}, screen.USABLE),
        ({"counts": (1, 0)}, screen.EMPTY_SIDE),
        ({"counts": (1, 0), "side": -1}, screen.USABLE),
        ({"qty": 0}, screen.GAPPED),
        ({"counts": (1, 3)}, screen.GAPPED),
        ({"ask": 2**61 + 1}, screen.GAPPED),
        ({"qty": 2**60 + 2**10}, screen.GAPPED),
        ({"qty": 2**60}, screen.USABLE),
        ({"seq": -1}, screen.NO_BOOK),
        ({"received": -(2**63)}, screen.STALE),
        ({"counts": (3, 1)}, screen.GAPPED),
        ({"counts": (-1, 1)}, screen.GAPPED),
        ({"bid": 1, "ask": -5, "counts": (0, 1)}, screen.GAPPED),
    ],
)
def test_each_reason_is_told(change, expected):
    assert code(**change) == expected


def test_levels_beyond_the_row_are_not_read():
    assert screen.is_within(np.array([2, 0], np.int64), 2)
    assert not screen.is_within(np.array([2, 3], np.int64), 2)


def test_an_unsorted_side_is_no_book():
    price = np.array([[[99, 98], [102, 101]]], np.int64)
    assert not screen.is_sorted_side(price[0, 1], np.ones(2, np.int64), 2, 1)
    assert screen.is_sorted_side(price[0, 0], np.ones(2, np.int64), 2, -1)
