"""What a quantity would pay on the far side of several books, taken level by level, dearest last.

Books are as on the board: side 0 bids, 1 asks, best level first. An estimate before an order, so floats throughout.
"""

# ruff: noqa: PLR0917 - a kernel takes flat arrays by position: Numba has no cheaper way to group them

from __future__ import annotations

import math
from typing import Final

import numpy as np
import numpy.typing as npt

from app.kernels.jit import kernel
from app.kernels.status import BAD_LEVELS, OK

Int64 = npt.NDArray[np.int64]
Float64 = npt.NDArray[np.float64]
Bool = npt.NDArray[np.bool_]

# Of `out_found`: all-in price of the quantity and of its first lot, what is displayed near the mid, what is not there.
PAID: Final = 0
TOUCH: Final = 1
SHOWN: Final = 2
LEFT: Final = 3
N_OUT: Final = 4


@kernel("", allocates=True)
def walk_books(
    price_units: Int64,
    qty_units: Int64,
    n_levels: Int64,
    fee_ppm: Float64,
    is_open: Bool,
    sign: int,
    cap_units: int,
    mid_units: float,
    wanted_units: float,
    near_bps: float,
    out_found: Float64,
) -> int:
    """As `walk_far`, within another kernel."""
    n, row = fee_ppm.size, 1 if sign > 0 else 0
    head, key = np.zeros(n, np.int64), np.full(n, math.inf)
    shown = 0.0
    for v in range(n):
        if not is_open[v]:
            continue
        for i in range(n_levels[v, row]):
            price = price_units[v, row, i]
            if (cap_units and sign * (price - cap_units) > 0) or sign * (price / mid_units - 1.0) * 1e4 > near_bps:
                break
            shown += qty_units[v, row, i]
        if n_levels[v, row] and not (cap_units and sign * (price_units[v, row, 0] - cap_units) > 0):
            key[v] = sign * price_units[v, row, 0] * (1.0 + sign * fee_ppm[v] * 1e-6)
    left, paid, last, first_qty = wanted_units, 0.0, math.inf, 0.0
    out_found[TOUCH] = math.inf
    while left > 0.0:
        best = 0
        for v in range(1, n):
            if key[v] < key[best]:
                best = v
        if n == 0 or key[best] == math.inf:
            break
        last, i = key[best], head[best]
        if out_found[TOUCH] == math.inf:
            out_found[TOUCH], first_qty = sign * last, float(qty_units[best, row, i])
        take = min(left, float(qty_units[best, row, i]))
        paid += take * last
        left -= take
        head[best] = i + 1
        price = price_units[best, row, i + 1] if i + 1 < n_levels[best, row] else 0
        is_over = price == 0 or (cap_units and sign * (price - cap_units) > 0)
        key[best] = math.inf if is_over else sign * price * (1.0 + sign * fee_ppm[best] * 1e-6)
    if last == math.inf:
        return BAD_LEVELS
    left = max(left, 0.0)
    out_found[PAID] = sign * (paid + left * last) / wanted_units
    out_found[SHOWN] = max(shown, first_qty)
    out_found[LEFT] = left
    return OK


@kernel(
    "int64(int64[:,:,::1], int64[:,:,::1], int64[:,::1], float64[::1], boolean[::1], int64, int64, float64, float64,"
    " float64, float64[::1])",
    allocates=True,
)
def walk_far(
    price_units: Int64,
    qty_units: Int64,
    n_levels: Int64,
    fee_ppm: Float64,
    is_open: Bool,
    sign: int,
    cap_units: int,
    mid_units: float,
    wanted_units: float,
    near_bps: float,
    out_found: Float64,
) -> int:
    """Average all-in price of `wanted_units` over the open books, the cheapest with its fee first.

    price_units, qty_units: int64[n, 2, depth]. n_levels: int64[n, 2]. fee_ppm: float64[n]. is_open: bool[n].
    sign: +1 buys. cap_units: no level beyond it counts, 0: all do. What is not there pays the last price.
    out_found: float64[N_OUT], written; displayed is what lies within `near_bps` of the mid, the first level at least.
    Returns OK, or BAD_LEVELS where no level counts. Source: docs/kernels.md#walk.
    """
    return int(
        walk_books(
            price_units,
            qty_units,
            n_levels,
            fee_ppm,
            is_open,
            sign,
            cap_units,
            mid_units,
            wanted_units,
            near_bps,
            out_found,
        )
    )
