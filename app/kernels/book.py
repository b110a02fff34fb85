"""The board's arithmetic: write, change and copy books under a sequence lock, levels always sorted, best first.

A board is four int64 arrays: control[N_CONTROL, n_books], n_levels[n_books * 2], price and qty[n_books, 2, depth].
A writer makes LOCK odd, writes, makes it even; a reader that saw it odd or changed copies again. Two more columns of
control let a reader of shared memory tell a flipped bit: LEVELS_SUM, kept level by level, and SEAL over the rest.
"""

# ruff: noqa: PLR0917 - a kernel takes flat arrays by position: Numba has no cheaper way to group them

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from app.kernels.atomics import fence, load_acquire, store_release
from app.kernels.checksum import settle_sum, stir
from app.kernels.jit import kernel
from app.kernels.status import BAD_LEVELS, CROSSED, GAP, NORMALISED, OK

Int64 = npt.NDArray[np.int64]

# Rows of `control`, and the offsets of the same values in `stamps` of an update.
BOOK_SEQ: Final = 0
RECEIVED_TS_NS: Final = 1
VENUE_TS_NS: Final = 2
IS_GAPPED: Final = 3
LOCK: Final = 4
# The sum of every level's own sum: a change of one level changes it by two of them, whatever the depth.
LEVELS_SUM: Final = 5
# Over stamps, gap, numbers of levels and LEVELS_SUM; a board of zeros is sealed by its zeros.
SEAL: Final = 6
N_CONTROL: Final = 7
# An update is a few microseconds of stores: more turns than this mean that its writer died.
MAX_SPINS: Final = 100_000


@kernel("")
def lock_book(lock_inplace: Int64, row: int) -> None:
    """Begins a write: readers now wait."""
    store_release(lock_inplace, row, load_acquire(lock_inplace, row) | 1)
    fence()


@kernel("")
def unlock_book(lock_inplace: Int64, row: int) -> None:
    """Ends a write: everything written is seen by who sees the even number."""
    store_release(lock_inplace, row, load_acquire(lock_inplace, row) + 1)


@kernel("")
def level_sum(side_i: int, price_units: int, qty_units: int) -> int:
    """One level's part of LEVELS_SUM; where it stands is not in it, for sides are sorted."""
    return settle_sum(stir(stir(side_i, price_units), qty_units))


@kernel("")
def side_sum(price_units: Int64, qty_units: Int64, n_levels: int, side_i: int) -> int:
    """The sum of a side's levels."""
    total = 0
    for i in range(n_levels):
        total += level_sum(side_i, price_units[i], qty_units[i])
    return total


@kernel("")
def seal_of(control: Int64, n_levels: Int64, row: int) -> int:
    """What SEAL must be."""
    seal = stir(stir(0, n_levels[row, 0]), n_levels[row, 1])
    for column in range(IS_GAPPED + 1):
        seal = stir(seal, control[column, row])
    return settle_sum(stir(seal, control[LEVELS_SUM, row]))


@kernel("")
def check_levels(levels: Int64, side: int) -> int:
    """OK, NORMALISED where empty levels can be left out, BAD_LEVELS where prices are not positive or not sorted."""
    status = OK
    last = 0
    for i in range(levels.shape[0]):
        price = levels[i, 0]
        if price <= 0 or levels[i, 1] < 0 or (last > 0 and (price - last) * side <= 0):
            return BAD_LEVELS
        if levels[i, 1] == 0:
            status = NORMALISED
        last = price
    return status


@kernel("")
def place_levels(levels: Int64, out_price_units: Int64, out_qty_units: Int64) -> int:
    """Copies levels with a quantity, at most as many as fit. Returns their number."""
    n = 0
    for i in range(levels.shape[0]):
        if n == out_price_units.size:
            break
        if levels[i, 1] > 0:
            out_price_units[n] = levels[i, 0]
            out_qty_units[n] = levels[i, 1]
            n += 1
    return n


@kernel(
    "int64(int64[:,::1], int64[:,::1], int64[:,:,::1], int64[:,:,::1], int64, int64[::1], int64[:,::1], int64[:,::1])"
)
def put_book(
    control_inplace: Int64,
    n_levels_inplace: Int64,
    price_inplace: Int64,
    qty_inplace: Int64,
    row: int,
    stamps: Int64,
    bids: Int64,
    asks: Int64,
) -> int:
    """Replaces one book. stamps: int64[3], book sequence, received and venue time. bids, asks: int64[n, 2], best first.

    Levels beyond the depth are dropped. Returns OK, NORMALISED where levels without quantity were left out, or why
    the book was refused: BAD_LEVELS, CROSSED. A refused book leaves the row empty and gapped.
    """
    status = max(check_levels(bids, -1), check_levels(asks, 1))
    lock = control_inplace[LOCK]
    lock_book(lock, row)
    n_bids = 0
    n_asks = 0
    if status != BAD_LEVELS:
        n_bids = place_levels(bids, price_inplace[row, 0], qty_inplace[row, 0])
        n_asks = place_levels(asks, price_inplace[row, 1], qty_inplace[row, 1])
        if n_bids > 0 and n_asks > 0 and price_inplace[row, 0, 0] >= price_inplace[row, 1, 0]:
            status = CROSSED
    is_refused = status in (BAD_LEVELS, CROSSED)
    if is_refused:
        n_bids, n_asks = 0, 0
    n_levels_inplace[row, 0] = n_bids
    n_levels_inplace[row, 1] = n_asks
    for column in range(3):
        control_inplace[column, row] = stamps[column]
    control_inplace[IS_GAPPED, row] = 1 if is_refused else 0
    bids_sum = side_sum(price_inplace[row, 0], qty_inplace[row, 0], n_bids, 0)
    control_inplace[LEVELS_SUM, row] = bids_sum + side_sum(price_inplace[row, 1], qty_inplace[row, 1], n_asks, 1)
    control_inplace[SEAL, row] = seal_of(control_inplace, n_levels_inplace, row)
    unlock_book(lock, row)
    return status


