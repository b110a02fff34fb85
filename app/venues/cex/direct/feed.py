"""What every direct feed is: started, stopped, asked how it is; its books are the board's rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from app.shm.books import BookBoard

OnBook = Callable[[str], None]  # the symbol whose row was written or gapped


class Rows(NamedTuple):
    """The board that is decided on, where the feed's own process writes it; `on_row` after each row's change."""

    board: BookBoard
    on_row: OnBook


@dataclass(slots=True)
class FeedCounts:
    """What a feed has seen since it was made."""

    n_messages: int = 0
    n_updates: int = 0
    n_snapshots: int = 0
    n_gaps: int = 0
    n_bad_sums: int = 0
    n_bad_texts: int = 0
    n_refused: int = 0  # what the venue said no to


@dataclass(frozen=True, slots=True)
class FeedHealth:
    """How a feed is now. `n_good` of `n_books` follow the venue; the others' rows are gapped on the board."""

    n_books: int
    n_good: int
    n_opened: int
    heard_ts_ns: int
    last_error: str
    counts: FeedCounts


class DirectFeed(Protocol):
    """Public books of one venue, written to the board's rows by this feed alone.

    A gap, a wrong checksum or a lost socket gaps the row at once; a whole book brings it back.
    """

    async def start(self, on_book: OnBook | None = None) -> None:
        """Begins to connect and returns; `on_book(symbol)` after each row that was written or gapped."""
        ...

    async def stop(self) -> None: ...

    def health(self) -> FeedHealth: ...
