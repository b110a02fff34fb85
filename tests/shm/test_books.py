"""The board against a book of dictionaries, and between processes."""

import mmap
import subprocess
import sys
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.book import BookDelta, BookSnapshot
from app.domain.errors import InvariantBroken
from app.kernels.book import LOCK, N_CONTROL
from app.shm.books import HEADER, BookBoard, BookWrite, board_bytes
from tests.reference.book import DictBook

SYMBOL = "BTC/USDT"


def snapshot(venue="a", seq=1, bids=((99, 1), (98, 2)), asks=((101, 3), (102, 4)), symbol=SYMBOL):
    return BookSnapshot(venue, symbol, seq, 5, 6, tuple(bids), tuple(asks))


def delta(prev, seq, bids=(), asks=(), venue="a"):
    return BookDelta(venue, SYMBOL, prev, seq, 7, 8, tuple(bids), tuple(asks))


def levels(board, venue="a", symbol=SYMBOL):
    books = board.read(symbol)
    row = books.venues.index(venue)
    sides = []
    for side_i in (0, 1):
        n = int(books.n_levels[row, side_i])
        prices, qtys = books.price_units[row, side_i, :n], books.qty_units[row, side_i, :n]
        sides.append(list(zip(prices.tolist(), qtys.tolist(), strict=True)))
    return tuple(sides)


def is_gapped(board, venue="a"):
    books = board.read(SYMBOL)
    return bool(books.is_gapped[books.venues.index(venue)])


def test_a_snapshot_comes_back_with_its_stamps():
    board = BookBoard([("a", SYMBOL), ("b", SYMBOL)])
    assert board.write_snapshot(snapshot()) is BookWrite.CLEAN
    books = board.read(SYMBOL)
    assert books.venues == ("a", "b")
    assert levels(board) == ([(99, 1), (98, 2)], [(101, 3), (102, 4)])
    assert (books.book_seq.tolist(), books.venue_ts_ns.tolist()) == ([1, 0], [5, 0])
    assert (books.received_ts_ns.tolist(), books.is_gapped.tolist()) == ([6, 0], [False, False])


def test_a_copy_does_not_change_with_the_board():
    board = BookBoard([("a", SYMBOL)])
    board.write_snapshot(snapshot())
    before = board.read(SYMBOL)
    board.write_snapshot(snapshot(seq=2, bids=((50, 1),), asks=((60, 1),)))
    assert before.price_units[0, 0, 0] == 99
    assert before.book_seq[0] == 1


def test_symbols_do_not_touch_each_other_and_listings_keep_their_order():
    board = BookBoard([("b", "X"), ("a", SYMBOL), ("a", "X"), ("b", SYMBOL)])
    board.write_snapshot(snapshot("b", symbol="X"))
    assert board.read("X").venues == ("b", "a")
    assert board.read(SYMBOL).venues == ("a", "b")
    assert board.read(SYMBOL).book_seq.tolist() == [0, 0]


def test_a_symbol_nobody_lists_has_no_venue():
    assert BookBoard([("a", SYMBOL)]).read("ETH/USDT").venues == ()


@pytest.mark.parametrize(
    "bad",
    [
        {"bids": ((101, 1),), "asks": ((101, 1),)},
        {"bids": ((102, 1),), "asks": ((101, 1),)},
        {"bids": ((0, 1),)},
        {"asks": ((-5, 1),)},
        {"asks": ((101, -1),)},
        {"asks": ((101, 1), (101, 2))},
        {"seq": 0},
    ],
    ids=["locked", "crossed", "zero-price", "negative-price", "negative-qty", "price-twice", "no-sequence"],
)
def test_an_invalid_snapshot_empties_and_gaps_the_book(bad):
    board = BookBoard([("a", SYMBOL)])
    board.write_snapshot(snapshot())
    assert not board.write_snapshot(snapshot(**{"seq": 2, **bad}))
    assert is_gapped(board)
    if "seq" not in bad:
        assert levels(board) == ([], [])
    assert board.write_snapshot(snapshot(seq=3))
    assert not is_gapped(board)


