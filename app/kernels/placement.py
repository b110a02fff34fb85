"""Post, cross or split: one quantity over venues' queues and the market, at the least expected cost (Cont and Kukanov).

Expectations are means over joint draws of what each venue would fill, so any law of outflows, also one where venues
move together, is the same problem. Sources: docs/kernels.md#placement.
"""

# ruff: noqa: PLR0917 - a kernel takes flat arrays by position: Numba has no cheaper way to group them

from __future__ import annotations

import math
from typing import Final

import numpy as np
import numpy.typing as npt

from app.kernels.jit import CALL, kernel

Float64 = npt.NDArray[np.float64]

# Columns of the terms, per unit: what crossing costs, what any sent unit costs, what a unit short and one over cost.
CROSS: Final = 0
SENT: Final = 1
SHORT: Final = 2
OVER: Final = 3
N_TERMS: Final = 4

FIRST_STEPS: Final = 60
LAST_STEPS: Final = 120
LINE_STEPS: Final = 30
PATIENCE: Final = 10
N_KEPT: Final = 3
LAST_HOP: Final = 4


@kernel("", allocates=True)
def _cost(reach: Float64, gain: Float64, terms: Float64, qty: float, at: Float64, out_slope: Float64) -> float:
    """Mean cost of placing |at| (limits of each venue, then the market), and its slope."""
    n, k = reach.shape
    out_slope[:] = 0.0
    market = abs(float(at[k]))
    sent = market
    for v in range(k):
        sent += abs(at[v])
    total = 0.0
    for i in range(n):
        done = market
        for v in range(k):
            done += min(reach[i, v], abs(at[v]))
        push = 0.0
        if done > qty:
            push = float(terms[OVER])
        elif done < qty:
            push = -float(terms[SHORT])
        total += push * (done - qty)
        out_slope[k] += push
        for v in range(k):
            limit = abs(at[v])
            if reach[i, v] > limit:
                out_slope[v] += push - gain[v]
                total -= gain[v] * limit
            else:
                total -= gain[v] * reach[i, v]
    for v in range(k + 1):
        out_slope[v] = out_slope[v] / n + terms[SENT] + (terms[CROSS] if v == k else 0.0)
        if at[v] < 0.0:
            out_slope[v] = -out_slope[v]
    cost: float = total / n + terms[CROSS] * market + terms[SENT] * sent
    return cost


@kernel("", allocates=True)
def _search_line(
    reach: Float64,
    gain: Float64,
    terms: Float64,
    qty: float,
    at: Float64,
    way: Float64,
    cost: float,
    fall: float,
    first_step: float,
    out_at: Float64,
    out_slope: Float64,
) -> float:
    """The cost at a point along `way` that falls enough and where the slope has flattened enough (weak Wolfe)."""
    low = 0.0
    high = np.inf
    step = first_step
    found = cost
    for _ in range(LINE_STEPS):
        for i in range(at.size):
            out_at[i] = at[i] + step * way[i]
        found = _cost(reach, gain, terms, qty, out_at, out_slope)
        if found > cost + 1e-4 * step * fall:
            high = step
        else:
            flat = 0.0
            for i in range(at.size):
                flat += out_slope[i] * way[i]
            if flat >= 0.9 * fall:
                return found
            low = step
        step = 0.5 * (low + high) if high < np.inf else 2.0 * low
    return found


@kernel("", allocates=True)
def _descend(
    reach: Float64, gain: Float64, terms: Float64, qty: float, n_steps: int, tolerance: float, at_inplace: Float64
) -> float:
    """BFGS from a point to one where it falls no more; with this line search it follows ridges of kinks, too."""
    d = at_inplace.size
    bend = np.eye(d)
    slope = np.empty(d)
    way = np.empty(d)
    new_slope = np.empty(d)
    new_at = np.empty(d)
    cost = _cost(reach, gain, terms, qty, at_inplace, slope)
    before = cost
    for step in range(n_steps):
        fall = 0.0
        steep = 0.0
        for i in range(d):
            way[i] = 0.0
            for j in range(d):
                way[i] -= bend[i, j] * slope[j]
            fall += slope[i] * way[i]
            steep += slope[i] * slope[i]
        if not fall < -1e-14:
            break
        first = 0.1 * qty / math.sqrt(steep) if step == 0 else 1.0
        new_cost = _search_line(reach, gain, terms, qty, at_inplace, way, cost, fall, first, new_at, new_slope)
        if not new_cost < cost:
            break
        curved = 0.0
        turned = 0.0
        for i in range(d):
            way[i] = new_at[i] - at_inplace[i]
            slope[i] = new_slope[i] - slope[i]
            curved += way[i] * slope[i]
            turned += slope[i] * slope[i]
            at_inplace[i] = new_at[i]
        if curved > 1e-300:
            if step == 0:
                bend *= curved / turned
            _bend_inplace(bend, way, slope, curved)
        cost = new_cost
        slope[:] = new_slope
        # At kinks single steps win little before a large one.
        if step % PATIENCE == PATIENCE - 1:
            if before - cost < tolerance * qty * (terms[SHORT] + terms[OVER]):
                break
            before = cost
    return cost


