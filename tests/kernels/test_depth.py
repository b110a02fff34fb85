"""A venue's book beside dictionaries: after every message the row, the checksums and the refusals are the twin's."""

import json
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.kernels import book, depth, status
from app.shm.books import BookBoard
from tests.reference.depth import DeepBook

BOARD_DEPTH, CAPACITY = 5, 40
scales_of = st.tuples(st.integers(0, 4), st.integers(0, 4), st.integers(0, 4), st.integers(0, 4))
# Bids below 500, asks above: a message never crosses by itself.
changes = st.lists(st.tuples(st.integers(1, 400), st.integers(0, 3000)), max_size=8, unique_by=lambda level: level[0])
messages = st.lists(st.tuples(changes, changes, st.booleans()), min_size=1, max_size=6)


class Kernel:
    """take_update on one board row."""

    def __init__(self, scales, capacity=CAPACITY):
        self.board = BookBoard([("v", "s")], BOARD_DEPTH)
        self.place = self.board.row_of("v", "s")
        self.scales = np.array(scales, np.int64)
        self.price, self.qty = np.zeros((2, 2, capacity), np.int64)
        self.counts = np.zeros(2, np.int64)
        self.read, self.fold = np.zeros((2, CAPACITY, 2), np.int64), np.zeros((2, BOARD_DEPTH, 2), np.int64)

    def take(self, bids, asks, *, is_whole, seq=1, kind=depth.NO_SUM, total=0):
        price_scale, qty_scale = self.scales[:2].tolist()
        rows = [[[number(p, price_scale), number(q, qty_scale)] for p, q in side] for side in (bids, asks)]
        words = json.dumps(rows).encode()
        second = (
            words.index(b"]], [[") + 3
            if b"]], [[" in words
            else words.rindex(b"[", 0, -2)
            if not rows[1]
            else words.index(b"[]") + 4
        )
        return self.take_text(words, 1, second, is_whole=is_whole, seq=seq, kind=kind, total=total)

    def take_text(self, words, bids_at, asks_at, *, is_whole, seq=1, kind=depth.NO_SUM, total=0):
        frame = np.array([bids_at, asks_at, is_whole, kind, total], np.int64)
        stamps = np.array([seq, 7, 8], np.int64)
        at, raw = self.place, np.frombuffer(words, np.uint8)
        state = (self.price, self.qty, self.counts, self.read, self.fold)
        board = (at.control, at.n_levels, at.price_units, at.qty_units, at.row)
        return depth.take_update(raw, frame, self.scales, *state, *board, stamps)

    def sides(self):
        found = self.board.read("s")
        n = found.n_levels[0].tolist()
        return tuple(
            list(zip(found.price_units[0, i, : n[i]].tolist(), found.qty_units[0, i, : n[i]].tolist(), strict=True))
            for i in range(2)
        )

    def is_gapped(self):
        return bool(self.board.read("s").is_gapped[0])


def number(units, scale):
    whole, part = divmod(units, 10**scale)
    return f"{whole}.{part:0{scale}d}" if scale else str(whole)


def beside(pairs, offset):
    return [(price + offset, qty) for price, qty in pairs]


@given(messages, scales_of)
def test_the_row_is_the_twins_after_every_message(script, scales):
    kernel, twin = Kernel(scales), DeepBook(scales)
    for seq, (bids, low_asks, is_whole) in enumerate(script, 1):
        asks = beside(low_asks, 100_000)
        twin.take(bids, asks, is_whole=is_whole)
        expected = twin.board(BOARD_DEPTH)
        code = kernel.take(bids, asks, is_whole=is_whole, seq=seq)
        if expected[0] and expected[1] and expected[0][0][0] >= expected[1][0][0]:
            assert code == status.CROSSED
            return
        assert code == status.OK
        assert kernel.sides() == expected
        assert int(kernel.place.control[book.BOOK_SEQ, kernel.place.row]) == seq


