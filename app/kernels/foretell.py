"""What an order at once is expected to cost: the walk of its books and a law laid flat, in one call.

An estimate before an order, so floats throughout; what comes out are the integers that a fact carries.
"""

# ruff: noqa: PLR0917 - a kernel takes flat arrays by position: Numba has no cheaper way to group them

from __future__ import annotations

import math
from typing import Final

import numpy as np
import numpy.typing as npt

from app.kernels.jit import SOON, kernel
from app.kernels.status import BAD_LEVELS, OK
from app.kernels.walk import LEFT, N_OUT, PAID, SHOWN, TOUCH, walk_books

Int64 = npt.NDArray[np.int64]
Float64 = npt.NDArray[np.float64]
Bool = npt.NDArray[np.bool_]

# Of a law laid flat: its own volatility, what the mean adds, coefficients, then counts of the edges that part cells.
# Then come the edges themselves, and for each cell, sizes first, the standardised errors of N_ERRORS quantiles.
SIGMA: Final = 0
INTERCEPT: Final = 1
OFFSET: Final = 2
SPREAD: Final = 3
MOST_USED: Final = 4
LEAST_HELD: Final = 5
MEAN: Final = 6
N_MEAN: Final = 3
SCALE: Final = 9
N_SCALE: Final = 4
N_SIZES: Final = 13
N_SIGMAS: Final = 14
EDGES: Final = 15
N_ERRORS: Final = 5

# Of `out_said`: millionths of a basis point, of one for the size; the cell's number; whether less is displayed than
# asked for, and whether it is beyond what the law has seen.
WALK_UBPS: Final = 0
TOUCH_UBPS: Final = 1
USED_PPM: Final = 2
EXPECTED_UBPS: Final = 3
QUANTILES_UBPS: Final = 4
CELL_I: Final = 9
IS_SHORT: Final = 10
IS_BEYOND: Final = 11
N_SAID: Final = 12

UBPS: Final = 1e6
# Beyond half the value a prediction is a broken input; what is said is cut there.
MOST_BPS: Final = 5_000.0
# A book so far from its mid has no millionths that int64 could hold.
MOST_FOUND: Final = 9e12
UNTOLD: Final = 101
UNSEEN: Final = 102


@kernel("")
def _bucket(edges: Float64, begin_i: int, n: int, value: float) -> int:
    """How many of the `n` rising edges from `begin_i` on are at or below the value."""
    found = 0
    while found < n and edges[begin_i + found] <= value:
        found += 1
    return found


@kernel("")
def _say(law: Float64, walk_bps: float, touch_bps: float, used: float, sigma_bps: float, out_said: Int64) -> int:
    """The law's mean and quantiles for what the walk has found."""
    root, behind = math.sqrt(used), max(walk_bps - touch_bps, 0.0)
    mean = walk_bps + law[INTERCEPT] + law[OFFSET]
    mean += law[MEAN] * (sigma_bps * root) + law[MEAN + 1] * (sigma_bps * math.log1p(used)) + law[MEAN + 2] * behind
    scale = law[SCALE] + law[SCALE + 1] * (sigma_bps * math.sqrt(law[LEAST_HELD]))
    scale = (scale + law[SCALE + 2] * (sigma_bps * root) + law[SCALE + 3] * behind) * law[SPREAD]
    if not math.isfinite(mean + scale):
        return UNSEEN
    n_sizes, n_sigmas = int(law[N_SIZES]), int(law[N_SIGMAS])
    size_i = _bucket(law, EDGES, n_sizes, used)
    cell_i = size_i * (n_sigmas + 1) + _bucket(law, EDGES + n_sizes, n_sigmas, sigma_bps)
    errors = EDGES + n_sizes + n_sigmas + cell_i * N_ERRORS
    out_said[CELL_I] = cell_i
    out_said[EXPECTED_UBPS] = round(min(max(mean, -MOST_BPS), MOST_BPS) * UBPS)
    for i in range(N_ERRORS):
        value = mean + scale * law[errors + i]
        out_said[QUANTILES_UBPS + i] = round(min(max(value, -MOST_BPS), MOST_BPS) * UBPS)
    return OK


@kernel(
    "int64(int64[:,:,::1], int64[:,:,::1], int64[:,::1], float64[::1], boolean[::1], float64[::1], int64, int64, int64,"
    " int64, float64, float64, int64[::1])",
    SOON,
    allocates=True,
)
def foretell_at_once(
    price_units: Int64,
    qty_units: Int64,
    n_levels: Int64,
    fee_ppm: Float64,
    is_open: Bool,
    law: Float64,
    sign: int,
    cap_units: int,
    mid_half_units: int,
    wanted_units: int,
    sigma_bps: float,
    near_bps: float,
    out_said: Int64,
) -> int:
    """What taking `wanted_units` at once is said to cost against the mid.

    Books as `walk.walk_far` takes them. law: float64[EDGES + edges + cells x N_ERRORS], places as named above.
    mid_half_units: twice the mid. sigma_bps: volatility of a root second, 0: the law's own. out_said: int64[N_SAID],
    written. Returns OK; BAD_LEVELS where no level counts; UNTOLD where a number would leave int64; UNSEEN where the law
    gives none. Source: docs/pretrade.md; twin: app/learning/pretrade.py.
    """
    found, mid = np.empty(N_OUT), mid_half_units / 2
    wanted = float(wanted_units)
    code = walk_books(price_units, qty_units, n_levels, fee_ppm, is_open, sign, cap_units, mid, wanted, near_bps, found)
    if code != OK:
        return BAD_LEVELS
    walk_bps = sign * (found[PAID] / mid - 1.0) * 1e4
    touch_bps = sign * (found[TOUCH] / mid - 1.0) * 1e4
    used = wanted / found[SHOWN]
    if not (abs(walk_bps) < MOST_FOUND and abs(touch_bps) < MOST_FOUND and used < MOST_FOUND):
        return UNTOLD
    out_said[WALK_UBPS] = round(walk_bps * UBPS)
    out_said[TOUCH_UBPS] = round(touch_bps * UBPS)
    out_said[USED_PPM] = round(used * UBPS)
    out_said[IS_SHORT] = found[LEFT] > 0.0
    out_said[IS_BEYOND] = found[LEFT] > 0.0 or used > law[MOST_USED]
    return int(_say(law, walk_bps, touch_bps, used, sigma_bps if sigma_bps > 0.0 else law[SIGMA], out_said))
