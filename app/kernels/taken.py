"""What a child takes of a book, off it: the best levels first, no worse than its limit."""

# ruff: noqa: PLR0917 - a kernel takes flat arrays by position: Numba has no cheaper way to group them

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from app.kernels.jit import kernel

Int64 = npt.NDArray[np.int64]


@kernel("int64(int64[:,:,::1], int64[:,:,::1], int64[:,::1], int64, int64, int64, int64)")
def take_off(
    price_units_inplace: Int64,
    qty_units_inplace: Int64,
    n_levels_inplace: Int64,
    row: int,
    side_i: int,
    limit_units: int,
    wanted_units: int,
) -> int:
    """Takes up to `wanted_units` off one side of one book: levels that are left move up, zeros follow them.

    price_units, qty_units: int64[n, 2, depth], n_levels: int64[n, 2], side 0 bids and 1 asks, best level first; all
    three written. row: which book. limit_units: the worst price that is taken. Returns the units that were there.
    Source: docs/adr/0055. Twin: tests/reference/taken.py.
    """
    n, sign = n_levels_inplace[row, side_i], 1 if side_i == 1 else -1
    n_gone, rest_units = 0, wanted_units
    while rest_units > 0 and n_gone < n and sign * (price_units_inplace[row, side_i, n_gone] - limit_units) <= 0:
        cut_units = min(rest_units, qty_units_inplace[row, side_i, n_gone])
        rest_units -= cut_units
        qty_units_inplace[row, side_i, n_gone] -= cut_units
        if qty_units_inplace[row, side_i, n_gone] == 0:
            n_gone += 1
    if n_gone > 0:
        for i in range(n):
            is_left = i + n_gone < n
            price_units_inplace[row, side_i, i] = price_units_inplace[row, side_i, i + n_gone] if is_left else 0
            qty_units_inplace[row, side_i, i] = qty_units_inplace[row, side_i, i + n_gone] if is_left else 0
        n_levels_inplace[row, side_i] = n - n_gone
    return int(wanted_units - rest_units)