@kernel("", allocates=True)
def _bend_inplace(bend_inplace: Float64, moved: Float64, turned: Float64, curved: float) -> None:
    """The inverse curvature after one step."""
    seen = np.zeros(moved.size)
    both = 0.0
    for i in range(moved.size):
        for j in range(moved.size):
            seen[i] += bend_inplace[i, j] * turned[j]
        both += turned[i] * seen[i]
    for i in range(moved.size):
        for j in range(moved.size):
            bend_inplace[i, j] += (1.0 + both / curved) * moved[i] * moved[j] / curved
            bend_inplace[i, j] -= (seen[i] * moved[j] + moved[i] * seen[j]) / curved


@kernel("", allocates=True)
def _keep_inplace(cost: float, at: Float64, kept_cost_inplace: Float64, kept_inplace: Float64) -> None:
    """Puts a point among the best, cheapest first; one that costs the same to a part in a million is known."""
    for i in range(kept_cost_inplace.size):
        if abs(cost - kept_cost_inplace[i]) <= 1e-6 * abs(cost):
            return
        if cost < kept_cost_inplace[i]:
            for j in range(kept_cost_inplace.size - 1, i, -1):
                kept_cost_inplace[j] = kept_cost_inplace[j - 1]
                kept_inplace[j] = kept_inplace[j - 1]
            kept_cost_inplace[i] = cost
            kept_inplace[i] = np.abs(at)
            return


@kernel("", allocates=True)
def _split(qty: float, n_parts: int, third: int, out_at: Float64) -> None:
    """A start: some of it crosses, the rest is in as many parts, one at every venue."""
    k = out_at.size - 1
    market = qty if n_parts == 0 else 0.25 * third * qty
    for v in range(k):
        # Not quite equal: a start on a ridge of kinks has no slope to follow.
        out_at[v] = (qty - market) / max(n_parts, 1) * (1.0 + 0.03 * (v + 1) / k)
    out_at[k] = 0.99 * market


@kernel("float64(float64[:,::1], int64, float64[::1], float64[::1], float64, float64[::1])", CALL, allocates=True)
def place_quantity(
    reach_units: Float64, n_first: int, gain: Float64, terms: Float64, qty_units: float, out_units: Float64
) -> float:
    """What to post at each venue and what to cross now, at the least mean cost found.

    reach_units: float64[n, k], draws of what trades at a venue beyond the queue ahead of us: a limit L fills
    min(reach, L). gain: float64[k], what a filled unit earns (half the spread and the rebate). terms: float64[4], see
    above. out_units: float64[k + 1], written: limits, then the market order; none above `qty_units`.
    The cost has several valleys: it is searched on the first `n_first` draws from splits into 1 to k equal limits, then
    from the best with one limit moved; the N_KEPT best are finished on all draws.
    Returns the mean cost. Twin: tests/reference/placement.py.
    """
    k = reach_units.shape[1]
    at = np.zeros(k + 1)
    slope = np.empty(k + 1)
    kept_cost = np.full(N_KEPT, np.inf)
    kept = np.zeros((N_KEPT, k + 1))
    best = np.inf
    hop = 0
    while hop <= LAST_HOP:
        is_last = hop == LAST_HOP
        draws = reach_units if is_last else reach_units[:n_first]
        before = kept_cost[0]
        base = kept[0].copy()
        # One place calls the descent: it is compiled into each that does.
        for start in range(N_KEPT if is_last else 3 * (k + 1)):
            if is_last:
                at[:] = kept[start]
            elif hop == 0:
                _split(qty_units, start // 3, start % 3, at)
            else:
                at[:] = base
                v = start // 3
                at[v] = 0.5 * (start % 3) * (qty_units - base[k] if v < k else qty_units)
            n_steps = LAST_STEPS if is_last else FIRST_STEPS
            cost = _descend(draws, gain, terms, qty_units, n_steps, 1e-8 if is_last else 1e-6, at)
            if not is_last:
                _keep_inplace(cost, at, kept_cost, kept)
                continue
            for v in range(k + 1):
                at[v] = min(abs(at[v]), qty_units)
            cost = _cost(draws, gain, terms, qty_units, at, slope)
            if cost < best:
                best = cost
                out_units[:] = at
        if 0 < hop < LAST_HOP and kept_cost[0] >= before - 1e-6 * abs(before):
            hop = LAST_HOP - 1
        hop += 1
    return best
