"""Books from feeds to the board: one writer per book, problems told, never hidden."""

from __future__ import annotations

from dataclasses import dataclass, field

from app import observe
from app.domain.book import BookDelta, BookSnapshot
from app.shm.books import BookBoard


@dataclass(slots=True)
class MarketData:
    """Takes every venue's books. `received_ts_ns` of the last update is kept per (venue, symbol)."""

    board: BookBoard
    _last_ts_ns: dict[tuple[str, str], int] = field(default_factory=dict)

    def take(self, book: BookSnapshot | BookDelta) -> None:
        """Writes one update; a gap or an invalid book bars the venue until its next snapshot."""
        if isinstance(book, BookSnapshot):
            is_good = bool(self.board.write_snapshot(book))
        else:
            is_good = self.board.apply_delta(book)
        self._last_ts_ns[(book.venue, book.symbol)] = book.received_ts_ns
        observe.book_received(book.venue, book.symbol, is_good=is_good)

    def note(self, venue: str, symbol: str) -> None:
        """A book that its own writer has put on a shared board."""
        self._last_ts_ns[(venue, symbol)] = self.board.received_ts_ns(venue, symbol)
        observe.book_received(venue, symbol, is_good=not self.board.is_gapped(venue, symbol))

    def told(self, venue: str, symbol: str, now_ns: int) -> BookSnapshot | BookDelta:
        """What a shared board shows of a book now: all of it, or a delta that fits nothing where it is barred."""
        book = self.board.snapshot(venue, symbol)
        return book if book is not None else BookDelta(venue, symbol, -1, 1, 0, now_ns, (), ())

    def book_age_ns(self, now_ns: int) -> dict[tuple[str, str], int]:
        """Age of each book that ever came."""
        return {key: now_ns - ts_ns for key, ts_ns in self._last_ts_ns.items()}
