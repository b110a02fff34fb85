"""How taking moves the price: linear and square-root displacement of one quantity, and its decay over a schedule.

A displacement is in ppm of the price, against the taker; its cost is its integral over the quantity taken.
Sources: docs/kernels.md#impact.
"""

# ruff: noqa: PLR0917 - a kernel takes flat arrays by position: Numba has no cheaper way to group them

from __future__ import annotations

import math
from typing import Final

import numpy as np
import numpy.typing as npt

from app.kernels.jit import CALL, kernel
from app.kernels.status import BAD_LEVELS, OK

Float64 = npt.NDArray[np.float64]

# Laws of one quantity.
LINEAR: Final = 0
SQUARE_ROOT: Final = 1
# Decays of a schedule.
EXPONENTIAL: Final = 0
POWER: Final = 1


@kernel("int64(int64, float64, float64, float64[::1], float64[::1], float64[::1])", CALL)
def impact_costs(
    law_number: int,
    peak_ppm: float,
    scale_units: float,
    qty_units: Float64,
    out_shift_ppm: Float64,
    out_cost_ppm: Float64,
) -> int:
    """Displacement after each quantity (the marginal cost) and its average over the quantity (the cost).

    peak_ppm: displacement of `scale_units`. Linear: shift = peak x u, cost = shift / 2; square root: shift = peak x
    sqrt(u), cost = 2/3 shift; u = qty / scale. qty_units, out_*: float64[n], quantities not negative.
    Returns OK, or BAD_LEVELS for a scale that is not positive. Twin: tests/reference/impact.py.
    """
    if not scale_units > 0.0:
        return BAD_LEVELS
    over_scale = 1.0 / scale_units
    if law_number == LINEAR:
        for i in range(qty_units.size):
            shift = peak_ppm * (qty_units[i] * over_scale)
            out_shift_ppm[i] = shift
            out_cost_ppm[i] = 0.5 * shift
    else:
        for i in range(qty_units.size):
            shift = peak_ppm * math.sqrt(qty_units[i] * over_scale)
            out_shift_ppm[i] = shift
            out_cost_ppm[i] = shift * (2.0 / 3.0)
    return OK


@kernel("int64(int64, float64[::1], float64[::1], float64[::1], float64[::1], float64[::1])", CALL)
def propagate(
    decay_number: int, law: Float64, at_s: Float64, qty_units: Float64, out_shift_ppm: Float64, out_cost_ppm: Float64
) -> int:
    """Linear impact that decays: what each trade of a schedule meets from those before it, and what it pays.

    law: float64[5], peak ppm, scale units, decay time s, power, permanent fraction p. Of each trade's displacement p
    stays; the rest decays as exp(-t / time) or (1 + t / time) ** -power. at_s, qty_units (signed), out_*: float64[n],
    times ascending. out_shift_ppm: displacement just before the trade. out_cost_ppm: displacement paid in ppm x units,
    own half included; its sum is never negative for a round trip, because both decays are convex (no manipulation).
    Returns OK, or BAD_LEVELS where times descend or the law is outside its range. Twin: tests/reference/impact.py.
    """
    if not (law[1] > 0.0 and law[2] > 0.0 and law[3] > 0.0 and 0.0 <= law[4] <= 1.0 and law[0] >= 0.0):
        return BAD_LEVELS
    per_unit = law[0] / law[1]
    stays = 0.0
    fades = 0.0
    for k in range(at_s.size):
        if k > 0:
            passed = at_s[k] - at_s[k - 1]
            if passed < 0.0:
                return BAD_LEVELS
            stays += qty_units[k - 1]
            if decay_number == EXPONENTIAL:
                fades = (fades + qty_units[k - 1]) * math.exp(-passed / law[2])
            else:
                fades = 0.0
                for j in range(k):
                    fades += qty_units[j] * (1.0 + (at_s[k] - at_s[j]) / law[2]) ** -law[3]
        shift = per_unit * (law[4] * stays + (1.0 - law[4]) * fades)
        out_shift_ppm[k] = shift
        out_cost_ppm[k] = qty_units[k] * (shift + 0.5 * per_unit * qty_units[k])
    return OK