@kernel("")
def change_level(
    price_inplace: Int64,
    qty_inplace: Int64,
    n_levels: int,
    side: int,
    price_units: int,
    qty_units: int,
    sums_inplace: Int64,
    row: int,
) -> int:
    """Sets, inserts or (quantity 0) removes one level of a sorted side. Returns the new number of levels.

    sums_inplace: int64[n_books], LEVELS_SUM of the board: `row` loses what goes and gains what comes.
    """
    side_i = 0 if side < 0 else 1
    low = 0
    high = n_levels
    while low < high:
        middle = (low + high) // 2
        if (price_inplace[middle] - price_units) * side < 0:
            low = middle + 1
        else:
            high = middle
    is_there = low < n_levels and price_inplace[low] == price_units
    if is_there:
        sums_inplace[row] -= level_sum(side_i, price_units, qty_inplace[low])
    if qty_units > 0 and (is_there or low < price_inplace.size):
        sums_inplace[row] += level_sum(side_i, price_units, qty_units)
    if qty_units > 0 and is_there:
        qty_inplace[low] = qty_units
        return n_levels
    if qty_units > 0:
        if low >= price_inplace.size:
            return n_levels
        n = min(n_levels + 1, price_inplace.size)
        if n == n_levels:
            sums_inplace[row] -= level_sum(side_i, price_inplace[n - 1], qty_inplace[n - 1])
        for i in range(n - 1, low, -1):
            price_inplace[i] = price_inplace[i - 1]
            qty_inplace[i] = qty_inplace[i - 1]
        price_inplace[low] = price_units
        qty_inplace[low] = qty_units
        return n
    if is_there:
        for i in range(low, n_levels - 1):
            price_inplace[i] = price_inplace[i + 1]
            qty_inplace[i] = qty_inplace[i + 1]
        return n_levels - 1
    return n_levels


@kernel(
    "int64(int64[:,::1], int64[:,::1], int64[:,:,::1], int64[:,:,::1], int64, int64, int64[::1],"
    " int64[:,::1], int64[:,::1])"
)
def change_book(
    control_inplace: Int64,
    n_levels_inplace: Int64,
    price_inplace: Int64,
    qty_inplace: Int64,
    row: int,
    prev_book_seq: int,
    stamps: Int64,
    bids: Int64,
    asks: Int64,
) -> int:
    """Applies changed levels to one book if they follow it. stamps, bids, asks as in put_book, in any order.

    A change that the book already holds (its sequence is not newer) is OK and changes nothing. Returns OK, GAP where
    it does not follow or the book is gapped already, BAD_LEVELS or CROSSED; all but OK leave the book gapped.
    """
    current = control_inplace[BOOK_SEQ, row]
    if control_inplace[IS_GAPPED, row] != 0:
        return GAP
    is_sealed = control_inplace[SEAL, row] == seal_of(control_inplace, n_levels_inplace, row)
    if is_sealed and current > 0 and stamps[BOOK_SEQ] <= current:
        return OK
    lock = control_inplace[LOCK]
    lock_book(lock, row)
    status = OK
    # A flipped stamp or count must not be sealed anew: only a snapshot brings such a book back.
    if current == 0 or prev_book_seq != current or not is_sealed:
        status = GAP
    for side_i in range(2):
        levels = bids if side_i == 0 else asks
        side = -1 if side_i == 0 else 1
        for i in range(levels.shape[0]):
            if levels[i, 0] <= 0 or levels[i, 1] < 0:
                status = BAD_LEVELS
            if status != OK:
                break
            n_levels_inplace[row, side_i] = change_level(
                price_inplace[row, side_i],
                qty_inplace[row, side_i],
                n_levels_inplace[row, side_i],
                side,
                levels[i, 0],
                levels[i, 1],
                control_inplace[LEVELS_SUM],
                row,
            )
    n_bids, n_asks = n_levels_inplace[row, 0], n_levels_inplace[row, 1]
    if status == OK and n_bids > 0 and n_asks > 0 and price_inplace[row, 0, 0] >= price_inplace[row, 1, 0]:
        status = CROSSED
    if status == OK:
        for column in range(3):
            control_inplace[column, row] = stamps[column]
    else:
        control_inplace[IS_GAPPED, row] = 1
    control_inplace[SEAL, row] = seal_of(control_inplace, n_levels_inplace, row)
    unlock_book(lock, row)
    return status


