"""The best N levels of a book as a stream tells them: a snapshot once, then what entered, changed or left."""

from __future__ import annotations

from collections.abc import Callable

from tests.venues.exchange.book import BUY, SELL, Book
from tests.venues.exchange.markets import Market

Rows = list[tuple[str, str]]
Spell = Callable[[Market, int, int], tuple[str, str]]


def plain(market: Market, price: int, lots: int) -> tuple[str, str]:
    """A level without trailing zeros."""
    return market.price(price), market.qty(lots)


class Window:
    """What the subscribers of one depth of one book know. `depth` 0 is the whole book; `spell` prints a level.

    A level that leaves the window, or the book, is told with quantity "0"; `updates` counts the tellings, so a stream
    that numbers its messages without holes takes it as the number.
    """

    def __init__(self, book: Book, depth: int = 0, first_update: int = 1, spell: Spell = plain) -> None:
        self.book, self.depth, self.updates, self._spell = book, depth, first_update, spell
        self._known = {side: dict(book.levels(side, depth)) for side in (BUY, SELL)}

    def rows(self, side: int, depth: int = 0) -> Rows:
        """The levels that subscribers know now, best first."""
        levels = list(self._known[side].items())
        return [self._spell(self.book.market, price, lots) for price, lots in levels[: depth or None]]

    def advance(self) -> tuple[Rows, Rows] | None:
        """Bids and asks that differ from what was told before; None when the window did not change."""
        market, changed = self.book.market, []
        for side in (BUY, SELL):
            now, before = dict(self.book.levels(side, self.depth)), self._known[side]
            rows = [self._spell(market, price, lots) for price, lots in now.items() if before.get(price) != lots]
            gone = [(self._spell(market, price, 0)[0], "0") for price in before if price not in now]
            changed.append(rows + gone)
            self._known[side] = now
        if not any(changed):
            return None
        self.updates += 1
        return changed[0], changed[1]
