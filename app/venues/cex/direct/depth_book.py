"""One venue's book of one symbol, from the venue's bytes to the board: whole, exact, at the venue's own decimals."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from app.domain.errors import InvariantBroken
from app.kernels import book, depth, status
from app.shm.books import BookRow

Int64Array = npt.NDArray[np.int64]
Uint8Array = npt.NDArray[np.uint8]

CAPACITY: Final = 6_000  # of a side: the deepest snapshot is 5,000 levels
MOST_SCALE: Final = 18
pack_frame: Final = struct.Struct(f"={depth.N_FRAME}q").pack_into
pack_stamps: Final = struct.Struct("=3q").pack_into


@dataclass(frozen=True, slots=True)
class DepthSpec:
    """A listing as the feed needs it: the venue's name and decimals of it, and the symbol's decimals on the board."""

    symbol: str
    venue_symbol: str
    venue_price_scale: int
    venue_qty_scale: int
    price_scale: int
    qty_scale: int
    sum_kind: int = depth.NO_SUM

    def scales(self) -> Int64Array:
        """Decimals at which the book is kept, then the board's: the finer of the two, so that nothing overflows."""
        price, qty = self.venue_price_scale, self.venue_qty_scale
        # A checksum over the venue's own decimals needs them as they are; the shortest text does not care.
        if self.sum_kind in {depth.NO_SUM, depth.SHORT_SUM}:
            price, qty = max(price, self.price_scale), max(qty, self.qty_scale)
        if not 0 <= min(price, qty) <= max(price, qty) <= MOST_SCALE:
            raise InvariantBroken(reason="decimals that no integer holds", symbol=self.symbol, price=price, qty=qty)
        return np.array((price, qty, self.price_scale, self.qty_scale), np.int64)


class DepthBook:
    """The whole book beside the board, and the one writer of its row."""

    def __init__(self, spec: DepthSpec, place: BookRow, capacity: int = CAPACITY) -> None:
        self.spec = spec
        self._place = place
        self._scales = spec.scales()
        self._price, self._qty = np.zeros((2, 2, capacity), np.int64)
        self._counts = np.zeros(2, np.int64)
        self._read = np.zeros((2, capacity, 2), np.int64)
        self._fold = np.zeros((2, place.price_units.shape[2], 2), np.int64)
        self._frame = np.zeros(depth.N_FRAME, np.int64)
        self._stamps = np.zeros(3, np.int64)
        # Packed for half of what assigning a tuple to an array takes.
        self._frame_bytes, self._stamps_bytes = self._frame.data.cast("B"), self._stamps.data.cast("B")

    def take(
        self,
        text: Uint8Array,
        lists_at: tuple[int, int],
        stamps: tuple[int, int, int],
        venue_sum: int | None,
        *,
        is_whole: bool,
    ) -> int:
        """Applies one message and writes the row. Returns a code of kernels/status.py; beyond NORMALISED it is gapped.

        `lists_at`: where bids and asks begin in `text`, -1 for none. `stamps`: book sequence, received and venue time.
        """
        kind = depth.NO_SUM if venue_sum is None else self.spec.sum_kind
        pack_frame(self._frame_bytes, 0, *lists_at, is_whole, kind, venue_sum or 0)
        pack_stamps(self._stamps_bytes, 0, *stamps)
        place = self._place
        return depth.take_update(
            text,
            self._frame,
            self._scales,
            self._price,
            self._qty,
            self._counts,
            self._read,
            self._fold,
            place.control,
            place.n_levels,
            place.price_units,
            place.qty_units,
            place.row,
            self._stamps,
        )

    def gap(self) -> None:
        """Bars the row until the next whole book."""
        book.gap_book(self._place.control, self._place.n_levels, self._place.row)

    def sides(self) -> tuple[Int64Array, Int64Array]:
        """Bids and asks at the book's own decimals, int64[n, 2], best first."""
        found = []
        for side_i in range(2):
            n = int(self._counts[side_i])
            found.append(np.stack((self._price[side_i, :n], self._qty[side_i, :n]), axis=1)[::-1])
        return found[0], found[1]


def is_good(code: int) -> bool:
    """Whether a row was written, maybe with empty levels left out."""
    return code <= status.NORMALISED
