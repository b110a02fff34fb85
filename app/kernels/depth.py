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
from app.kernels.jit import kernel
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
def change_deep(
    price_inplace: Int64, qty_inplace: Int64, n_levels: int, side: int, price_units: int, qty_units: int
) -> int:
    """Sets, inserts or (quantity 0) removes one level of a side whose best is last; side +1 bids, -1 asks.

    Returns the new number of levels. A side that is full loses its worst.
    """
    low = 0
    high = n_levels
    while low < high:
        middle = (low + high) // 2
        if (price_inplace[middle] - price_units) * side < 0:
            low = middle + 1
        else:
            high = middle
    if low < n_levels and price_inplace[low] == price_units:
        if qty_units > 0:
            qty_inplace[low] = qty_units
            return n_levels
        for i in range(low, n_levels - 1):
            price_inplace[i] = price_inplace[i + 1]
            qty_inplace[i] = qty_inplace[i + 1]
        return n_levels - 1
    if qty_units == 0:
        return n_levels
    if n_levels == price_inplace.size:
        if low == 0:
            return n_levels
        low -= 1
        for i in range(low):
            price_inplace[i] = price_inplace[i + 1]
            qty_inplace[i] = qty_inplace[i + 1]
        price_inplace[low] = price_units
        qty_inplace[low] = qty_units
        return n_levels
    for i in range(n_levels, low, -1):
        price_inplace[i] = price_inplace[i - 1]
        qty_inplace[i] = qty_inplace[i - 1]
    price_inplace[low] = price_units
    qty_inplace[low] = qty_units
    return n_levels + 1


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
        price = price_units[k] * price_up
        price = price // price_down if side > 0 else (price + price_down - 1) // price_down
        qty = qty_units[k]
        k -= 1
        while k >= 0:
            other = price_units[k] * price_up
            other = other // price_down if side > 0 else (other + price_down - 1) // price_down
            if other != price:
                break
            qty += qty_units[k]
            k -= 1
        qty = qty * qty_up // qty_down
        if qty == 0 or price == 0:
            continue
        if n == out_levels.shape[0]:
            break
        out_levels[n, 0] = price
        out_levels[n, 1] = qty
        n += 1
    return n


@kernel("")
def apply_levels(
    price_inplace: Int64, qty_inplace: Int64, n_levels_inplace: Int64, side_i: int, levels: Int64, n: int
) -> None:
    """Applies n changes to one side. A whole book comes best first, so into an empty side its last goes first."""
    side = 1 if side_i == 0 else -1
    is_empty = n_levels_inplace[side_i] == 0
    for i in range(n):
        k = n - 1 - i if is_empty else i
        n_levels_inplace[side_i] = change_deep(
            price_inplace[side_i], qty_inplace[side_i], n_levels_inplace[side_i], side, levels[k, 0], levels[k, 1]
        )


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
    " int64[:,::1], int64[:,::1], int64[:,:,::1], int64[:,:,::1], int64, int64[::1])"
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
    apply_levels(price_inplace, qty_inplace, n_levels_inplace, 0, read_inplace[0], n_bids)
    apply_levels(price_inplace, qty_inplace, n_levels_inplace, 1, read_inplace[1], n_asks)
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