def test_unsorted_and_empty_levels_are_put_right_and_said_so():
    board = BookBoard([("a", SYMBOL)])
    shuffled = snapshot(bids=((97, 1), (99, 2), (98, 0)), asks=((103, 1), (101, 0), (102, 5)))
    assert board.write_snapshot(shuffled) is BookWrite.NORMALISED
    assert levels(board) == ([(99, 2), (97, 1)], [(102, 5), (103, 1)])


def test_levels_beyond_the_depth_are_dropped():
    board = BookBoard([("a", SYMBOL)], depth=2)
    board.write_snapshot(snapshot(asks=((101, 1), (102, 1), (103, 1))))
    assert levels(board)[1] == [(101, 1), (102, 1)]
    assert board.apply_delta(delta(1, 2, asks=((100, 7),)))
    assert levels(board)[1] == [(100, 7), (101, 1)]


def test_a_gap_lasts_until_the_next_snapshot():
    board = BookBoard([("a", SYMBOL)])
    assert not board.apply_delta(delta(0, 1))
    board.write_snapshot(snapshot(seq=10))
    assert board.apply_delta(delta(10, 11, bids=((99, 5),)))
    assert not board.apply_delta(delta(12, 13, bids=((99, 6),)))
    assert is_gapped(board)
    assert levels(board)[0][0] == (99, 5)
    assert not board.apply_delta(delta(11, 12))
    board.write_snapshot(snapshot(seq=14))
    assert not is_gapped(board)
    assert board.apply_delta(delta(14, 15))


def test_a_delta_already_contained_changes_nothing():
    board = BookBoard([("a", SYMBOL)])
    board.write_snapshot(snapshot(seq=10))
    assert board.apply_delta(delta(8, 9, bids=((99, 500),)))
    assert levels(board)[0][0] == (99, 1)
    assert board.read(SYMBOL).received_ts_ns[0] == 6


@pytest.mark.parametrize("bad", [((0, 1),), ((-1, 1),), ((99, -1),), ((101, 5),)])
def test_an_invalid_or_crossing_delta_gaps_the_book(bad):
    board = BookBoard([("a", SYMBOL)])
    board.write_snapshot(snapshot())
    assert not board.apply_delta(delta(1, 2, bids=bad))
    assert is_gapped(board)


def test_mark_gapped_bars_until_a_snapshot():
    board = BookBoard([("a", SYMBOL)])
    board.write_snapshot(snapshot())
    board.mark_gapped("a", SYMBOL)
    assert is_gapped(board)
    board.write_snapshot(snapshot(seq=2))
    assert not is_gapped(board)


def test_a_stranger_is_refused():
    board = BookBoard([("a", SYMBOL)])
    for write in (board.write_snapshot, board.apply_delta):
        with pytest.raises(InvariantBroken):
            write(snapshot("z") if write == board.write_snapshot else delta(1, 2, venue="z"))
    with pytest.raises(InvariantBroken):
        BookBoard([("a", SYMBOL), ("a", SYMBOL)])
    with pytest.raises(InvariantBroken):
        BookBoard([("a", SYMBOL)], depth=0)


@given(st.integers(0, 2**32))
def test_any_stream_of_updates_agrees_with_a_dictionary(seed):
    rng = Random(seed)
    board, twin = BookBoard([("a", SYMBOL)], depth=64), DictBook()
    seq = 0
    for _ in range(rng.randint(1, 30)):
        bid = rng.randint(80, 100)
        if rng.random() < 0.15 or not seq:
            seq = rng.randint(1, 1_000)
            bids = tuple((bid - i, rng.randint(1, 9)) for i in range(rng.randint(0, 5)))
            asks = tuple((bid + 1 + i, rng.randint(1, 9)) for i in range(rng.randint(0, 5)))
            assert board.write_snapshot(snapshot(seq=seq, bids=bids, asks=asks))
            twin.take_snapshot(snapshot(seq=seq, bids=bids, asks=asks))
            continue
        prev = seq if rng.random() < 0.9 else seq + rng.randint(-2, 2)
        change = delta(
            prev,
            prev + rng.randint(1, 3),
            [(rng.randint(75, 105), rng.randint(0, 4)) for _ in range(rng.randint(0, 3))],
            [(rng.randint(85, 115), rng.randint(0, 4)) for _ in range(rng.randint(0, 3))],
        )
        is_good = board.apply_delta(change)
        assert is_good == twin.take_delta(change)
        assert is_gapped(board) == twin.is_gapped
        seq = twin.book_seq
        if not twin.is_gapped:
            assert levels(board) == twin.levels()
            assert board.read(SYMBOL).book_seq[0] == twin.book_seq


