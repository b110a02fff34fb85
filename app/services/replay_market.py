"""Recorded books moving forward in virtual time, and each lane's own copy of them.

A `Market` holds every recorded venue of one class; `SharedBooks` serves one recorded book as several venues by a fixed
rule; a `LaneBoard` is what one arm sees: those books less what the arm itself has taken for its parent under way. What
was taken at a price stays taken until that parent is over, also when the recorded level is refilled meanwhile.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import numpy.typing as npt

from app.domain.book import BookDelta, BookSnapshot, Level
from app.domain.enums import Side
from app.domain.units import PPM
from app.services.replay_protocol import ServedVenue
from app.shm.books import SymbolBooks

Int64Array = npt.NDArray[np.int64]
BIDS, ASKS = 0, 1
SHOWN_LEVELS = 500  # best levels of a side that a run sees; the recorded book behind them is kept whole


class SourceBoard(Protocol):
    """Where recorded events become books."""

    def write_snapshot(self, book: BookSnapshot) -> object: ...

    def apply_delta(self, book: BookDelta) -> object: ...

    def read(self, symbol: str) -> SymbolBooks: ...


class Books(Protocol):
    """The books of a run at the virtual instant: the same object until something changes."""

    def read(self) -> SymbolBooks: ...


class Market:
    """Every recorded venue of one symbol. Time only moves forward; nothing later than it is ever visible."""

    def __init__(self, symbol: str, sources: Sequence[Iterable[BookSnapshot | BookDelta]], board: SourceBoard) -> None:
        self.symbol = symbol
        self._board = board
        self._events: Iterator[BookSnapshot | BookDelta] = heapq.merge(*sources, key=lambda event: event.received_ts_ns)
        self._next = next(self._events, None)
        self._seen: SymbolBooks | None = None
        self.n_events = 0

    @property
    def next_ts_ns(self) -> int:
        """Receive time of the next event, -1 at the end."""
        return -1 if self._next is None else self._next.received_ts_ns

    def advance(self, to_ns: int) -> None:
        """Takes every event received by `to_ns`."""
        while self._next is not None and self._next.received_ts_ns <= to_ns:
            event = self._next
            if isinstance(event, BookSnapshot):
                self._board.write_snapshot(event)
            else:
                self._board.apply_delta(event)
            self._seen = None
            self.n_events += 1
            self._next = next(self._events, None)

    def read(self) -> SymbolBooks:
        """The books received so far; callers must not write to them."""
        if self._seen is None:
            self._seen = _cropped(self._board.read(self.symbol))
        return self._seen


def _cropped(books: SymbolBooks) -> SymbolBooks:
    if books.price_units.shape[2] <= SHOWN_LEVELS:
        return books
    return books._replace(
        price_units=books.price_units[:, :, :SHOWN_LEVELS].copy(),
        qty_units=books.qty_units[:, :, :SHOWN_LEVELS].copy(),
        n_levels=np.minimum(books.n_levels, SHOWN_LEVELS),
    )


class SharedBooks:
    """One recorded book served as several venues.

    Rule: each level's quantity goes to the second, third ... venue by its share, rounded down to that venue's lot; what
    is left of the level goes to the first. The venues' quantities at a price sum to the recorded one exactly.
    """

    def __init__(self, market: Market, served: Sequence[ServedVenue], lot_units: int) -> None:
        self._market = market
        self._served = tuple(served)
        self._lot_units = lot_units
        self._from: SymbolBooks | None = None
        self._seen: SymbolBooks | None = None

    def read(self) -> SymbolBooks:
        """The shared-out books of the market's instant; callers must not write to them."""
        books = self._market.read()
        if self._seen is None or self._from is not books:
            self._from, self._seen = books, share_out(books, self._served, self._lot_units)
        return self._seen


