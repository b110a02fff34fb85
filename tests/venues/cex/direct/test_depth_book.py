"""A venue's book beside its row: scales that fit, sums that need them as they are, rows that gap and come back."""

import numpy as np
import pytest

from app.domain.errors import InvariantBroken
from app.kernels import depth, status
from app.shm.books import BookBoard
from app.venues.cex.direct.depth_book import DepthBook, DepthSpec, is_good


def raw(text):
    return np.frombuffer(text.encode(), np.uint8)


def test_a_book_is_kept_at_the_finer_scale_but_where_a_sum_needs_the_venues():
    spec = DepthSpec("s", "S", 1, 8, 2, 4)
    assert spec.scales().tolist() == [2, 8, 2, 4]
    assert DepthSpec("s", "S", 1, 8, 2, 4, depth.DIGITS_SUM).scales().tolist() == [1, 8, 2, 4]
    with pytest.raises(InvariantBroken):
        DepthSpec("s", "S", 19, 8, 2, 4).scales()


def test_a_row_is_written_gapped_and_brought_back():
    board = BookBoard([("v", "s")], 5)
    book = DepthBook(DepthSpec("s", "S", 2, 3, 1, 2), board.row_of("v", "s"), capacity=20)
    text = '{"b":[["1.55","2.567"],["1.50","0.004"]],"a":[["1.61","1"]]}'
    at = text.index('"b":') + 4, text.index('"a":') + 4
    assert is_good(book.take(raw(text), at, (7, 8, 9), None, is_whole=True))
    found = board.read("s")
    assert (found.book_seq[0], found.received_ts_ns[0], found.venue_ts_ns[0]) == (7, 8, 9)
    # Bids floored and made one, the ask ceiled, quantities floored.
    assert found.price_units[0, :, 0].tolist() == [15, 17]
    assert found.qty_units[0, :, 0].tolist() == [257, 100]
    bids, asks = book.sides()
    assert bids.tolist() == [[155, 2567], [150, 4]]
    assert asks.tolist() == [[161, 1000]]
    book.gap()
    assert board.read("s").is_gapped[0]
    assert is_good(book.take(raw(text), at, (8, 8, 9), None, is_whole=True))
    assert not board.read("s").is_gapped[0]


def test_what_is_not_good_is_said():
    assert is_good(status.OK)
    assert is_good(status.NORMALISED)
    assert not any(map(is_good, (status.CROSSED, status.BAD_LEVELS, status.BAD_CHECKSUM, status.GAP)))
