"""The board of books: one row per (venue, symbol), flat int64 columns over any buffer, one writer per book.

Side index 0 is bids, 1 is asks; levels are best first, in the symbol's integer units.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Int64Array = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class SymbolBooks:
    """A private copy of every venue's book of one symbol, taken once per decision (this copy is the receipt).

    price_units, qty_units: int64[n_venues, 2, depth]. n_levels: int64[n_venues, 2]. book_seq, received_ts_ns,
    venue_ts_ns: int64[n_venues]; book_seq 0 means no book yet. is_gapped: bool[n_venues], a sequence gap is open.
    """

    symbol: str
    venues: tuple[str, ...]
    price_units: Int64Array
    qty_units: Int64Array
    n_levels: Int64Array
    book_seq: Int64Array
    received_ts_ns: Int64Array
    venue_ts_ns: Int64Array
    is_gapped: BoolArray
