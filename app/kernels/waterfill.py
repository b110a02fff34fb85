"""The convex split between two tokens: one marginal rate for every pool and book that trades, found by its root.

Sources are poured into until their marginal rates meet at a level; the level is where the inputs add up to the amount.
The worth of the amount at any level plus what each source earns there bounds every split from above.
"""

# ruff: noqa: PLR0917 - a kernel takes flat arrays by position: Numba has no cheaper way to group them

from __future__ import annotations

import math
from typing import Final

import numpy as np
import numpy.typing as npt

from app.kernels.amm import LOG_RATE0, NOTHING, best_trade, output_of, room_of
from app.kernels.dual import CLOSED, DIRECTION, GIVEN, PAYING
from app.kernels.jit import CALL, kernel

Int64 = npt.NDArray[np.int64]
Float64 = npt.NDArray[np.float64]

MOST_STEPS: Final = 100
DUST_FRAC: Final = 1e-15  # an input below this part of the amount is rounding


@kernel("")
def _pour(
    kind: Int64,
    par: Float64,
    first_seg: Int64,
    seg: Float64,
    state: Int64,
    gas: Float64,
    log_rate: float,
    out_flow: Float64,
) -> tuple[float, float, float, float]:
    """Trades of all sources at a level, into `out_flow`: (input, -d input / d log rate, what they earn, rounding)."""
    rate = math.exp(log_rate)
    given_all = 0.0
    bend_all = 0.0
    earned = 0.0
    size = 0.0
    for i in range(kind.size):
        way = int(out_flow[i, DIRECTION])
        out_flow[i, GIVEN] = 0.0
        if way < 0 or log_rate >= par[i, LOG_RATE0 + way]:
            continue
        given, taken, bend = best_trade(kind, par, first_seg, seg, i, way, rate)
        profit = taken - rate * given
        if state[i] == PAYING:
            profit -= gas[i]
            if profit <= 0.0:
                continue
        out_flow[i, GIVEN] = given
        given_all += given
        bend_all += bend
        earned += profit
        size += rate * bend
    return given_all, bend_all, earned, size


@kernel("")
def _face(
    kind: Int64,
    token: Int64,
    par: Float64,
    first_seg: Int64,
    seg: Float64,
    state: Int64,
    token_in: int,
    token_out: int,
    out_flow: Float64,
) -> tuple[float, float]:
    """Direction of each source between the two tokens, -1 without one: (highest log rate, room of all)."""
    high = NOTHING
    room = 0.0
    for i in range(kind.size):
        way = -1
        if state[i] != CLOSED:
            if token[i, 0] == token_in and token[i, 1] == token_out:
                way = 0
            elif token[i, 1] == token_in and token[i, 0] == token_out:
                way = 1
        out_flow[i, DIRECTION] = way
        if way >= 0:
            high = max(high, par[i, LOG_RATE0 + way])
            room += room_of(kind, par, first_seg, seg, i, way)
    return high, room


@kernel("")
def _settle(
    kind: Int64,
    par: Float64,
    first_seg: Int64,
    seg: Float64,
    gas: Float64,
    flow: Float64,
    amount: float,
    left: float,
    out_leg: Int64,
    out_leg_units: Float64,
    out_value: Float64,
) -> int:
    """Legs of the inputs in `flow`, together exactly `left`; adds up their outputs and fixed costs."""
    n_legs = 0
    for i in range(kind.size):
        given = min(left, flow[i, GIVEN])
        if flow[i, DIRECTION] < 0.0 or given <= DUST_FRAC * amount:
            continue
        out_leg[n_legs, 0] = i
        out_leg[n_legs, 1] = int(flow[i, DIRECTION])
        out_leg_units[n_legs, 0] = given
        left -= given
        n_legs += 1
    for leg in range(n_legs):
        if leg == n_legs - 1:
            # The last leg takes what rounding left: the wallet is neither overdrawn nor left with dust.
            out_leg_units[leg, 0] += left
        i = out_leg[leg, 0]
        taken = output_of(kind, par, first_seg, seg, i, out_leg[leg, 1], out_leg_units[leg, 0])
        out_leg_units[leg, 1] = taken
        out_value[1] += taken
        out_value[3] += gas[i]
    return n_legs


@kernel(
    "int64(int64[::1], int64[:,::1], float64[:,::1], int64[::1], float64[:,::1], int64[::1], float64[::1], float64,"
    " int64, int64, int64[:,::1], float64[:,::1], float64[::1])",
    CALL,
    allocates=True,
)
def split(
    kind: Int64,
    token: Int64,
    par: Float64,
    first_seg: Int64,
    seg: Float64,
    state: Int64,
    gas: Float64,
    amount_units: float,
    token_in_i: int,
    token_out_i: int,
    out_leg: Int64,
    out_leg_units: Float64,
    out_value: Float64,
) -> int:
    """Splits an amount over the sources between two tokens; arrays as for kernels/dual.minimise.

    out_leg: int64[m, 2] of source and direction; out_leg_units: float64[m, 2] of input and output, inputs adding up to
    the amount. out_value: float64[4]: bound, output, input that no source can use, fixed costs of the legs.
    PAYING sources trade only where that earns their fixed cost; at the level where one begins to, it takes the part
    that the balance asks for (a bound, not yet a plan).
    Returns the number of legs. Source: docs/kernels.md#waterfill. Twin: tests/reference/amm.py.
    """
    m = kind.size
    flow = np.empty((m, 3))
    high, room = _face(kind, token, par, first_seg, seg, state, token_in_i, token_out_i, flow)
    low = -np.inf
    at = high - 5e-3
    is_short = room <= amount_units
    if is_short:
        at = NOTHING if high == NOTHING else high - 700.0
    bound = np.inf
    few = np.zeros(m)  # inputs at the upper end of the bracket, where they are too few
    many = np.zeros(m)
    few_all = 0.0
    many_all = 0.0
    part = 0.0
    for n_steps in range(MOST_STEPS):
        given_all, bend, earned, size = _pour(kind, par, first_seg, seg, state, gas, at, flow)
        value = math.exp(at) * amount_units + earned
        bound = min(bound, value + 4e-15 * (value + size))
        miss = given_all - amount_units
        is_met = is_short or abs(miss) <= 1e-14 * amount_units
        if miss > 0.0 or is_met:
            low = at
            many_all = given_all
            for i in range(m):
                many[i] = flow[i, GIVEN]
        else:
            high = at
            few_all = given_all
            for i in range(m):
                few[i] = flow[i, GIVEN]
        if is_met:
            part = 1.0
            break
        if low > -np.inf and high - low <= 4e-16 * max(1.0, abs(high)):
            part = (amount_units - few_all) / (many_all - few_all)
            break
        at += miss / bend if bend > 0.0 else -np.inf
        if not low < at < high:
            at = 0.5 * (low + high) if low > -np.inf else high - min(2.0, 1e-2 * 4.0**n_steps)
    out_value[0] = bound
    out_value[1] = 0.0
    out_value[2] = max(0.0, amount_units - room)
    out_value[3] = 0.0
    for i in range(m):
        flow[i, GIVEN] = few[i] + part * (many[i] - few[i])
    left = amount_units - out_value[2]
    return _settle(kind, par, first_seg, seg, gas, flow, amount_units, left, out_leg, out_leg_units, out_value)
