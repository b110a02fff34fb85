"""Books from feeds to the board: one writer per book, problems told, never hidden."""

from __future__ import annotations

from dataclasses import dataclass, field

from app import observe
from app.domain.book import BookDelta, BookSnapshot
from app.domain.enums import Side
from app.learning.quote_age import QuoteAges
from app.shm.books import BookBoard


@dataclass(slots=True)
class MarketData:
    """Takes every venue's books. `received_ts_ns` of the last update is kept per (venue, symbol)."""

    board: BookBoard
    ages: QuoteAges | None = None  # who wants to know how long touches stand
    _last_ts_ns: dict[tuple[str, str], int] = field(default_factory=dict)

    def take(self, book: BookSnapshot | BookDelta) -> None:
        """Writes one update; a gap or an invalid book bars the venue until its next snapshot."""
        if isinstance(book, BookSnapshot):
            is_good = bool(self.board.write_snapshot(book))
        else:
            is_good = self.board.apply_delta(book)
        self._last_ts_ns[(book.venue, book.symbol)] = book.received_ts_ns
        if self.ages is not None:
            self._age(self.ages, book)
        observe.book_received(book.venue, book.symbol, is_good=is_good)

    def _age(self, ages: QuoteAges, book: BookSnapshot | BookDelta) -> None:
        place, qtys = (book.venue, book.symbol), (0, 0)
        if isinstance(book, BookSnapshot):
            bid, ask = (levels[0] if levels else (0, 0) for levels in (book.bids, book.asks))
            touch, qtys = (bid[0], ask[0]), (bid[1], ask[1])
        else:
            touch = self.board.touch(*place)
        _note(ages, place, touch, qtys, book.received_ts_ns)

    def note(self, venue: str, symbol: str) -> None:
        """A book that its own writer has put on a shared board."""
        received_ts_ns = self._last_ts_ns[(venue, symbol)] = self.board.received_ts_ns(venue, symbol)
        if self.ages is not None:
            _note(self.ages, (venue, symbol), self.board.best(venue, symbol), (0, 0), received_ts_ns)
        observe.book_received(venue, symbol, is_good=not self.board.is_gapped(venue, symbol))

    def told(self, venue: str, symbol: str, now_ns: int) -> BookSnapshot | BookDelta:
        """What a shared board shows of a book now: all of it, or a delta that fits nothing where it is barred."""
        book = self.board.snapshot(venue, symbol)
        return book if book is not None else BookDelta(venue, symbol, -1, 1, 0, now_ns, (), ())

    def book_age_ns(self, now_ns: int) -> dict[tuple[str, str], int]:
        """Age of each book that ever came."""
        return {key: now_ns - ts_ns for key, ts_ns in self._last_ts_ns.items()}


def _note(ages: QuoteAges, place: tuple[str, str], touch: tuple[int, int], qtys: tuple[int, int], now_ns: int) -> None:
    """A buyer takes the ask, a seller the bid; quantities of 0 are not told."""
    ages.note(*place, Side.SELL, (touch[0], qtys[0]), now_ns)
    ages.note(*place, Side.BUY, (touch[1], qtys[1]), now_ns)