def test_a_given_buffer_is_the_board_and_outlives_it():
    listings = [("a", SYMBOL), ("b", SYMBOL)]
    buffer = bytearray(board_bytes(2, 10))
    BookBoard(listings, 10, buffer).write_snapshot(snapshot())
    again = BookBoard(listings, 10, buffer)
    assert levels(again) == ([(99, 1), (98, 2)], [(101, 3), (102, 4)])


def test_a_buffer_of_another_board_is_refused():
    buffer = bytearray(board_bytes(1, 10))
    BookBoard([("a", SYMBOL)], 10, buffer)
    for listings, depth in (([("b", SYMBOL)], 10), ([("a", SYMBOL)], 9)):
        with pytest.raises(InvariantBroken):
            BookBoard(listings, depth, buffer)
    with pytest.raises(InvariantBroken):
        BookBoard([("a", SYMBOL)], 10, bytearray(10))
    with pytest.raises(InvariantBroken):
        BookBoard([("a", SYMBOL)], 10, memoryview(bytes(board_bytes(1, 10))))


WRITER = """
import mmap, sys
from app.domain.book import BookSnapshot
from app.shm.books import BookBoard, board_bytes
with open(sys.argv[1], "r+b") as file:
    board = BookBoard([("a", "BTC/USDT")], 50, memoryview(mmap.mmap(file.fileno(), board_bytes(1, 50))))
    print("ready", flush=True)
    for turn in range(1, 4001):
        bids = tuple((10_000 * turn - i, turn) for i in range(1 + turn % 50))
        asks = tuple((10_000 * turn + 1 + i, turn) for i in range(1 + turn % 50))
        board.write_snapshot(BookSnapshot("a", "BTC/USDT", turn, turn, turn, bids, asks))
"""


