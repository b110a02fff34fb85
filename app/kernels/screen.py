"""Which books may be looked at: one code a book, from what makes it unknown to what makes it useless."""

# ruff: noqa: PLR0917 - a kernel takes flat arrays by position: Numba has no cheaper way to group them

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from app.kernels.jit import kernel

Int64 = npt.NDArray[np.int64]
Bool = npt.NDArray[np.bool_]

USABLE: Final = 0
NO_BOOK: Final = 1
GAPPED: Final = 2
STALE: Final = 3
CROSSED_BOOK: Final = 4
EMPTY_SIDE: Final = 5

# Beyond these a sum over levels or a price rounded to its tick would leave int64.
MAX_PRICE_UNITS: Final = 2**61
MAX_DEPTH_UNITS: Final = 2.0**60


@kernel("")
def is_within(n_levels: Int64, depth: int) -> bool:
    """Whether both sides' numbers of levels are what the arrays can hold."""
    return bool(0 <= n_levels[0] <= depth and 0 <= n_levels[1] <= depth)


@kernel("")
def is_sorted_side(price_units: Int64, qty_units: Int64, n_levels: int, side: int) -> bool:
    """Whether a side is a book: positive, strictly sorted, best first, and of sizes that sums can hold.

    Without a branch in its loop, which vectorises: a sorted side has its least and greatest price at its ends.
    """
    if n_levels <= 0:
        return True
    first, last = price_units[0], price_units[n_levels - 1]
    n_unsorted, least, most = 0, qty_units[0], qty_units[0]
    if side > 0:
        for i in range(1, n_levels):
            n_unsorted += price_units[i] <= price_units[i - 1]
    else:
        for i in range(1, n_levels):
            n_unsorted += price_units[i] >= price_units[i - 1]
    for i in range(n_levels):
        least = min(least, qty_units[i])
        most = max(most, qty_units[i])
    if n_unsorted > 0 or least <= 0 or min(first, last) <= 0 or max(first, last) > MAX_PRICE_UNITS:
        return False
    if float(most) * n_levels <= MAX_DEPTH_UNITS:
        return True
    depth = 0.0
    for i in range(n_levels):
        depth += qty_units[i]
    return depth <= MAX_DEPTH_UNITS


@kernel("")
def screen_books(
    price_units: Int64,
    qty_units: Int64,
    n_levels: Int64,
    book_seq: Int64,
    received_ts_ns: Int64,
    is_gapped: Bool,
    rows: Int64,
    max_age_ns: Int64,
    now_ns: int,
    side: int,
    out_code: Int64,
) -> int:
    """Writes out_code, int64[n]: USABLE or why the book of rows[k] (-1: none) cannot be routed to.

    price_units, qty_units: int64[n_books, 2, depth]; max_age_ns: int64[n]; side +1 buy, -1 sell. A routed side that is
    not positive and sorted, too large for sums, or of more levels than its row counts as GAPPED: something broke its
    sequence. Returns how many are usable.
    """
    n_usable = 0
    side_i = 1 if side > 0 else 0
    for k in range(rows.size):
        row = rows[k]
        if row < 0 or book_seq[row] <= 0:
            out_code[k] = NO_BOOK
        elif is_gapped[row] or not is_within(n_levels[row], price_units.shape[2]):
            out_code[k] = GAPPED
        elif received_ts_ns[row] < 0 or now_ns - received_ts_ns[row] > max_age_ns[k]:
            out_code[k] = STALE
        elif n_levels[row, 0] > 0 and n_levels[row, 1] > 0 and price_units[row, 0, 0] >= price_units[row, 1, 0]:
            out_code[k] = CROSSED_BOOK
        elif n_levels[row, side_i] == 0:
            out_code[k] = EMPTY_SIDE
        elif not is_sorted_side(price_units[row, side_i], qty_units[row, side_i], n_levels[row, side_i], side):
            out_code[k] = GAPPED
        else:
            out_code[k] = USABLE
            n_usable += 1
    return n_usable
