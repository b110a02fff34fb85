"""Book checksums that ccxt leaves out or computes wrongly, over the venue's own numbers as they come.

OKX: CRC32 of the best 25 levels a side, `price:quantity` of bid and ask in turn, as a signed 32-bit number. Kraken:
CRC32 of the ten best asks, then of the ten best bids, each number with its market's decimals, without its point and
without leading zeros; a book holds no more levels than were subscribed. A float is only ever a key to sort by, or the
shortest text that gives it.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any
from weakref import WeakKeyDictionary
from zlib import crc32

from app.venues.cex.profile import BookRule

# (digits after the point of a price, of a quantity) of a market by the name that its messages have.
Places = Callable[[str], tuple[int, int]]
_OKX, _KRAKEN = "okx_crc32", "kraken_crc32"


@dataclass(slots=True)
class BookSide:
    """Texts of one side by price, best first in `keys`. `sign`: -1 for bids, whose best is the highest."""

    sign: int
    keys: list[float] = field(default_factory=list)
    texts: dict[float, tuple[str, str]] = field(default_factory=dict)

    def change(self, rows: Iterable[tuple[str, str]], depth: int = 0) -> None:
        """Takes changed levels; `depth` above 0 forgets what lies deeper."""
        for price, qty in rows:
            key = self.sign * float(price)
            if float(qty) > 0:
                if key not in self.texts:
                    insort(self.keys, key)
                self.texts[key] = (price, qty)
            elif self.texts.pop(key, None) is not None:
                del self.keys[bisect_left(self.keys, key)]
        while depth and len(self.keys) > depth:
            del self.texts[self.keys.pop()]

    def best(self, n_levels: int) -> Iterator[tuple[str, str]]:
        return (self.texts[key] for key in self.keys[:n_levels])


Sides = tuple[BookSide, BookSide]  # bids, asks


class ChecksumWatch:
    """Raw books of every market on each connection, for venues with a checksum: ccxt's own check unsubscribes later."""

    def __init__(self, rule: BookRule, places: Places) -> None:
        self._rule = rule
        self._places = places
        self._words = {_OKX: _okx_words, _KRAKEN: _kraken_words}.get(rule.checksum)
        self._books: WeakKeyDictionary[Any, dict[str, Sides]] = WeakKeyDictionary()

    def is_right(self, connection: Any, message: Any) -> bool:
        """False where the book after `message` has another checksum than the venue says."""
        if self._words is None or not isinstance(message, Mapping):
            return True
        books = self._books.setdefault(connection, {})
        return all(self._agrees(books, *words) for words in self._words(message))

    def _agrees(self, books: dict[str, Sides], market: str, is_snapshot: bool, row: Mapping[str, Any]) -> bool:
        if is_snapshot or market not in books:
            books[market] = (BookSide(-1), BookSide(1))
        bids, asks = books[market]
        if self._rule.checksum == _KRAKEN:
            places = self._places(market)
            for side, name in ((bids, "bids"), (asks, "asks")):
                side.change(_fixed(row.get(name, ()), places), self._rule.depth)
            return row.get("checksum") in (None, kraken_checksum(bids, asks, self._rule.checksum_levels))
        for side, name in ((bids, "bids"), (asks, "asks")):
            side.change((str(level[0]), str(level[1])) for level in row.get(name, ()))
        return row.get("checksum") in (None, okx_checksum(bids, asks, self._rule.checksum_levels))


def okx_checksum(bids: BookSide, asks: BookSide, n_levels: int) -> int:
    """The signed CRC32 of both sides' best levels in turn."""
    sides = [list(bids.best(n_levels)), list(asks.best(n_levels))]
    parts = []
    for place_i in range(max(map(len, sides))):
        parts += [":".join(side[place_i]) for side in sides if place_i < len(side)]
    found = crc32(":".join(parts).encode())
    return found - (1 << 32) if found >= 1 << 31 else found


def kraken_checksum(bids: BookSide, asks: BookSide, n_levels: int) -> int:
    """The CRC32 of asks, then bids, digits only."""
    levels = [*asks.best(n_levels), *bids.best(n_levels)]
    digits = "".join(text.replace(".", "").lstrip("0") for level in levels for text in level)
    return crc32(digits.encode())


def _okx_words(message: Mapping[str, Any]) -> Iterator[tuple[str, bool, Mapping[str, Any]]]:
    arg, rows = message.get("arg"), message.get("data")
    if isinstance(arg, Mapping) and isinstance(rows, list) and "action" in message:
        for row in rows:
            yield str(arg.get("instId")), message["action"] == "snapshot", row


def _kraken_words(message: Mapping[str, Any]) -> Iterator[tuple[str, bool, Mapping[str, Any]]]:
    rows = message.get("data")
    if message.get("channel") == "book" and isinstance(rows, list):
        for row in rows:
            yield str(row.get("symbol")), message.get("type") == "snapshot", row


def _fixed(rows: Iterable[Mapping[str, Any]], places: tuple[int, int]) -> Iterator[tuple[str, str]]:
    """Each level's numbers with as many decimals as its market has."""
    for row in rows:
        yield f"{Decimal(str(row['price'])):.{places[0]}f}", f"{Decimal(str(row['qty'])):.{places[1]}f}"
