"""What our own children take from the books before the books say so: a plan does not count on it a second time.

A child on its way takes what it was sent for; what has filled, and what a venue could not fill, is gone until that
venue shows a newer book. Without this, orders that come within one book are all sent to the same level, and most of
them come back with nothing. A process's memory: a new one forgets what is on its way, which deadlines bound, and at
most one book of each venue.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from app.domain import quick
from app.domain.enums import Side, TimeInForce
from app.domain.events import (
    ChildCanceled,
    ChildExpired,
    ChildFilled,
    ChildRejected,
    ChildResolved,
    ChildSending,
    Event,
)
from app.domain.orders import ChildOrder
from app.kernels import taken as kernel
from app.shm.books import SymbolBooks

# Everything within a limit: what a child that came back unfilled has found there.
ALL_UNITS: Final = 2**62
# A venue that shows no book for so long after its word shows one that is not worth doubting.
MOST_NS: Final = 1_000_000_000
_books: Final = quick.tupled(SymbolBooks)
_ENDS: Final = frozenset({ChildCanceled, ChildExpired, ChildRejected, ChildResolved})
COUNTED: Final = _ENDS | {ChildSending, ChildFilled}


@dataclass(slots=True)
class _Take:
    """`qty_units` off the levels no worse than `limit_units`, best first.

    `heard_ns`: when we heard that it had happened, 0 while it is on its way; `venue_ts_ns`: when the venue says that it
    did, 0 where it does not. `until_ns`: on its way no longer than this, for the venue must refuse it then.
    """

    limit_units: int
    qty_units: int
    until_ns: int
    heard_ns: int = 0
    venue_ts_ns: int = 0


_Place = tuple[str, Side]  # a symbol and the side of ours


@dataclass(slots=True)
class _Cut:
    """What was `left` of `books` at an instant, and the takes that have come since.

    `found` is `books` themselves until something is taken: then it has levels of its own, and later takes go off them.
    """

    books: SymbolBooks
    now_ns: int
    found: SymbolBooks
    later: list[tuple[str, _Take]] = field(default_factory=list)

    def take_off(self, side: Side, takes: Iterable[tuple[str, _Take]]) -> None:
        """Takes each of `takes`, told with its venue, off `found`, oldest first; none of a venue without a book."""
        books, found, side_i = self.books, self.found, 1 if side is Side.BUY else 0
        venues = books.venues
        for venue, take in takes:
            if venue not in venues:
                continue
            if found is books:
                self.found = found = _own(books)
            price, qty, counts = found.price_units, found.qty_units, found.n_levels
            kernel.take_off(price, qty, counts, venues.index(venue), side_i, take.limit_units, take.qty_units)


@dataclass(slots=True)
class Taken:
    """Of each symbol and side of ours: venue -> its takes, oldest first.

    `is_shown`: the board's own books are without them at once, as those of a replay's lane are: nothing is counted.
    """

    is_shown: bool = False
    _takes: dict[_Place, dict[str, list[_Take]]] = field(default_factory=dict)
    _flying: dict[str, tuple[ChildOrder, _Take]] = field(default_factory=dict)
    _cuts: dict[_Place, _Cut] = field(default_factory=dict)  # orders of one turn read the same books

    def note(self, event: Event, now_ns: int) -> None:
        """Follows one fact of COUNTED. Children that rest take nothing; those of an earlier process are not known."""
        if self.is_shown:
            return
        if isinstance(event, ChildSending):
            child = event.child
            if not child.rests and child.stop is None and not child.quote_id:
                place, until_ns = (child.symbol, child.side), child.deadline_ts_ns
                self.name(child, self.take(place, child.venue, child.price_units, child.qty_units, until_ns))
            return
        found = self._flying.get(event.child_id)  # type: ignore[attr-defined]
        if found is None:
            return
        child, take = found
        self._cuts.pop((child.symbol, child.side), None)
        if isinstance(event, ChildFilled):
            take.qty_units -= event.qty_units
            if take.qty_units <= 0:
                self._forget(child, take)
            self._add(child, _Take(event.price_units, event.qty_units, 0, now_ns, event.venue_ts_ns))
            return
        self._forget(child, take)
        is_told = isinstance(event, ChildCanceled | ChildExpired)
        if is_told and child.time_in_force is TimeInForce.IOC and take.qty_units > 0 and now_ns <= take.until_ns:
            self._add(child, _Take(take.limit_units, ALL_UNITS, 0, now_ns))

    def take(self, place: _Place, venue: str, limit_units: int, qty_units: int, until_ns: int) -> _Take | None:
        """A child that is about to be sent there takes so much; `name` tells it later. None: nothing is counted."""
        if self.is_shown:
            return None
        take, takes = _Take(limit_units, qty_units, until_ns), self._takes.get(place)
        if takes is None:
            takes = self._takes[place] = {}
        if (own := takes.get(venue)) is None:
            takes[venue] = [take]
        else:
            own.append(take)
        if (cut := self._cuts.get(place)) is not None:
            cut.later.append((venue, take))
        return take

    def name(self, child: ChildOrder, take: _Take | None) -> None:
        """Which child it is that takes."""
        if take is not None:
            self._flying[child.child_id] = child, take

    def left(self, books: SymbolBooks, side: Side, now_ns: int) -> SymbolBooks:
        """`books` as a taker of `side` should count on them: a copy, or themselves where nothing is taken.

        Good until it is asked again: what own children take meanwhile is cut off the copy that was given.
        """
        place = books.symbol, side
        venues = self._takes.get(place)
        if not venues:
            return books
        cut = self._cuts.get(place)
        if cut is None or cut.books is not books or cut.now_ns != now_ns:
            self._cuts[place] = cut = _Cut(books, now_ns, books)
            cut.take_off(side, self._counted(books, place, now_ns))
        elif cut.later:
            cut.take_off(side, [(venue, take) for venue, take in cut.later if now_ns <= take.until_ns])
            cut.later.clear()
        return cut.found

    def _counted(self, books: SymbolBooks, place: _Place, now_ns: int) -> list[tuple[str, _Take]]:
        """The takes of a place that the books do not show yet, each venue's oldest first; the others are forgotten."""
        counted = {}
        stamps = zip(books.venue_ts_ns.tolist(), books.received_ts_ns.tolist(), strict=True)
        shown = dict(zip(books.venues, stamps, strict=True))
        for venue, takes in self._takes[place].items():
            book = shown.get(venue)
            kept = [take for take in takes if _counts(take, book, now_ns)] if book is not None else []
            if kept:
                counted[venue] = kept
        self._takes[place] = counted
        return [(venue, take) for venue, takes in counted.items() for take in takes]

    def _add(self, child: ChildOrder, take: _Take) -> None:
        self._takes.setdefault((child.symbol, child.side), {}).setdefault(child.venue, []).append(take)

    def _forget(self, child: ChildOrder, take: _Take) -> None:
        """It is on its way no more."""
        del self._flying[child.child_id]
        takes = self._takes.get((child.symbol, child.side), {}).get(child.venue, [])
        for i, known in enumerate(takes):
            if known is take:
                del takes[i]
                return


def _own(books: SymbolBooks) -> SymbolBooks:
    """The books with levels of their own."""
    price, qty, counts = books.price_units.copy(), books.qty_units.copy(), books.n_levels.copy()
    return _books((books.symbol, books.venues, price, qty, counts, *books[5:]))


def _counts(take: _Take, shown: tuple[int, int], now_ns: int) -> bool:
    """Whether the venue's book does not show it yet. By the venue's own clock where both sides tell it; a book's stamp
    and a fill's that are further apart than a take may count are of two clocks, and ours decides.

    `shown`: when the venue made its book, 0 where it does not say, and when we received it.
    """
    if not take.heard_ns:
        return now_ns <= take.until_ns
    if now_ns - take.heard_ns > MOST_NS:
        return False
    shown_ts_ns, received_ns = shown
    if take.venue_ts_ns and shown_ts_ns and abs(shown_ts_ns - take.venue_ts_ns) <= MOST_NS:
        return shown_ts_ns < take.venue_ts_ns
    return received_ns < take.heard_ns
