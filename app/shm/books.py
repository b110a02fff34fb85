"""The board of books: one row per (venue, symbol), flat int64 columns over any buffer, one writer per book.

Side index 0 is bids, 1 is asks; levels are best first, in the symbol's integer units.
Layout of the buffer, all int64: HEADER words (magic, layout version, n_books, depth, listings hash), then
control[N_CONTROL, n_books] (kernels/book.py), n_levels[n_books, 2], price[n_books, 2, depth], qty[n_books, 2, depth].
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Sequence
from enum import IntEnum
from itertools import chain
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from app.domain.book import BookDelta, BookSnapshot
from app.domain.errors import InvariantBroken
from app.kernels import book, status

Int64Array = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]

MAGIC: Final = 0x5845_5453_4542  # "BESTEX" in little endian
LAYOUT: Final = 2
HEADER: Final = 8
WORD_BYTES: Final = 8
WORD: Final = np.dtype(np.int64)
# Updates of more levels on a side are made into an array of their own.
MOST_KEPT: Final = 64


class SymbolBooks(NamedTuple):
    """A private copy of every venue's book of one symbol, taken once per decision (this copy is the receipt).

    price_units, qty_units: int64[n_venues, 2, depth]. n_levels: int64[n_venues, 2]. book_seq, received_ts_ns,
    venue_ts_ns: int64[n_venues]; book_seq 0 means no book yet. is_gapped: bool[n_venues], a sequence gap is open.
    `is_plain`: whoever made it knows that the arrays are as kernels take them, writable and contiguous.
    """

    symbol: str
    venues: tuple[str, ...]
    price_units: Int64Array
    qty_units: Int64Array
    n_levels: Int64Array
    book_seq: Int64Array
    received_ts_ns: Int64Array
    venue_ts_ns: Int64Array
    is_gapped: BoolArray
    is_plain: bool = False


class BookRow(NamedTuple):
    """Where one book lies on its board, for a writer that fills the row within a kernel: put_book's arguments."""

    control: Int64Array
    n_levels: Int64Array
    price_units: Int64Array
    qty_units: Int64Array
    row: int


class BookWrite(IntEnum):
    """How a snapshot was taken: false means that the venue is gapped until a good one comes."""

    REFUSED = 0
    NORMALISED = 1
    CLEAN = 2


def board_bytes(n_books: int, depth: int) -> int:
    """Bytes of a board's buffer."""
    return WORD_BYTES * (HEADER + n_books * (book.N_CONTROL + 2 + 4 * depth))