def share_out(books: SymbolBooks, served: Sequence[ServedVenue], lot_units: int) -> SymbolBooks:
    """`books` of one venue as several; see SharedBooks for the rule. `lot_units` is the recorded market's lot."""
    assert len(books.venues) == 1
    n, depth = len(served), books.price_units.shape[2]
    price, qty = np.zeros((n, 2, depth), np.int64), np.zeros((n, 2, depth), np.int64)
    n_levels = np.zeros((n, 2), np.int64)
    for side in (BIDS, ASKS):
        count = int(books.n_levels[0, side])
        left = books.qty_units[0, side, :count].copy()
        for venue_i in [*range(1, n), 0]:
            part = left
            if venue_i:
                lot = lot_units * served[venue_i].lot_multiple
                part = books.qty_units[0, side, :count] * served[venue_i].share_ppm // PPM // lot * lot
                left = left - part
            shown = np.flatnonzero(part)
            n_levels[venue_i, side] = shown.size
            price[venue_i, side, : shown.size] = books.price_units[0, side, shown]
            qty[venue_i, side, : shown.size] = part[shown]
    return SymbolBooks(
        symbol=books.symbol,
        venues=tuple(venue.venue for venue in served),
        price_units=price,
        qty_units=qty,
        n_levels=n_levels,
        book_seq=np.repeat(books.book_seq, n),
        received_ts_ns=np.repeat(books.received_ts_ns, n),
        venue_ts_ns=np.repeat(books.venue_ts_ns, n),
        is_gapped=np.repeat(books.is_gapped, n),
    )


@dataclass(slots=True)
class LaneBoard:
    """One arm's books: the run's, less what the arm has taken for its parent under way. Core's Board."""

    books: Books
    _taken: dict[tuple[int, int], dict[int, int]] = field(default_factory=dict)

    def forget(self) -> None:
        """A new parent starts on the recorded market: its own copy."""
        self._taken.clear()

    def take(self, venue_i: int, side: int, price_units: int, qty_units: int) -> None:
        """Notes that the arm took a quantity from a venue's level; `side` is the book's, bids or asks."""
        levels = self._taken.setdefault((venue_i, side), {})
        levels[price_units] = levels.get(price_units, 0) + qty_units

    def read(self, symbol: str) -> SymbolBooks:
        """The books at the virtual instant, own takes subtracted."""
        books = self.books.read()
        assert books.symbol == symbol
        if not self._taken:
            return books
        own = books._replace(
            price_units=books.price_units.copy(),
            qty_units=books.qty_units.copy(),
            n_levels=books.n_levels.copy(),
        )
        for (venue_i, side), levels in self._taken.items():
            _subtract(own, venue_i, side, levels)
        return own


def _subtract(books: SymbolBooks, venue_i: int, side: int, taken: dict[int, int]) -> None:
    count = int(books.n_levels[venue_i, side])
    prices = books.price_units[venue_i, side, :count]
    qtys = books.qty_units[venue_i, side, :count]
    for price_units, qty_units in taken.items():
        qtys[prices == price_units] -= qty_units
    kept = np.flatnonzero(qtys > 0)
    if kept.size < count:
        books.price_units[venue_i, side, : kept.size] = prices[kept]
        books.qty_units[venue_i, side, : kept.size] = qtys[kept]
        books.n_levels[venue_i, side] = kept.size


def book_side(order_side: Side) -> int:
    """Which side of a book a taker meets: a buyer the asks."""
    return ASKS if order_side is Side.BUY else BIDS


def levels_of(books: SymbolBooks, venue_i: int, side: int) -> list[Level]:
    """A venue's levels, best first, as plain integers."""
    count = int(books.n_levels[venue_i, side])
    prices: list[int] = books.price_units[venue_i, side, :count].tolist()
    qtys: list[int] = books.qty_units[venue_i, side, :count].tolist()
    return list(zip(prices, qtys, strict=True))


def mid_half_units(books: SymbolBooks, venue_i: int) -> int:
    """Twice a venue's own mid, 0 where a side is empty."""
    if not books.n_levels[venue_i].all():
        return 0
    return int(books.price_units[venue_i, BIDS, 0] + books.price_units[venue_i, ASKS, 0])