@given(messages, scales_of)
def test_checksums_are_zlibs(script, scales):
    kernel, twin = Kernel(scales), DeepBook(scales)
    for bids, low_asks, is_whole in script:
        asks = beside(low_asks, 100_000)
        twin.take(bids, asks, is_whole=is_whole)
        for kind, total in (
            (depth.SHORT_SUM, twin.paired_sum(is_short=True)),
            (depth.FIXED_SUM, twin.paired_sum(is_short=False)),
            (depth.DIGITS_SUM, twin.digits_sum()),
        ):
            signed = total - 2**32 if total >= 2**31 else total
            assert kernel.take(bids, asks, is_whole=is_whole, kind=kind, total=total) != status.BAD_CHECKSUM
            assert kernel.take(bids, asks, is_whole=is_whole, kind=kind, total=signed) != status.BAD_CHECKSUM
            assert kernel.take(bids, asks, is_whole=is_whole, kind=kind, total=total ^ 1) == status.BAD_CHECKSUM
            assert kernel.is_gapped()


@given(st.one_of(st.integers(0, 10**17), st.integers(10**14, 10**16)), st.integers(1, 18))
def test_digits_of_any_length_are_zlibs(units, n_min):
    found = depth.crc_digits(0xFFFFFFFF, units, n_min) ^ 0xFFFFFFFF
    assert found == zlib.crc32(str(units).rjust(n_min, "0").encode())


@given(
    st.lists(st.tuples(st.integers(1, 30), st.integers(0, 5)), max_size=40),
    st.sampled_from([1, -1]),
    st.integers(1, 12),
)
def test_a_deep_side_is_sorted_with_its_best_last(pairs, side, n_together):
    price, qty, n, twin = np.zeros(40, np.int64), np.zeros(40, np.int64), 0, {}
    while pairs:
        changes, pairs = pairs[:n_together], pairs[n_together:]
        n = depth.change_deep(price, qty, n, side, np.array(changes, np.int64), len(changes))
        for at, units in changes:
            twin.pop(at, None)
            if units:
                twin[at] = units
        assert list(zip(price[:n].tolist(), qty[:n].tolist(), strict=True)) == sorted(twin.items(), reverse=side < 0)
    assert list(zip(price[:n].tolist(), qty[:n].tolist(), strict=True)) == sorted(twin.items(), reverse=side < 0)


@given(
    st.lists(st.tuples(st.integers(1, 30), st.integers(0, 5)), max_size=40),
    st.sampled_from([1, -1]),
    st.integers(1, 12),
)
def test_a_full_side_loses_its_worst(pairs, side, n_together):
    price, qty, n, twin = np.zeros(4, np.int64), np.zeros(4, np.int64), 0, {}
    while pairs:
        changes, pairs = pairs[:n_together], pairs[n_together:]
        n = depth.change_deep(price, qty, n, side, np.array(changes, np.int64), len(changes))
        for at, units in changes:
            twin.pop(at, None)
            if units:
                twin[at] = units
        twin = dict(sorted(twin.items(), reverse=side < 0)[-4:])
        assert list(zip(price[:n].tolist(), qty[:n].tolist(), strict=True)) == sorted(twin.items(), reverse=side < 0)


@pytest.mark.parametrize("words", [b'[["x","1"]]', b'[["1","1"', b'[["1.23","1"]]', b"{}"])
def test_a_text_that_is_no_levels_bars_the_row_and_changes_nothing(words):
    kernel = Kernel((1, 0, 1, 0))
    assert kernel.take([(10, 1)], [(20, 1)], is_whole=True) == status.OK
    before = kernel.counts.tolist()
    assert kernel.take_text(words, 0, -1, is_whole=False) == status.BAD_LEVELS
    assert kernel.counts.tolist() == before
    assert kernel.is_gapped()
    assert kernel.take([(10, 1)], [(20, 1)], is_whole=True) == status.OK
    assert not kernel.is_gapped()


def test_a_crossed_book_empties_and_bars_the_row():
    kernel = Kernel((0, 0, 0, 0))
    assert kernel.take([(10, 1)], [(10, 1)], is_whole=True) == status.CROSSED
    assert kernel.sides() == ([], [])
    assert kernel.is_gapped()


def test_levels_that_share_a_price_on_a_coarser_board_are_one_and_rounded_against_the_taker():
    kernel = Kernel((2, 2, 1, 1))
    kernel.take([(1009, 15), (1001, 15), (999, 9)], [(1011, 5), (1019, 6), (1020, 20)], is_whole=True)
    assert kernel.sides() == ([(100, 3)], [(102, 3)])
