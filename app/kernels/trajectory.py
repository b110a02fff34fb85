"""How much of an order is traded in each slice: least expected cost plus risk, under three laws of own impact.

One objective: cost of the trades plus `risk` x slice x the sum of what is still held after each slice, squared, where
`risk` is risk aversion times variance per second. Nothing is ever traded the other way.
Sources: docs/kernels.md#trajectory.
"""

# ruff: noqa: PLR0917 - a kernel takes flat arrays by position: Numba has no cheaper way to group them

from __future__ import annotations

import math
from typing import Final

import numpy as np
import numpy.typing as npt

from app.kernels.impact import EXPONENTIAL
from app.kernels.jit import CALL, kernel
from app.kernels.status import BAD_LEVELS, OK

Float64 = npt.NDArray[np.float64]
Int64 = npt.NDArray[np.int64]

MOST_STEPS: Final = 200
TOO_MUCH: Final = 1e300
# A kernel of impact that never fades is flat: so much of its diagonal is added, and the slices come out even.
RIDGE: Final = 1e-12


@kernel("int64(float64, float64, float64, float64, float64[::1])", CALL)
def almgren_chriss(
    cost_per_rate_ppm: float, risk_per_s: float, slice_s: float, qty_units: float, out_trade_units: Float64
) -> int:
    """Linear cost of the rate, in closed form: trade k is proportional to cosh(kappa (T - t_k)), t_k mid-slice.

    cost_per_rate_ppm: what a unit pays per unit of rate (permanent impact's half slice already taken off).
    out_trade_units: float64[n], written. Returns OK, or BAD_LEVELS where the cost is not positive or the risk negative.
    Source: Almgren and Chriss 2000, equations 16 to 20. Twin: tests/reference/trajectory.py.
    """
    if not (cost_per_rate_ppm > 0.0 and risk_per_s >= 0.0 and slice_s > 0.0):
        return BAD_LEVELS
    n = out_trade_units.size
    # 2 (cosh(kappa slice) - 1) = risk / cost x slice^2, without the difference of two near numbers.
    step = 2.0 * math.asinh(0.5 * slice_s * math.sqrt(risk_per_s / cost_per_rate_ppm))
    if step * n < 1e-8:  # the curve bends by less than rounding
        for k in range(n):
            out_trade_units[k] = qty_units / n
        return OK
    # sinh and cosh as what is left of their growing exponential: nothing overflows, however urgent.
    head = -math.expm1(-step) / -math.expm1(-2.0 * step * n)
    for k in range(n):
        ahead = step * (n - k - 0.5)
        out_trade_units[k] = qty_units * head * math.exp(-step * k) * (1.0 + math.exp(-2.0 * ahead))
    return OK


@kernel("")
def _shoot(
    scale: float, power: float, pull: float, last_units: float, most_units: float, out_trade_units: Float64
) -> float:
    """Trades backwards from the last one, each a stationary point given those after it; their sum, or TOO_MUCH."""
    held = 0.0
    slope = scale * last_units**power
    trade = last_units
    for k in range(out_trade_units.size - 1, -1, -1):
        out_trade_units[k] = trade
        held += trade
        if not held < most_units:
            return TOO_MUCH
        slope += pull * held
        trade = (slope / scale) ** (1.0 / power)
    return held


@kernel("int64(float64, float64, float64, float64, float64, float64[::1])", CALL)
def lay_power(
    cost_per_rate_ppm: float,
    power_frac: float,
    risk_per_s: float,
    slice_s: float,
    qty_units: float,
    out_trade_units: Float64,
) -> int:
    """Cost of a unit as a power of the rate (1/2: the square-root law), by shooting from the last trade.

    A trade's marginal cost is that of the next plus what holding costs in between, so the last trade decides all; their
    sum rises with it, and the one that sums to `qty_units` is found by its root.
    out_trade_units: float64[n], written. Returns OK, or BAD_LEVELS outside 0 < power <= 1 or without a positive cost.
    Source: Almgren 2003. Twin: tests/reference/trajectory.py.
    """
    n = out_trade_units.size
    if not (cost_per_rate_ppm > 0.0 and 0.0 < power_frac <= 1.0 and risk_per_s >= 0.0):
        return BAD_LEVELS
    if not (slice_s > 0.0 and qty_units > 0.0):
        return BAD_LEVELS
    scale = cost_per_rate_ppm * (1.0 + power_frac) / slice_s**power_frac
    pull = 2.0 * risk_per_s * slice_s
    most = qty_units * 1e6
    goal = math.log(qty_units)
    high = math.log(qty_units / n)
    miss_high = math.log(_shoot(scale, power_frac, pull, math.exp(high), most, out_trade_units)) - goal
    low = high
    miss_low = miss_high
    while miss_low > 0.0 and low > -700.0:
        high, miss_high = low, miss_low
        low -= 2.0 + 0.5 * (goal - low)
        miss_low = math.log(_shoot(scale, power_frac, pull, math.exp(low), most, out_trade_units)) - goal
    at = low
    for step in range(MOST_STEPS):
        if high - low <= 4e-16 * abs(low) or miss_low == 0.0:
            break
        # Illinois in logarithms, with a plain halving every third step.
        at = 0.5 * (low + high)
        if step % 3 and miss_high < math.log(TOO_MUCH) - goal:
            at = high - miss_high * (high - low) / (miss_high - miss_low)
            if not low < at < high:
                at = 0.5 * (low + high)
        miss = math.log(_shoot(scale, power_frac, pull, math.exp(at), most, out_trade_units)) - goal
        if abs(miss) <= 2e-15:
            break
        if miss > 0.0:
            high, miss_high = at, miss
            miss_low *= 0.5 if step % 3 else 1.0
        else:
            low, miss_low = at, miss
            miss_high *= 0.5 if step % 3 and miss_high < 1.0 else 1.0
    total = _shoot(scale, power_frac, pull, math.exp(at), most, out_trade_units)
    for k in range(n):
        out_trade_units[k] *= qty_units / total
    return OK if total < most else BAD_LEVELS