def test_a_reader_in_another_process_never_sees_half_a_book(tmp_path):
    """Each book says the same turn everywhere: a torn copy would mix two."""
    path = tmp_path / "board"
    path.write_bytes(bytes(board_bytes(1, 50)))
    with path.open("r+b") as file:
        board = BookBoard([("a", SYMBOL)], 50, memoryview(mmap.mmap(file.fileno(), board_bytes(1, 50))))
        with subprocess.Popen([sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, text=True) as writer:
            assert writer.stdout is not None
            assert writer.stdout.readline() == "ready\n"
            seen = set()
            while writer.poll() is None:
                books = board.read(SYMBOL)
                turn, n = int(books.book_seq[0]), int(books.n_levels[0, 0])
                if books.is_gapped[0]:  # the writer was suspended inside a write for longer than a reader waits
                    assert n == 0
                    continue
                seen.add(turn)
                assert n == (1 + turn % 50 if turn else 0)
                assert (books.qty_units[0, :, :n] == turn).all()
                assert books.received_ts_ns[0] == books.venue_ts_ns[0] == turn
                assert (books.price_units[0, 0, :n] == 10_000 * turn - np.arange(n)).all()
            assert writer.returncode == 0
    assert len(seen) > 10
    assert board.read(SYMBOL).book_seq[0] == 4000


def shared_board():
    """A board in memory that others could write, and its words from `control` on."""
    buffer = bytearray(board_bytes(2, 8))
    board = BookBoard([("a", SYMBOL), ("b", SYMBOL)], 8, buffer)
    board.write_snapshot(snapshot(bids=((99, 1), (98, 2), (97, 3)), asks=((101, 3), (102, 4))))
    board.apply_delta(delta(1, 2, bids=((98, 7), (96, 1)), asks=((101, 0), (103, 9))))
    board.write_snapshot(snapshot("b", seq=5))
    return board, np.frombuffer(buffer, np.int64)[HEADER:]


def as_read(board):
    books = board.read(SYMBOL)
    sides = [tuple(map(tuple, levels(board, venue))) for venue in ("a", "b")]
    return sides, books.book_seq.tolist(), books.is_gapped.tolist(), books.received_ts_ns.tolist()


def test_an_untouched_board_is_whole():
    board, _ = shared_board()
    assert as_read(board)[2] == [False, False]
    assert board.n_broken == 0


@given(st.integers(0, 2**32))
def test_flipped_bits_are_seen_or_change_nothing(seed):
    """1 to 64 flips anywhere in the board: a book is read as it was, or barred."""
    rng = Random(seed)
    board, words = shared_board()
    before = as_read(board)
    for _ in range(rng.randint(1, 64)):
        words[rng.randrange(words.size)] ^= np.int64(rng.choice([1 << bit for bit in range(63)] + [-(2**63)]))
    sides, seqs, gapped, received = as_read(board)
    for k in range(2):
        if not gapped[k]:
            assert (sides[k], seqs[k], received[k]) == (before[0][k], before[1][k], before[3][k])
        else:
            assert sides[k] == ((), ())


@given(st.integers(0, 2**32))
def test_a_delta_does_not_seal_flipped_bits_as_good(seed):
    """The writer goes on over a damaged book: what it then shows is whole, or barred until a snapshot."""
    rng = Random(seed)
    board, words = shared_board()
    n_control = 2 * N_CONTROL
    places = [2 * column for column in range(N_CONTROL) if column != LOCK] + [n_control, n_control + 1]
    places += range(n_control + 4, words.size)
    for _ in range(rng.randint(1, 3)):
        words[rng.choice(places)] ^= np.int64(1 << rng.randrange(60))
    is_damaged = bool(board.read(SYMBOL).is_gapped[0])
    board.apply_delta(delta(2, 3, bids=((95, 4),)))
    if is_damaged:
        assert is_gapped(board)
        assert board.write_snapshot(snapshot(seq=9))
        assert not is_gapped(board)
        assert levels(board) == ([(99, 1), (98, 2)], [(101, 3), (102, 4)])


def test_one_book_is_read_by_others_as_its_writer_left_it():
    board = BookBoard([("a", "X"), ("b", "X")], buffer=bytearray(board_bytes(2, 100)))
    other = BookBoard([("a", "X"), ("b", "X")], buffer=memoryview(board._control.base).cast("B"))
    versions = other.versions()
    written = BookSnapshot("b", "X", 5, 7, 9, ((100, 1), (99, 2)), ((101, 3),))
    board.write_snapshot(written)
    assert other.versions().tolist() == [versions[0], versions[1] + 2]
    assert other.listings == (("a", "X"), ("b", "X"))
    assert (other.snapshot("b", "X"), other.best("b", "X"), other.received_ts_ns("b", "X")) == (written, (100, 101), 9)
    assert (other.snapshot("a", "X"), other.best("a", "X"), other.received_ts_ns("a", "X")) == (None, (0, 0), 0)
    board.mark_gapped("b", "X")
    assert (other.snapshot("b", "X"), other.best("b", "X")) == (None, (0, 0))
    assert other.versions()[1] == versions[1] + 4


def test_updates_of_any_number_of_levels_are_what_a_new_array_would_hold():
    """The memory that few levels are written into is used again: nothing of the last update is left in the next."""
    board = BookBoard([("v", "S")], depth=200)
    for seq, n in enumerate((3, 150, 64, 65, 1, 0, 5), 1):
        bids = tuple((1_000 - i, i + seq) for i in range(n))
        asks = tuple((1_001 + i, 2 * i + seq) for i in range(n))
        assert board.write_snapshot(BookSnapshot("v", "S", seq, seq, seq, bids, asks)) is BookWrite.CLEAN
        books = board.read("S")
        for side_i, side in enumerate((bids, asks)):
            found = zip(books.price_units[0, side_i, :n].tolist(), books.qty_units[0, side_i, :n].tolist(), strict=True)
            assert list(found) == list(side)
            assert books.n_levels[0, side_i] == n
        assert board.touch("v", "S") == ((1_000, 1_001) if n else (0, 0))


def test_a_level_beyond_int64_is_refused_as_numpy_does():
    board = BookBoard([("v", "S")])
    with pytest.raises(OverflowError):
        board.write_snapshot(BookSnapshot("v", "S", 1, 1, 1, ((2**63, 1),), ()))
