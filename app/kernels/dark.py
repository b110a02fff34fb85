"""Hidden liquidity that answers with a fill only: how often more is there, learned from censored fills, and its split.

A fill below what was sent shows the hidden size; a full fill only that it was at least that. Kaplan-Meier counts both.
Sources: docs/kernels.md#dark.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
import numpy.typing as npt

from app.kernels.jit import CALL, kernel
from app.kernels.status import BAD_LEVELS, OK

Int64 = npt.NDArray[np.int64]
Float64 = npt.NDArray[np.float64]

# Columns of a belief's law.
PRIOR_COUNT: Final = 0
PRIOR_END_FRAC: Final = 1
PRIOR_EMPTY_FRAC: Final = 2
BONUS: Final = 3
N_LAW: Final = 4


@kernel("int64(int64[::1], int64[::1], float64, float64[:,::1], float64[:,::1])", CALL)
def count_fills(
    sent_units: Int64, filled_units: Int64, keep_frac: float, at_risk_inplace: Float64, ended_inplace: Float64
) -> int:
    """Adds one round's fills to the counts per venue and unit: how often asked for, how often not there.

    sent_units, filled_units: int64[k]. at_risk_inplace, ended_inplace: float64[k, m]; all counts are first multiplied
    by `keep_frac` (1 forgets nothing). Returns OK, or BAD_LEVELS where a fill exceeds what was sent or that exceeds m.
    """
    n, most = at_risk_inplace.shape
    for k in range(n):
        if not 0 <= filled_units[k] <= sent_units[k] <= most:
            return BAD_LEVELS
    for k in range(n):
        if keep_frac != 1.0:
            for s in range(most):
                at_risk_inplace[k, s] *= keep_frac
                ended_inplace[k, s] *= keep_frac
        filled = filled_units[k]
        for s in range(min(filled + 1, sent_units[k])):
            at_risk_inplace[k, s] += 1.0
        if filled < sent_units[k]:
            ended_inplace[k, filled] += 1.0
    return OK


@kernel("int64(float64[:,::1], float64[:,::1], float64[::1], float64, float64[:,::1])", CALL)
def believe_tails(at_risk: Float64, ended: Float64, law: Float64, n_rounds: float, out_tail: Float64) -> int:
    """Believed chance that a venue hides at least s + 1 units, hopeful where little was asked: float64[k, m], written.

    Kaplan-Meier: the product of one minus the chance that it ends at each unit. That chance starts at the law's prior
    (of an empty venue for the first unit) with the weight of PRIOR_COUNT rounds, and is lowered by BONUS times its own
    standard error times sqrt(log(2 + n_rounds)): what was hardly asked is worth asking. Twin: tests/reference/dark.py.
    """
    for k in range(at_risk.shape[0]):
        tail = 1.0
        for s in range(at_risk.shape[1]):
            prior = law[PRIOR_EMPTY_FRAC] if s == 0 else law[PRIOR_END_FRAC]
            weight = at_risk[k, s] + law[PRIOR_COUNT]
            ends = (ended[k, s] + law[PRIOR_COUNT] * prior) / weight
            ends -= law[BONUS] * math.sqrt(ends * (1.0 - ends) * math.log(2.0 + n_rounds) / weight)
            tail *= 1.0 - max(ends, 0.0)
            out_tail[k, s] = tail
    return OK


@kernel("int64(float64[:,::1], int64, int64[::1])", CALL)
def allocate_units(tail: Float64, volume_units: int, out_units: Int64) -> int:
    """Most expected fill: each unit goes where it fills most likely, the first of equals. int64[k], written.

    Chances fall within a venue, so this is the optimum for chances that are true. Returns the units that found a place.
    """
    n, most = tail.shape
    out_units[:] = 0
    for placed in range(volume_units):
        best = -1
        chance = 0.0
        for k in range(n):
            if out_units[k] < most and tail[k, out_units[k]] > chance:
                chance = tail[k, out_units[k]]
                best = k
        if best < 0:
            return placed
        out_units[best] += 1
    return volume_units