@kernel("")
def _solve_free(curve: Float64, push: Float64, free: Int64, n_free: int, out_work: Float64, out_even: Float64) -> None:
    """Cholesky on the free rows: out_even[:, 0] solves for `push`, out_even[:, 1] for ones."""
    for i in range(n_free):
        for j in range(i + 1):
            left = curve[free[i], free[j]]
            for k in range(j):
                left -= out_work[i, k] * out_work[j, k]
            out_work[i, j] = math.sqrt(max(left, 1e-300)) if i == j else left / out_work[j, j]
    for column in range(2):
        for i in range(n_free):
            left = push[free[i]] if column == 0 else 1.0
            for k in range(i):
                left -= out_work[i, k] * out_even[k, column]
            out_even[i, column] = left / out_work[i, i]
        for i in range(n_free - 1, -1, -1):
            left = out_even[i, column]
            for k in range(i + 1, n_free):
                left -= out_work[k, i] * out_even[k, column]
            out_even[i, column] = left / out_work[i, i]


@kernel("")
def _transient_curve(decay_number: int, law: Float64, pull: float, slice_s: float, n: int, out_curve: Float64) -> None:
    """Second derivatives: what is left of one trade at another, and the risk of what both leave held."""
    per_unit = law[0] / law[1]
    for i in range(n):
        for j in range(i + 1):
            passed = (i - j) * slice_s
            fades = math.exp(-passed / law[2]) if decay_number == EXPONENTIAL else (1.0 + passed / law[2]) ** -law[3]
            out_curve[i, j] = per_unit * (law[4] + (1.0 - law[4]) * fades) + pull * (n - i)
            out_curve[j, i] = out_curve[i, j]
    for i in range(n):
        out_curve[i, i] += RIDGE * out_curve[0, 0]


@kernel("int64(int64, float64[::1], float64, float64, float64, float64[::1])", CALL, allocates=True)
def lay_transient(
    decay_number: int, law: Float64, risk_per_s: float, slice_s: float, qty_units: float, out_trade_units: Float64
) -> int:
    """Linear impact that decays (law and cost of kernels/impact.propagate): a quadratic programme, trades not negative.

    Active set: solved on the slices that trade, those that would trade back are closed, and one is opened again where
    trading there would cost less than elsewhere. law: float64[5] as for `propagate`. out_trade_units: float64[n],
    written. Returns OK, or BAD_LEVELS where the law is outside its range. Twin: tests/reference/trajectory.py.
    """
    n = out_trade_units.size
    if not (law[0] > 0.0 and law[1] > 0.0 and law[2] > 0.0 and law[3] > 0.0 and 0.0 <= law[4] <= 1.0):
        return BAD_LEVELS
    if not (risk_per_s >= 0.0 and slice_s > 0.0 and qty_units > 0.0):
        return BAD_LEVELS
    pull = 2.0 * risk_per_s * slice_s
    curve = np.empty((n, n))
    _transient_curve(decay_number, law, pull, slice_s, n, curve)
    push = np.empty(n)
    for i in range(n):
        push[i] = pull * (n - i)  # per unit of the order
        out_trade_units[i] = 0.0
    work = np.empty((n, n))
    even = np.empty((n, 2))
    free = np.arange(n)
    n_free = n
    for _ in range(4 * n):
        _solve_free(curve, push, free, n_free, work, even)
        total = 0.0
        ones = 0.0
        for i in range(n_free):
            total += even[i, 0]
            ones += even[i, 1]
        level = (1.0 - total) / ones
        out_trade_units[:] = 0.0
        n_kept = 0
        for i in range(n_free):
            part = even[i, 0] + level * even[i, 1]
            if part > 0.0:
                out_trade_units[free[i]] = part
                free[n_kept] = free[i]
                n_kept += 1
        is_settled = n_kept == n_free
        n_free = n_kept
        if is_settled:
            opened = _most_wanted(curve, push, level, out_trade_units)
            if opened < 0:
                break
            free[n_free] = opened
            n_free += 1
    parts = 0.0
    for i in range(n):
        parts += out_trade_units[i]
    if not parts > 0.0:  # risk beyond what the numbers can tell apart: at once
        out_trade_units[0] = parts = 1.0
    for i in range(n):
        out_trade_units[i] *= qty_units / parts
    return OK


@kernel("")
def _most_wanted(curve: Float64, push: Float64, level: float, trade: Float64) -> int:
    """The closed slice where trading would cost least, if less than at those that trade; -1 for none."""
    best = -1
    least = -1e-10 * (abs(level) + curve[0, 0])
    for i in range(trade.size):
        if trade[i] > 0.0:
            continue
        cost = -push[i] - level
        for j in range(trade.size):
            cost += curve[i, j] * trade[j]
        if cost < least:
            least = cost
            best = i
    return best
