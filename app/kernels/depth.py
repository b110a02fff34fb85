"""A venue's whole book at its own scales, from bytes to the board's row in one call.

A side is two int64 columns with its best level last, so that what changes most moves least. `take_update` reads the
changed levels, applies them, proves the venue's checksum, and writes the best of them, in the board's units, as one
whole row: a board that is shallower than the venue's book never has a hole below a level that went away.
"""

# ruff: noqa: PLR0917 - a kernel takes flat arrays by position: Numba has no cheaper way to group them

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from app.kernels.book import gap_book, put_book
from app.kernels.jit import CALL, kernel
from app.kernels.status import BAD_CHECKSUM, BAD_LEVELS
from app.kernels.text import TEXT, Bytes, read_levels

Int64 = npt.NDArray[np.int64]

# Of `frame`: where the two lists begin, whether they are the whole book, and what the venue's checksum says.
BIDS_AT: Final = 0
ASKS_AT: Final = 1
IS_WHOLE: Final = 2
SUM_KIND: Final = 3
SUM: Final = 4
N_FRAME: Final = 5
# Kinds of checksum, all CRC32: of "bid:qty:ask:qty..." of 25 levels with the shortest decimals or with every decimal of
# the venue's scales, and of the bare digits of 10 asks, then 10 bids, at those scales.
NO_SUM: Final = 0
SHORT_SUM: Final = 1
FIXED_SUM: Final = 2
DIGITS_SUM: Final = 3
PAIRED_LEVELS: Final = 25
DIGITS_LEVELS: Final = 10
# Of `scales`: the venue's decimals of price and quantity, then the board's.
N_SCALES: Final = 4

POINT: Final = 46
COLON: Final = 58
ZERO: Final = 48
PACKED: Final = 15  # digits of four bits in a word
POWERS: Final = np.array([10**k for k in range(19)], dtype=np.int64)


def _crc_table() -> Int64:
    table = []
    for byte in range(256):
        crc = byte
        for _ in range(8):
            crc = (crc >> 1) ^ (0xEDB88320 if crc & 1 else 0)
        table.append(crc)
    return np.array(table, dtype=np.int64)


CRC_TABLE: Final = _crc_table()


@kernel("")
def crc_byte(crc_bits: int, byte_units: int) -> int:
    """CRC32 after one more byte."""
    return int(CRC_TABLE[(crc_bits ^ byte_units) & 255] ^ (crc_bits >> 8))


