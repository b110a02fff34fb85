"""Bytes of a receipt: columns of integers at the narrowest of three widths, and the levels that a reader needs."""

# ruff: noqa: PLR0917 - a kernel takes flat arrays by position: Numba has no cheaper way to group them

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from app.kernels.jit import kernel

Int64 = npt.NDArray[np.int64]
Float64 = npt.NDArray[np.float64]
UInt8 = npt.NDArray[np.uint8]

INT16_REACH: Final = 2**15
INT32_REACH: Final = 2**31


@kernel("")
def pack_column(values: Int64, n: int, out_bytes: UInt8, start: int) -> int:
    """Writes a column: its width in bytes (2, 4 or 8), then `n` values in little endian. Returns the end."""
    low = 0
    high = 0
    for i in range(n):
        low = min(low, values[i])
        high = max(high, values[i])
    width = 8
    if low >= -INT32_REACH and high < INT32_REACH:
        width = 4
    if low >= -INT16_REACH and high < INT16_REACH:
        width = 2
    out_bytes[start] = width
    at = start + 1
    for i in range(n):
        value = values[i]
        for _ in range(width):
            out_bytes[at] = value & 255
            value >>= 8
            at += 1
    return at


@kernel("int64(int64[:,::1], uint8[::1])")
def pack_table(table: Int64, out_bytes: UInt8) -> int:
    """Writes each row of int64[n_columns, n] as a column of at most 1 + 8 n bytes. Returns the bytes written."""
    at = 0
    for k in range(table.shape[0]):
        at = pack_column(table[k], table.shape[1], out_bytes, at)
    return at


@kernel(
    "int64(int64[::1], int64[::1], int64[::1], float64[::1], int64[:,:,::1], float64, int64, int64[::1], uint8[::1])"
)
def pack_levels(
    first: Int64,
    price_units: Int64,
    qty_units: Int64,
    unit_nano: Float64,
    walk: Int64,
    horizon_nano: float,
    side: int,
    out_work: Int64,
    out_bytes: UInt8,
) -> int:
    """Writes the levels a stranger needs: down to the first dearer than the horizon, or as deep as any plan reads.

    walk: int64[n_plans, n, 4] of walk_plans. horizon_nano: unit cost up to which levels matter to the bound.
    out_work: int64[>= 2 n + 2 n_levels], scratch. Four columns: levels kept and first price per venue, then price steps
    towards dearer and quantities of all kept levels. Returns the bytes written.
    """
    n = first.size - 1
    kept = out_work[:n]
    base = out_work[n : 2 * n]
    total = 0
    for v in range(n):
        count = 0
        while first[v] + count < first[v + 1] and unit_nano[first[v] + count] <= horizon_nano:
            count += 1
        count += 1
        for plan_i in range(walk.shape[0]):
            count = max(count, walk[plan_i, v, 3])
        kept[v] = min(count, first[v + 1] - first[v])
        base[v] = price_units[first[v]] if kept[v] > 0 else 0
        total += kept[v]
    steps = out_work[2 * n : 2 * n + total]
    qtys = out_work[2 * n + total : 2 * n + 2 * total]
    k = 0
    for v in range(n):
        for i in range(first[v], first[v] + kept[v]):
            steps[k] = (price_units[i] - price_units[i - 1]) * side if i > first[v] else 0
            qtys[k] = qty_units[i]
            k += 1
    at = pack_column(kept, n, out_bytes, 0)
    at = pack_column(base, n, out_bytes, at)
    at = pack_column(steps, total, out_bytes, at)
    return int(pack_column(qtys, total, out_bytes, at))
