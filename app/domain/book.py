"""One venue's book on the move: what feeds say, in the symbol's integer units."""

from __future__ import annotations

from dataclasses import dataclass

from app.domain.quick import quick_init

Level = tuple[int, int]  # (price_units, qty_units); qty 0 deletes the level in a delta


@quick_init
@dataclass(frozen=True, slots=True)
class BookSnapshot:
    """A whole book of one venue, best first on both sides. `book_seq` rises with each change at that venue."""

    venue: str
    symbol: str
    book_seq: int
    venue_ts_ns: int
    received_ts_ns: int
    bids: tuple[Level, ...]
    asks: tuple[Level, ...]


@quick_init
@dataclass(frozen=True, slots=True)
class BookDelta:
    """Changed levels since `prev_book_seq`; a mismatch is a gap and excludes the venue until a snapshot."""

    venue: str
    symbol: str
    prev_book_seq: int
    book_seq: int
    venue_ts_ns: int
    received_ts_ns: int
    bids: tuple[Level, ...]
    asks: tuple[Level, ...]