@kernel("")
def crc_digits(crc_bits: int, units: int, n_min: int) -> int:
    """CRC32 after the decimal digits of units >= 0, at least `n_min` of them."""
    if units < POWERS[PACKED] and n_min <= PACKED:
        # Digits come last first: four bits each, they wait in one word. A division by ten is a multiplication.
        packed, n = 0, 0
        while units > 0 or n < n_min:
            rest = units // 10
            packed |= (units - rest * 10) << (4 * n)
            units = rest
            n += 1
        for k in range(n - 1, -1, -1):
            crc_bits = crc_byte(crc_bits, ZERO + ((packed >> (4 * k)) & 15))
        return crc_bits
    n = 1
    while n < 18 and POWERS[n] <= units:
        n += 1
    for k in range(max(n, n_min) - 1, -1, -1):
        crc_bits = crc_byte(crc_bits, ZERO + (units // POWERS[k]) % 10)
    return crc_bits


@kernel("")
def crc_decimal(crc_bits: int, units: int, scale: int, kind_i: int) -> int:
    """CRC32 after the decimal text of units of 10^-scale: every decimal, or the shortest."""
    while kind_i == SHORT_SUM and scale > 0 and units % 10 == 0:
        units //= 10
        scale -= 1
    crc_bits = crc_digits(crc_bits, units // POWERS[scale], 1)
    if scale > 0:
        crc_bits = crc_byte(crc_bits, POINT)
        crc_bits = crc_digits(crc_bits, units % POWERS[scale], scale)
    return crc_bits


@kernel("")
def paired_sum(price_units: Int64, qty_units: Int64, n_levels: Int64, scales: Int64, kind_i: int) -> int:
    """SHORT_SUM or FIXED_SUM of a book, as an unsigned number."""
    crc = 0xFFFFFFFF
    is_first = True
    for i in range(PAIRED_LEVELS):
        for side_i in range(2):
            k = n_levels[side_i] - 1 - i
            if k < 0:
                continue
            if not is_first:
                crc = crc_byte(crc, COLON)
            is_first = False
            crc = crc_decimal(crc, price_units[side_i, k], scales[0], kind_i)
            crc = crc_byte(crc, COLON)
            crc = crc_decimal(crc, qty_units[side_i, k], scales[1], kind_i)
    return crc ^ 0xFFFFFFFF


@kernel("")
def digits_sum(price_units: Int64, qty_units: Int64, n_levels: Int64) -> int:
    """DIGITS_SUM of a book."""
    crc = 0xFFFFFFFF
    for side_i in (1, 0):
        for i in range(DIGITS_LEVELS):
            k = n_levels[side_i] - 1 - i
            if k >= 0:
                crc = crc_digits(crc, price_units[side_i, k], 1)
                crc = crc_digits(crc, qty_units[side_i, k], 1)
    return crc ^ 0xFFFFFFFF


@kernel("")
def sort_changes(levels_inplace: Int64, n: int, side: int) -> int:
    """Changes from the worst price to the best, the last word on each price alone; returns how many are left.

    Venues send them sorted one way or the other, which costs one pass.
    """
    if n > 1 and (levels_inplace[0, 0] - levels_inplace[n - 1, 0]) * side > 0:
        for i in range(n // 2):
            for column in range(2):
                kept = levels_inplace[i, column]
                levels_inplace[i, column] = levels_inplace[n - 1 - i, column]
                levels_inplace[n - 1 - i, column] = kept
        # Of one price twice, the first is now the last word.
        is_turned = True
    else:
        is_turned = False
    for i in range(1, n):
        price, qty = levels_inplace[i, 0], levels_inplace[i, 1]
        k = i - 1
        while k >= 0 and ((levels_inplace[k, 0] - price) * side > 0 or (is_turned and levels_inplace[k, 0] == price)):
            levels_inplace[k + 1, 0] = levels_inplace[k, 0]
            levels_inplace[k + 1, 1] = levels_inplace[k, 1]
            k -= 1
        levels_inplace[k + 1, 0] = price
        levels_inplace[k + 1, 1] = qty
    left = 0
    for i in range(n):
        if i + 1 < n and levels_inplace[i + 1, 0] == levels_inplace[i, 0]:
            continue
        levels_inplace[left, 0] = levels_inplace[i, 0]
        levels_inplace[left, 1] = levels_inplace[i, 1]
        left += 1
    return left


@kernel("")
def set_known(
    price_units: Int64, qty_inplace: Int64, n_levels: int, side: int, levels_inplace: Int64, n: int
) -> tuple[int, int]:
    """Sets the levels that are there (0 for those that go) and gathers the new ones in front of `levels`.

    Returns (how many are new, the first place of a level that goes or n_levels).
    """
    low, n_new, first_gone = 0, 0, n_levels
    for i in range(n):
        price, qty = levels_inplace[i, 0], levels_inplace[i, 1]
        high = n_levels
        while low < high:
            middle = (low + high) // 2
            if (price_units[middle] - price) * side < 0:
                low = middle + 1
            else:
                high = middle
        if low < n_levels and price_units[low] == price:
            qty_inplace[low] = qty
            if qty == 0:
                first_gone = min(first_gone, low)
        elif qty > 0:
            levels_inplace[n_new, 0] = price
            levels_inplace[n_new, 1] = qty
            n_new += 1
    return n_new, first_gone


@kernel("")
def merge_new(price_inplace: Int64, qty_inplace: Int64, n_levels: int, side: int, levels: Int64, n_new: int) -> int:
    """Puts new levels, worst first, among those of a side; what does not fit is lost from its worst end."""
    n_over = max(n_levels + n_new - price_inplace.size, 0)
    n_lost, n_skipped = 0, 0
    for _ in range(n_over):
        is_new_worse = n_skipped < n_new and (
            n_lost == n_levels or (levels[n_skipped, 0] - price_inplace[n_lost]) * side < 0
        )
        if is_new_worse:
            n_skipped += 1
        else:
            n_lost += 1
    if n_lost > 0:
        for i in range(n_levels - n_lost):
            price_inplace[i] = price_inplace[i + n_lost]
            qty_inplace[i] = qty_inplace[i + n_lost]
    i = n_levels - n_lost - 1
    k = i + n_new - n_skipped
    n = k + 1
    for j in range(n_new - 1, n_skipped - 1, -1):
        while i >= 0 and (price_inplace[i] - levels[j, 0]) * side > 0:
            price_inplace[k] = price_inplace[i]
            qty_inplace[k] = qty_inplace[i]
            i -= 1
            k -= 1
        price_inplace[k] = levels[j, 0]
        qty_inplace[k] = levels[j, 1]
        k -= 1
    return n


@kernel("")
def change_deep(
    price_inplace: Int64, qty_inplace: Int64, n_levels: int, side: int, levels_inplace: Int64, n: int
) -> int:
    """Sets, inserts and (quantity 0) removes levels of a side whose best is last; side +1 bids, -1 asks.

    levels: int64[n, 2], the changes, used up. Returns the new number of levels. A side that is full loses its worst.
    """
    n = sort_changes(levels_inplace, n, side)
    n_new, first_gone = set_known(price_inplace, qty_inplace, n_levels, side, levels_inplace, n)
    left = first_gone
    for i in range(first_gone, n_levels):
        if qty_inplace[i] > 0:
            price_inplace[left] = price_inplace[i]
            qty_inplace[left] = qty_inplace[i]
            left += 1
    return int(merge_new(price_inplace, qty_inplace, left, side, levels_inplace, n_new))


@kernel("")
def board_price(price_units: int, side: int, up_units: int, down_units: int) -> int:
    """A price at the board's scale: a bid floored, an ask ceiled."""
    if down_units == 1:
        return price_units * up_units
    return price_units // down_units if side > 0 else (price_units + down_units - 1) // down_units


@kernel("")
def fold_side(price_units: Int64, qty_units: Int64, n_levels: int, side: int, scales: Int64, out_levels: Int64) -> int:
    """The best levels in the board's units, best first; returns their number.

    Bids are floored, asks ceiled, equal prices made one, quantities floored, levels whose quantity becomes 0 left out.
    out_levels: int64[depth, 2], written.
    """
    price_up, price_down = POWERS[max(scales[2] - scales[0], 0)], POWERS[max(scales[0] - scales[2], 0)]
    qty_up, qty_down = POWERS[max(scales[3] - scales[1], 0)], POWERS[max(scales[1] - scales[3], 0)]
    n = 0
    k = n_levels - 1
    while k >= 0:
        price = board_price(price_units[k], side, price_up, price_down)
        qty = qty_units[k]
        k -= 1
        # At the board's scale or a finer one, no two levels share a price.
        while price_down > 1 and k >= 0 and board_price(price_units[k], side, price_up, price_down) == price:
            qty += qty_units[k]
            k -= 1
        qty = qty * qty_up if qty_down == 1 else qty // qty_down
        if qty == 0 or price == 0:
            continue
        if n == out_levels.shape[0]:
            break
        out_levels[n, 0] = price
        out_levels[n, 1] = qty
        n += 1
    return n


@kernel("")
def is_sum_right(price_units: Int64, qty_units: Int64, n_levels: Int64, scales: Int64, frame: Int64) -> bool:
    """Whether the venue's checksum, if it gave one, is the book's."""
    kind = frame[SUM_KIND]
    if kind == NO_SUM:
        return True
    if kind == DIGITS_SUM:
        return bool(digits_sum(price_units, qty_units, n_levels) == frame[SUM] & 0xFFFFFFFF)
    return bool(paired_sum(price_units, qty_units, n_levels, scales, kind) == frame[SUM] & 0xFFFFFFFF)


@kernel(
    f"int64({TEXT}, int64[::1], int64[::1], int64[:,::1], int64[:,::1], int64[::1], int64[:,:,::1], int64[:,:,::1],"
    " int64[:,::1], int64[:,::1], int64[:,:,::1], int64[:,:,::1], int64, int64[::1])",
    CALL,
)
def take_update(
    text: Bytes,
    frame: Int64,
    scales: Int64,
    price_inplace: Int64,
    qty_inplace: Int64,
    n_levels_inplace: Int64,
    read_inplace: Int64,
    fold_inplace: Int64,
    control_inplace: Int64,
    board_n_levels_inplace: Int64,
    board_price_inplace: Int64,
    board_qty_inplace: Int64,
    row: int,
    stamps: Int64,
) -> int:
    """One message's levels into a book, and the book's best levels into its row of the board.

    frame: int64[N_FRAME]; scales: int64[N_SCALES]; price, qty: int64[2, capacity], n_levels: int64[2]; read: int64[2,
    m, 2] and fold: int64[2, depth, 2] are working space; the board's arrays, row and stamps as in put_book. Returns
    put_book's status, or BAD_LEVELS where the text is not levels at these scales, or BAD_CHECKSUM: both gap the row.
    Source: docs/kernels.md#feed-text.
    """
    n_bids, n_asks, place = 0, 0, 0
    if frame[BIDS_AT] >= 0:
        n_bids, place = read_levels(text, frame[BIDS_AT], scales[0], scales[1], read_inplace[0])
    if place >= 0 and frame[ASKS_AT] >= 0:
        n_asks, place = read_levels(text, frame[ASKS_AT], scales[0], scales[1], read_inplace[1])
    if place < 0:
        gap_book(control_inplace, board_n_levels_inplace, row)
        return BAD_LEVELS
    if frame[IS_WHOLE] != 0:
        n_levels_inplace[0] = 0
        n_levels_inplace[1] = 0
    n_levels_inplace[0] = change_deep(price_inplace[0], qty_inplace[0], n_levels_inplace[0], 1, read_inplace[0], n_bids)
    n_levels_inplace[1] = change_deep(
        price_inplace[1], qty_inplace[1], n_levels_inplace[1], -1, read_inplace[1], n_asks
    )
    if not is_sum_right(price_inplace, qty_inplace, n_levels_inplace, scales, frame):
        gap_book(control_inplace, board_n_levels_inplace, row)
        return BAD_CHECKSUM
    n_bids = fold_side(price_inplace[0], qty_inplace[0], n_levels_inplace[0], 1, scales, fold_inplace[0])
    n_asks = fold_side(price_inplace[1], qty_inplace[1], n_levels_inplace[1], -1, scales, fold_inplace[1])
    return int(
        put_book(
            control_inplace,
            board_n_levels_inplace,
            board_price_inplace,
            board_qty_inplace,
            row,
            stamps,
            fold_inplace[0, :n_bids],
            fold_inplace[1, :n_asks],
        )
    )
