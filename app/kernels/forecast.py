"""Forecasts of what a market does next as a part of what is usual: exponentially weighted means over several spans.

The sum of means over spans is the HAR idea (Corsi 2009) with exponential weights; each span's deviation from the usual
fades with its own half-life, so that a forecast for longer is nearer to the usual. Source: docs/kernels.md#forecast.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from app.kernels.jit import SOON, kernel
from app.kernels.status import BAD_LEVELS, OK

Float64 = npt.NDArray[np.float64]
_LN2 = math.log(2.0)


@kernel("int64(float64, float64, float64[::1], float64[::1], float64[::1])", SOON)
def note_mean(
    value: float, passed_s: float, half_life_s: Float64, mean_inplace: Float64, weight_inplace: Float64
) -> int:
    """Takes `value`, which held for the `passed_s` seconds just over, into each span's mean.

    half_life_s, mean_inplace, weight_inplace: float64[spans], shortest span first. A weight is the part of a span that
    has been watched, 0 at first and towards 1, so means are of what was watched and of nothing else.
    Returns OK, or BAD_LEVELS for a negative time. Twin: tests/reference/forecast.py.
    """
    if not passed_s >= 0.0:
        return BAD_LEVELS
    for j in range(half_life_s.size):
        keep = math.exp(-_LN2 * passed_s / half_life_s[j])
        old = weight_inplace[j] * keep
        weight = old + (1.0 - keep)
        if weight > 0.0:
            mean_inplace[j] = (old * mean_inplace[j] + (1.0 - keep) * value) / weight
        weight_inplace[j] = weight
    return OK


@kernel("float64(float64, float64[::1], float64[::1], float64[::1], float64[::1])", SOON)
def expect_part(horizon_s: float, half_life_s: Float64, loading_frac: Float64, mean: Float64, weight: Float64) -> float:
    """What is expected on average over the next `horizon_s` seconds, as a part of the usual: the last span's mean.

    1 + sum of loading x weight x fade x (mean / usual - 1) over all spans but the last; fade is the average over the
    horizon of 2 ** (-t / half-life). 1 where nothing usual is known; never below 0. All float64[spans], shortest first.
    Twin: tests/reference/forecast.py.
    """
    last = half_life_s.size - 1
    usual = mean[last]
    if not usual > 0.0:
        return 1.0
    part = 1.0
    for j in range(last):
        rate = _LN2 * horizon_s / half_life_s[j]
        fade = (1.0 - math.exp(-rate)) / rate if rate > 1e-9 else 1.0
        part += loading_frac[j] * weight[j] * fade * (mean[j] / usual - 1.0)
    return max(part, 0.0)