class BookBoard:
    """Books of all listings over one buffer; the same code on private memory and on memory that processes share."""

    def __init__(
        self, listings: Sequence[tuple[str, str]], depth: int = 100, buffer: memoryview | bytearray | None = None
    ) -> None:
        """`listings`: (venue, symbol) pairs, each once. `buffer`: writable, of board_bytes(), zeroed or already a board
        of the same listings; None takes private memory. Raises InvariantBroken where these do not fit together.
        """
        rows = sorted(set(listings), key=lambda pair: (pair[1], listings.index(pair)))
        if len(rows) != len(listings) or depth < 1:
            raise InvariantBroken(reason="a listing twice, or no depth", n_listings=len(listings), depth=depth)
        self._rows = {pair: row for row, pair in enumerate(rows)}
        self._venues: dict[str, tuple[str, ...]] = {}
        self._first_row: dict[str, int] = {}
        self._deepest: dict[str, int] = {}
        for row, (venue, symbol) in enumerate(rows):
            self._venues[symbol] = (*self._venues.get(symbol, ()), venue)
            self._first_row.setdefault(symbol, row)
        n, size = len(rows), board_bytes(len(rows), depth)
        self._is_shared = buffer is not None
        self.n_broken = 0
        if buffer is None:
            words = np.zeros(size // WORD_BYTES, dtype=np.int64)
        else:
            view = memoryview(buffer)
            if view.readonly or view.nbytes < size:
                raise InvariantBroken(reason="buffer", needed_bytes=size, buffer_bytes=view.nbytes)
            words = np.frombuffer(view, dtype=np.int64, count=size // WORD_BYTES)
        self._open(words, n, depth, rows)
        spans = np.cumsum([HEADER, n * book.N_CONTROL, 2 * n, 2 * n * depth, 2 * n * depth]).tolist()
        self._control = words[spans[0] : spans[1]].reshape(book.N_CONTROL, n)
        self._n_levels = words[spans[1] : spans[2]].reshape(n, 2)
        self._price = words[spans[2] : spans[3]].reshape(n, 2, depth)
        self._qty = words[spans[3] : spans[4]].reshape(n, 2, depth)
        # Single words are read through these for half of what an array takes.
        self._gapped_words, self._counts = self._control[book.IS_GAPPED].data, self._n_levels.data
        self._price_words = self._price.data
        self._bids, self._asks, self._stamps = _Rows(2), _Rows(2), _Rows(3)

    @staticmethod
    def _open(words: Int64Array, n_books: int, depth: int, rows: Sequence[tuple[str, str]]) -> None:
        """Writes the header of a new board, or refuses one that was made for other listings."""
        digest = hashlib.sha256("\n".join("\t".join(pair) for pair in rows).encode()).digest()
        header = [MAGIC, LAYOUT, n_books, depth, int.from_bytes(digest[:7], "big")]
        found = words[: len(header)].tolist()
        if not any(found):
            words[: len(header)] = header
        elif found != header:
            raise InvariantBroken(reason="the buffer holds another board", n_books=found[2], depth=found[3])

    def write_snapshot(self, snapshot: BookSnapshot) -> BookWrite:
        """Replaces a venue's book. Levels without quantity are left out and unsorted ones sorted (NORMALISED).

        A book that is crossed in itself, has a price or quantity that is not positive, one price twice, or no sequence
        is REFUSED: the row is emptied and gapped, and stays so until a good snapshot.
        """
        row = self._row(snapshot.venue, snapshot.symbol)
        bids, asks = self._bids.of(snapshot.bids), self._asks.of(snapshot.asks)
        bid, ask = bids[:, 0], asks[:, 0]
        is_sorted = bool((bid[1:] < bid[:-1]).all() and (ask[1:] > ask[:-1]).all())
        if not is_sorted:
            bids = np.ascontiguousarray(bids[np.argsort(-bids[:, 0], kind="stable")])
            asks = np.ascontiguousarray(asks[np.argsort(asks[:, 0], kind="stable")])
        if snapshot.book_seq < 1:
            self.mark_gapped(snapshot.venue, snapshot.symbol)
            return BookWrite.REFUSED
        stamps = self._stamps.of(((snapshot.book_seq, snapshot.received_ts_ns, snapshot.venue_ts_ns),))[0]
        found = book.put_book(self._control, self._n_levels, self._price, self._qty, row, stamps, bids, asks)
        if found > status.NORMALISED:
            return BookWrite.REFUSED
        return BookWrite.CLEAN if is_sorted and found == status.OK else BookWrite.NORMALISED

    def apply_delta(self, delta: BookDelta) -> bool:
        """Applies changed levels; False means a gap (or an invalid or crossing change): gapped until a snapshot.

        A delta that the book already contains is True and changes nothing.
        """
        row = self._row(delta.venue, delta.symbol)
        found = book.change_book(
            self._control,
            self._n_levels,
            self._price,
            self._qty,
            row,
            delta.prev_book_seq,
            self._stamps.of(((delta.book_seq, delta.received_ts_ns, delta.venue_ts_ns),))[0],
            self._bids.of(delta.bids),
            self._asks.of(delta.asks),
        )
        return found == status.OK

    def mark_gapped(self, venue: str, symbol: str) -> None:
        """Bars a venue's book until its next good snapshot."""
        book.gap_book(self._control, self._n_levels, self._row(venue, symbol))

    def row_of(self, venue: str, symbol: str) -> BookRow:
        """The place of a venue's book, for its one writer."""
        return BookRow(self._control, self._n_levels, self._price, self._qty, self._row(venue, symbol))

    def touch(self, venue: str, symbol: str) -> tuple[int, int]:
        """(best bid, best ask) of one book, for its writer's own thread; 0: an empty side, or the book is gapped."""
        row = self._row(venue, symbol)
        if self._gapped_words[row]:
            return 0, 0
        counts, prices = self._counts, self._price_words
        return prices[row, 0, 0] if counts[row, 0] else 0, prices[row, 1, 0] if counts[row, 1] else 0

    @property
    def listings(self) -> tuple[tuple[str, str], ...]:
        """(venue, symbol) of every row, in the rows' order."""
        return tuple(self._rows)

    def versions(self) -> Int64Array:
        """A copy of a number per row that rises with every write, for whoever looks for what changed."""
        versions: Int64Array = self._control[book.LOCK].copy()
        return versions

    def received_ts_ns(self, venue: str, symbol: str) -> int:
        """When the newest update of one book was received, 0 for none yet."""
        return int(self._control[book.RECEIVED_TS_NS, self._row(venue, symbol)])

    def is_gapped(self, venue: str, symbol: str) -> bool:
        """Whether one book is barred until its next good snapshot."""
        return bool(self._gapped_words[self._row(venue, symbol)])

    def best(self, venue: str, symbol: str) -> tuple[int, int]:
        """(best bid, best ask) as `touch`, for who is not the book's writer. Not held against the book's sums."""
        copied = self._copy(self._row(venue, symbol), 1)
        n_bids, n_asks = (0, 0) if copied.is_gapped[0] else copied.n_levels[0].tolist()
        price = copied.price_units[0]
        return int(price[0, 0]) if n_bids else 0, int(price[1, 0]) if n_asks else 0

    def snapshot(self, venue: str, symbol: str) -> BookSnapshot | None:
        """One book as it stood between two writes; None where it is gapped, broken or not there yet."""
        copied = self._copy(self._row(venue, symbol), self._price.shape[2], is_checked=True)
        if copied.is_gapped[0] or not copied.book_seq[0]:
            return None
        sides = [
            tuple(zip(prices[:n].tolist(), quantities[:n].tolist(), strict=True))
            for n, prices, quantities in zip(
                copied.n_levels[0].tolist(), copied.price_units[0], copied.qty_units[0], strict=True
            )
        ]
        stamps = (int(copied.book_seq[0]), int(copied.venue_ts_ns[0]), int(copied.received_ts_ns[0]))
        return BookSnapshot(venue, symbol, *stamps, *sides)

    def _copy(self, row: int, depth: int, *, is_checked: bool = False) -> SymbolBooks:
        """One row, to `depth` levels; held against its sums where asked (then `depth` is all of it)."""
        control, n_levels = np.empty((book.N_CONTROL, 1), np.int64), np.empty((1, 2), np.int64)
        price, qty = np.zeros((1, 2, depth), np.int64), np.zeros((1, 2, depth), np.int64)
        book.copy_books(self._control, self._n_levels, self._price, self._qty, row, control, n_levels, price, qty)
        if is_checked:
            self.n_broken += book.bar_broken(control, n_levels, price, qty)
        book_seq, received_ts_ns, venue_ts_ns, gapped = control[: book.IS_GAPPED + 1]
        return SymbolBooks("", (), price, qty, n_levels, book_seq, received_ts_ns, venue_ts_ns, gapped.astype(np.bool_))

    def read(self, symbol: str) -> SymbolBooks:
        """Every venue's book of `symbol`, each as it stood between two writes; no venue for a symbol nobody lists.

        In memory that others can write, each copy is held against its sums: a broken book is given empty and gapped.
        """
        venues = self._venues.get(symbol, ())
        n, first = len(venues), self._first_row.get(symbol, 0)
        control, n_levels = np.empty((book.N_CONTROL, n), WORD), np.empty((n, 2), WORD)
        # As deep as the deepest book ever read, which is cheaper than asking all of them; where one is cut, as deep as
        # the deepest now, then whole. In shared memory a count may be damaged: it sizes nothing beyond the board.
        most, depth = self._price.shape[2], self._deepest.get(symbol, 1)
        while True:
            price, qty = np.empty((n, 2, depth), WORD), np.empty((n, 2, depth), WORD)
            n_cut = book.copy_books(
                self._control, self._n_levels, self._price, self._qty, first, control, n_levels, price, qty
            )
            if n_cut == 0 or depth == most:
                break
            found = min(int(self._n_levels[first : first + n].max(initial=1)), most)
            depth = self._deepest[symbol] = found if found > depth else most
        if self._is_shared:
            self.n_broken += book.bar_broken(control, n_levels, price, qty)
        return SymbolBooks(
            symbol,
            venues,
            price,
            qty,
            n_levels,
            control[book.BOOK_SEQ],
            control[book.RECEIVED_TS_NS],
            control[book.VENUE_TS_NS],
            control[book.IS_GAPPED].astype(np.bool_),
            True,  # noqa: FBT003 - is_plain; by its name it would take as long as one of the arrays
        )

    def _row(self, venue: str, symbol: str) -> int:
        row = self._rows.get((venue, symbol))
        if row is None:
            raise InvariantBroken(reason="a book of a listing that the board does not have", venue=venue, symbol=symbol)
        return row


class _Rows:
    """Rows of integers as an array over the same memory each time, which spares the making of one for a few rows."""

    def __init__(self, width: int) -> None:
        array = np.empty((MOST_KEPT, width), WORD)
        self._width, self._bytes = width, array.data.cast("B")
        self._views = [array[:n] for n in range(MOST_KEPT + 1)]
        self._packs = [struct.Struct(f"={width * n}q").pack_into for n in range(MOST_KEPT + 1)]

    def of(self, rows: Sequence[tuple[int, ...]]) -> Int64Array:
        """int64[len(rows), width], good until the next call. Raises OverflowError beyond int64."""
        n = len(rows)
        if n <= MOST_KEPT:
            try:
                self._packs[n](self._bytes, 0, *chain.from_iterable(rows))
            except struct.error:  # said better by NumPy
                pass
            else:
                return self._views[n]
        return np.array(rows, dtype=np.int64).reshape(-1, self._width)
