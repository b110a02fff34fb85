"""A direct feed for whoever takes books as values: each row that changes is told as a snapshot, each gap as a delta.

Where the feed's process writes the board that is decided on, none of this is needed: the row is the message.
"""

from __future__ import annotations

from app.domain.book import BookDelta, BookSnapshot, Level
from app.domain.ports import BookSink
from app.shm.books import BookBoard


class Retold:
    """The OnBook of a feed whose `board` is private to it; `on_book` hears as from any venue."""

    def __init__(self, venue: str, board: BookBoard, on_book: BookSink) -> None:
        self._venue, self._board, self._on_book = venue, board, on_book
        self._seqs: dict[str, int] = {}

    def __call__(self, symbol: str) -> None:
        books = self._board.read(symbol)
        venue_seq, venue_ts_ns, received_ts_ns = (
            int(column[0]) for column in (books.book_seq, books.venue_ts_ns, books.received_ts_ns)
        )
        # The venue's own where that rises; a gap is counted too, and a venue may begin anew.
        self._seqs[symbol] = seq = max(self._seqs.get(symbol, 0) + 1, venue_seq)
        if books.is_gapped[0]:
            # It follows nothing: whoever takes it bars the book until the next snapshot.
            self._on_book(BookDelta(self._venue, symbol, seq, seq, venue_ts_ns, received_ts_ns, (), ()))
            return
        bids, asks = (
            _levels(books.price_units[0, side_i].tolist(), books.qty_units[0, side_i].tolist(), int(n))
            for side_i, n in enumerate(books.n_levels[0])
        )
        self._on_book(BookSnapshot(self._venue, symbol, seq, venue_ts_ns, received_ts_ns, bids, asks))


def _levels(price_units: list[int], qty_units: list[int], n: int) -> tuple[Level, ...]:
    return tuple(zip(price_units[:n], qty_units[:n], strict=True))
