"""What has left memory, as marks of eight bytes: a name without a mark is surely new, one with a mark may be known.

A mark is 64 bits of a hash. Two names share one with a chance of one in 10^13 at a million marks: whoever finds a mark
asks the rows, which know. Marks lie in sorted arrays, one for each value of their first twelve bits, so that one goes
in or is looked up in about two microseconds, and none is ever moved far.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from hashlib import blake2b
from itertools import chain
from typing import Final

from app.domain.events import FillKey

_SHELF_BITS: Final = 12
_N_SHELVES: Final = 1 << _SHELF_BITS
_SHIFT: Final = 64 - _SHELF_BITS


def name_mark(account: str, client_order_id: str) -> int:
    """Of an order's or a definition's own name."""
    return _mark("name", account, client_order_id)


def fill_mark(key: FillKey) -> int:
    """Of a fill, by what it is counted once by."""
    venue, account, symbol, venue_trade_id, is_buy = key
    return _mark("buy" if is_buy else "sale", venue, account, symbol, venue_trade_id)


def _mark(*parts: str) -> int:
    return int.from_bytes(blake2b("\x1f".join(parts).encode(), digest_size=8).digest(), "big")


class Marks:
    """A set of marks. `forgiven`: marks of names that the rows were asked for and do not have."""

    __slots__ = ("_n", "_shelves", "forgiven")

    def __init__(self, packed: bytes = b"") -> None:
        """`packed`: what `pack` gave."""
        marks: array[int] = array("Q")
        marks.frombytes(packed)
        self._n = len(marks)
        self.forgiven: set[int] = set()
        self._shelves: list[array[int]] = []
        start = 0
        for shelf_i in range(_N_SHELVES):
            end = bisect_left(marks, (shelf_i + 1) << _SHIFT, start) if self._n else 0
            self._shelves.append(marks[start:end])
            start = end

    def __len__(self) -> int:
        return self._n

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Marks) and self._shelves == other._shelves

    __hash__ = None  # type: ignore[assignment]

    def __reduce__(self) -> tuple[type[Marks], tuple[bytes]]:
        return Marks, (self.pack(),)

    @property
    def n_bytes(self) -> int:
        """What the arrays hold, room to grow included."""
        return sum(shelf.__sizeof__() for shelf in self._shelves)

    def pack(self) -> bytes:
        """Every mark, sorted, eight bytes each, in this machine's order."""
        return array("Q", chain.from_iterable(self._shelves)).tobytes()

    def add(self, mark_bits: int) -> None:
        self.forgiven.discard(mark_bits)
        shelf = self._shelves[mark_bits >> _SHIFT]
        place = bisect_left(shelf, mark_bits)
        if place == len(shelf) or shelf[place] != mark_bits:
            shelf.insert(place, mark_bits)
            self._n += 1

    def __contains__(self, mark: int) -> bool:
        """Whether a name with this mark may have left; False: it surely has not."""
        shelf = self._shelves[mark >> _SHIFT]
        place = bisect_left(shelf, mark)
        return place < len(shelf) and shelf[place] == mark and mark not in self.forgiven