@kernel("int64(int64[:,::1], int64[:,::1], int64)")
def gap_book(control_inplace: Int64, n_levels: Int64, row: int) -> int:
    """Marks one book as gapped until its next snapshot. Returns OK."""
    lock = control_inplace[LOCK]
    lock_book(lock, row)
    control_inplace[IS_GAPPED, row] = 1
    control_inplace[SEAL, row] = seal_of(control_inplace, n_levels, row)
    unlock_book(lock, row)
    return OK


@kernel("", inlined=True)
def copy_side(
    price_units: Int64, qty_units: Int64, n_levels: int, out_price_units: Int64, out_qty_units: Int64
) -> None:
    """Copies a side's first levels, and zeros behind them. Places are unsigned, as in cost.lay_side."""
    one, end = np.uint64(1), np.uint64(n_levels)
    i = np.uint64(0)
    while i < end:
        out_price_units[i] = price_units[i]
        out_qty_units[i] = qty_units[i]
        i += one
    end = np.uint64(out_price_units.size)
    while i < end:
        out_price_units[i] = 0
        out_qty_units[i] = 0
        i += one


@kernel(
    "int64(int64[:,::1], int64[:,::1], int64[:,:,::1], int64[:,:,::1], int64,"
    " int64[:,::1], int64[:,::1], int64[:,:,::1], int64[:,:,::1])"
)
def copy_books(
    control: Int64,
    n_levels: Int64,
    price_units: Int64,
    qty_units: Int64,
    first_row: int,
    out_control: Int64,
    out_n_levels: Int64,
    out_price_units: Int64,
    out_qty_units: Int64,
) -> int:
    """Copies consecutive books, each as it stood between two writes.

    out_control: int64[N_CONTROL, n]; out_n_levels: int64[n, 2]; out_price_units, out_qty_units: int64[n, 2, depth];
    all written, what lies beyond a side's levels with 0. A book whose writer died is given as empty and gapped.
    Returns how many sides had more levels than `out_price_units` holds: those were cut.
    """
    lock = control[LOCK]
    n_cut = 0
    most = out_price_units.shape[2]
    for k in range(out_n_levels.shape[0]):
        row = first_row + k
        spins = 0
        while spins < MAX_SPINS:
            before = load_acquire(lock, row)
            if before & 1 == 0:
                for column in range(N_CONTROL):
                    out_control[column, k] = control[column, row]
                n_over = 0
                for side_i in range(2):
                    n = max(n_levels[row, side_i], 0)
                    n_over += n > most
                    n = min(n, most)
                    out_n_levels[k, side_i] = n
                    prices, quantities = price_units[row, side_i], qty_units[row, side_i]
                    copy_side(prices, quantities, n, out_price_units[k, side_i], out_qty_units[k, side_i])
                fence()
                if load_acquire(lock, row) == before:
                    n_cut += n_over
                    break
            spins += 1
        if spins == MAX_SPINS:
            out_n_levels[k, 0] = 0
            out_n_levels[k, 1] = 0
            for column in range(N_CONTROL):
                out_control[column, k] = column == IS_GAPPED
            for side_i in range(2):
                for i in range(most):
                    out_price_units[k, side_i, i] = 0
                    out_qty_units[k, side_i, i] = 0
    return n_cut


@kernel("int64(int64[:,::1], int64[:,::1], int64[:,:,::1], int64[:,:,::1])")
def bar_broken(control_inplace: Int64, n_levels_inplace: Int64, price_units: Int64, qty_units: Int64) -> int:
    """Looks at a copy as copy_books gives it: a book whose sums do not fit becomes empty and gapped.

    Returns how many were broken. An empty book that is already gapped (its writer died) is not counted again.
    """
    n_broken = 0
    for k in range(n_levels_inplace.shape[0]):
        n_bids = n_levels_inplace[k, 0]
        n_asks = n_levels_inplace[k, 1]
        total = side_sum(price_units[k, 0], qty_units[k, 0], n_bids, 0)
        total += side_sum(price_units[k, 1], qty_units[k, 1], n_asks, 1)
        is_whole = control_inplace[SEAL, k] == seal_of(control_inplace, n_levels_inplace, k)
        if is_whole and total == control_inplace[LEVELS_SUM, k]:
            continue
        if n_bids + n_asks > 0 or control_inplace[IS_GAPPED, k] == 0:
            n_broken += 1
        n_levels_inplace[k, 0] = 0
        n_levels_inplace[k, 1] = 0
        control_inplace[IS_GAPPED, k] = 1
    return n_broken
