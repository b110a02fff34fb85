"""Book checksums that ccxt leaves out, over the venue's own texts as they come.

OKX: CRC32 of the best 25 levels a side, `price:quantity` of bid and ask in turn, as a signed 32-bit number. A float is
only ever a key to sort by; what is summed is the text.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from weakref import WeakKeyDictionary
from zlib import crc32

from app.venues.cex.profile import BookRule

# Rules that are checked here. The others are ccxt's.
_HERE: Final = frozenset({"okx_crc32"})
_BY_CCXT: Final = frozenset({"bitget"})


@dataclass(slots=True)
class _Side:
    """Texts of one side by price, best first in `keys`."""

    sign: int
    keys: list[float] = field(default_factory=list)
    texts: dict[float, str] = field(default_factory=dict)

    def change(self, rows: Iterable[Any]) -> None:
        for row in rows:
            price, qty = str(row[0]), str(row[1])
            key = self.sign * float(price)
            if float(qty) > 0:
                if key not in self.texts:
                    insort(self.keys, key)
                self.texts[key] = f"{price}:{qty}"
            elif self.texts.pop(key, None) is not None:
                del self.keys[bisect_left(self.keys, key)]


class ChecksumWatch:
    """Raw books of every market on each connection, for venues whose checksum ccxt does not verify."""

    def __init__(self, rule: BookRule, ccxt_id: str) -> None:
        self._rule = rule
        self._is_on = rule.checksum in _HERE and ccxt_id not in _BY_CCXT
        self._books: WeakKeyDictionary[Any, dict[str, tuple[_Side, _Side]]] = WeakKeyDictionary()

    def is_right(self, connection: Any, message: Any) -> bool:
        """False where the book after `message` has another checksum than the venue says."""
        if not self._is_on or not isinstance(message, Mapping):
            return True
        arg, rows = message.get("arg"), message.get("data")
        if not isinstance(arg, Mapping) or not isinstance(rows, list) or "action" not in message:
            return True
        books = self._books.setdefault(connection, {})
        market = str(arg.get("instId"))
        if message["action"] == "snapshot" or market not in books:
            books[market] = (_Side(-1), _Side(1))
        bids, asks = books[market]
        for row in rows:
            bids.change(row.get("bids", ()))
            asks.change(row.get("asks", ()))
            told = row.get("checksum")
            if told is not None and int(told) != checksum_of(bids, asks, self._rule.checksum_levels):
                return False
        return True


def checksum_of(bids: _Side, asks: _Side, n_levels: int) -> int:
    """The signed CRC32 of both sides' best levels in turn."""
    parts: list[str] = []
    for place_i in range(min(n_levels, max(len(bids.keys), len(asks.keys)))):
        for side in (bids, asks):
            if place_i < len(side.keys):
                parts.append(side.texts[side.keys[place_i]])
    found = crc32(":".join(parts).encode())
    return found - (1 << 32) if found >= 1 << 31 else found
