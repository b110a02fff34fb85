"""Bytes of a receipt: columns of integers at the narrowest of three widths, and the levels that a reader needs."""

# ruff: noqa: PLR0917 - a kernel takes flat arrays by position: Numba has no cheaper way to group them

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from app.kernels.jit import kernel
from app.kernels.pose import AGE_NS, CAPACITY_HIGH, ESTIMATE_PPM, MAX_AGE_NS, PICK, SEQ

Int64 = npt.NDArray[np.int64]
Float64 = npt.NDArray[np.float64]
UInt8 = npt.NDArray[np.uint8]

# Columns of the venue table before the rivals' lots: see docs/receipts.md.
N_FACTS: Final = 16
# The row of a listing's facts that holds its lot.
LOT_FACT: Final = 2

INT16_REACH: Final = 2**15
INT32_REACH: Final = 2**31


@kernel("")
def put_words(values: Int64, n: int, out_bytes: UInt8, width_bytes: int) -> None:
    """Writes the low `width_bytes` of each value in little endian: told one by one, stored as one word.

    An unsigned index needs no look whether it counts from the end.
    """
    for i in range(n):
        value, at = values[i], np.uint64(i * width_bytes)
        for k in range(width_bytes):
            out_bytes[at + np.uint64(k)] = (value >> (8 * k)) & 255


@kernel("")
def pack_column(values: Int64, n: int, out_bytes: UInt8, start: int) -> int:
    """Writes a column: its width in bytes (2, 4 or 8), then `n` values in little endian. Returns the end."""
    low = 0
    high = 0
    for i in range(n):
        low = min(low, values[i])
        high = max(high, values[i])
    words = out_bytes[start + 1 :]
    # Called with a number each, so that the compiler knows the width.
    if low >= -INT16_REACH and high < INT16_REACH:
        out_bytes[start] = 2
        put_words(values, n, words, 2)
        return start + 1 + 2 * n
    if low >= -INT32_REACH and high < INT32_REACH:
        out_bytes[start] = 4
        put_words(values, n, words, 4)
        return start + 1 + 4 * n
    out_bytes[start] = 8
    put_words(values, n, words, 8)
    return start + 1 + 8 * n


@kernel("")
def pack_levels(
    first: Int64,
    price_units: Int64,
    qty_units: Int64,
    unit_nano: Float64,
    walk: Int64,
    horizon_nano: float,
    side: int,
    out_work: Int64,
    out_levels: Int64,
    out_bytes: UInt8,
    start: int,
) -> int:
    """Writes the levels a stranger needs: down to the first dearer than the horizon, or as deep as any plan reads.

    walk: int64[n_plans, n, 4] of walk_plans. horizon_nano: unit cost up to which levels matter to the bound. out_work:
    int64[2, n] and out_levels: int64[2, levels], scratch. Four columns from `start`: levels kept and first price per
    venue, then price steps towards dearer and quantities of all kept levels. Returns the end.
    """
    n = first.size - 1
    kept, base = out_work[0], out_work[1]
    steps, qtys = out_levels[0], out_levels[1]
    k = 0
    for v in range(n):
        costs = unit_nano[first[v] : first[v + 1]]
        prices, quantities = price_units[first[v] : first[v + 1]], qty_units[first[v] : first[v + 1]]
        count = 0
        while count < costs.size and costs[count] <= horizon_nano:
            count += 1
        count += 1
        for plan_i in range(walk.shape[0]):
            count = max(count, walk[plan_i, v, 3])
        kept[v] = min(count, costs.size)
        base[v] = prices[0] if kept[v] > 0 else 0
        for i in range(kept[v]):
            steps[np.uint64(k)] = (prices[i] - prices[i - 1]) * side if i > 0 else 0
            qtys[np.uint64(k)] = quantities[i]
            k += 1
    at = pack_column(kept, n, out_bytes, start)
    at = pack_column(base, n, out_bytes, at)
    at = pack_column(steps, k, out_bytes, at)
    return int(pack_column(qtys, k, out_bytes, at))


@kernel("")
def fact_of(
    column_i: int, venue_i: int, asked: Int64, places: Int64, facts: Int64, first: Int64, units: Int64, sent: Int64
) -> int:
    """Column `column_i` of docs/receipts.md for the admitted venue `venue_i`."""
    k = places[PICK, venue_i]
    if column_i == 0:
        return int(places[SEQ, venue_i])
    if column_i == 1:
        return int(places[AGE_NS, venue_i])
    if column_i == 2:
        return int(asked[MAX_AGE_NS, k])
    if column_i < 10:
        return int(facts[column_i - 3, k])
    if column_i < 12:
        return int(asked[CAPACITY_HIGH + column_i - 10, k])
    if column_i == 12:
        return int(first[venue_i + 1] - first[venue_i])
    if column_i == 13:
        return int(units[venue_i] // facts[LOT_FACT, k])
    if column_i == 14:
        return int(sent[venue_i, 0])
    return int(asked[ESTIMATE_PPM, k])


@kernel("")
def pack_receipt(
    asked: Int64,
    places: Int64,
    facts: Int64,
    first: Int64,
    price_units: Int64,
    qty_units: Int64,
    unit_nano: Float64,
    sent: Int64,
    units: Int64,
    rivals: Int64,
    walk: Int64,
    horizon_nano: float,
    side: int,
    out_work: Int64,
    out_levels: Int64,
    out_bytes: UInt8,
    start: int,
) -> int:
    """Writes the table of venues, then the levels: columns of docs/receipts.md in their order, from `start` on.

    asked, places: as posed (kernels/pose.py); facts: int64[7, n_listings]; sent: int64[n, 2], limits in ticks first;
    units: int64[n], the plan; rivals: int64[k, n] units, walked in `walk`; out_work, out_levels: scratch, as in
    pack_levels. Returns the end.
    """
    n, column = first.size - 1, out_work[0]
    at = start
    for c in range(N_FACTS + rivals.shape[0]):
        for v in range(n):
            if c < N_FACTS:
                column[v] = fact_of(c, v, asked, places, facts, first, units, sent)
            else:
                column[v] = rivals[c - N_FACTS, v] // facts[LOT_FACT, places[PICK, v]]
        at = pack_column(column, n, out_bytes, at)
    return int(
        pack_levels(
            first, price_units, qty_units, unit_nano, walk, horizon_nano, side, out_work, out_levels, out_bytes, at
        )
    )
