"""The best N levels of a book as a stream tells them: a snapshot once, then what entered, changed or left."""

from __future__ import annotations

from tests.venues.exchange.book import BUY, SELL, Book

Rows = list[tuple[str, str]]


class Window:
    """What the subscribers of one depth of one book know. `depth` 0 is the whole book.

    A level that leaves the window, or the book, is told with quantity "0"; `updates` counts the tellings, so a stream
    that numbers its messages without holes takes it as the number.
    """

    def __init__(self, book: Book, depth: int = 0, first_update: int = 1) -> None:
        self.book, self.depth, self.updates = book, depth, first_update
        self._known = {side: dict(book.strings(side, depth)) for side in (BUY, SELL)}

    def rows(self, side: int) -> Rows:
        """The levels that subscribers know now, best first."""
        return list(self._known[side].items())

    def advance(self) -> tuple[Rows, Rows] | None:
        """Bids and asks that differ from what was told before; None when the window did not change."""
        changed: list[Rows] = []
        for side in (BUY, SELL):
            now, before = dict(self.book.strings(side, self.depth)), self._known[side]
            rows = [(price, qty) for price, qty in now.items() if before.get(price) != qty]
            changed.append(rows + [(price, "0") for price in before if price not in now])
            self._known[side] = now
        if not any(changed):
            return None
        self.updates += 1
        return changed[0], changed[1]
