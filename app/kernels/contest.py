"""The planner and its rivals on one problem: units wanted by each, in whole lots, walked exactly."""

# ruff: noqa: PLR0917 - a kernel takes flat arrays by position: Numba has no cheaper way to group them

from __future__ import annotations

import math
from typing import Final

import numpy as np
import numpy.typing as npt

from app.kernels.cost import SIDE, walk_plans
from app.kernels.greedy import envelope_costs, merge_levels
from app.kernels.jit import kernel
from app.kernels.lots import fill_one_venue, round_to_lots, share_by_depth

Int64 = npt.NDArray[np.int64]
Float64 = npt.NDArray[np.float64]

# Who proposes. Others are asked in Python (routing/rounding.py).
GREEDY: Final = 0
SINGLE: Final = 1
PRO_RATA: Final = 2
BLIND: Final = 3

# What became of a proposal: whole lots that keep everything, or one that routing/rounding.py has to mend.
SETTLED: Final = 0
UNSETTLED: Final = 1

# Each pass removes the whole excess at the dearest price, so a few are enough; the count only guards against a bug.
MAX_PASSES: Final = 64


@kernel("")
def propose_units(
    solver_i: int,
    first: Int64,
    key: Float64,
    unit_nano: Float64,
    price_units: Int64,
    qty_units: Int64,
    terms: Int64,
    room_units: Int64,
    wanted_units: int,
    side: int,
    out_work: Int64,
    out_heap_key: Float64,
    out_blind_key: Float64,
    out_units: Int64,
) -> int:
    """One solver's units in whole lots, as routing/solvers/ and rounding do it. Returns venues below their least."""
    if solver_i == SINGLE:
        # All that one venue can hold in whole lots: there is nothing to round.
        fill_one_venue(first, unit_nano, qty_units, terms, room_units, wanted_units, out_units)
        return 0
    if solver_i == PRO_RATA:
        share_by_depth(first, qty_units, room_units, wanted_units, out_units)
    elif solver_i == BLIND:
        for i in range(first[-1]):
            out_blind_key[i] = price_units[i] * float(side)
        merge_levels(
            first,
            out_blind_key,
            price_units,
            qty_units,
            room_units,
            wanted_units,
            0.0,
            -1.0,
            out_work,
            out_heap_key,
            out_units,
        )
    else:
        merge_levels(
            first, key, price_units, qty_units, room_units, wanted_units, 0.0, -1.0, out_work, out_heap_key, out_units
        )
    return int(round_to_lots(first, unit_nano, qty_units, terms, room_units, wanted_units, out_units))


@kernel("")
def n_used_of(units: Int64) -> int:
    """How many venues are given something."""
    n_used = 0
    for v in range(units.size):
        n_used += units[v] > 0
    return n_used


@kernel("")
def less_for(walk: Int64, total: Int64, notional_nano: int, ratio: float) -> int:
    """Units to take off a plan that costs more than `notional_nano`; 0 where it does not."""
    excess = total[1] - notional_nano
    if excess <= 0:
        return 0
    worst = 0
    for v in range(walk.shape[0]):
        worst = max(worst, walk[v, 2])
    return int(max(1, math.ceil(excess / (worst * ratio))))


@kernel("")
def hold_contest(
    first: Int64,
    price_units: Int64,
    qty_units: Int64,
    unit_nano: Float64,
    terms: Int64,
    rule: Int64,
    room_units: Int64,
    solvers: Int64,
    wanted_units: int,
    notional_nano: int,
    most_units: int,
    ratio: float,
    max_venues: int,
    has_fixed: bool,
    out_work: Int64,
    out_heap_key: Float64,
    out_key: Float64,
    out_units: Int64,
    out_walk: Int64,
    out_total: Int64,
    out_status: Int64,
) -> int:
    """Each of `solvers` (int64[k]) proposes, in whole lots, and is walked.

    wanted_units: below 0 where `notional_nano` (below 0: none) says how much, then at most `most_units` are wanted.
    ratio: money nano per unit at price 1. max_venues: 0 unbounded. out_work: int64[2, n], out_heap_key: float64[n],
    out_key: float64[2 x levels]: scratch. out_units: int64[k, n], out_walk, out_total: as in cost.walk_plans, written.
    out_status: int64[k], SETTLED or UNSETTLED (too many venues, or one below its least). Returns the units wanted.
    """
    n_levels = first[-1]
    wanted = wanted_units
    if wanted < 0:
        taken = out_units[0]
        depth = 0
        for v in range(room_units.size):
            depth = min(depth + room_units[v], most_units)
        budget = float(notional_nano)
        merge_levels(
            first, unit_nano, price_units, qty_units, room_units, depth, ratio, budget, out_work, out_heap_key, taken
        )
        wanted = 0
        for v in range(taken.size):
            wanted += taken[v]
    key, blind_key = unit_nano, out_key[n_levels : 2 * n_levels]
    for i in range(solvers.size):
        aim = wanted
        out_status[i] = UNSETTLED
        units, plans, walks, totals = out_units[i], out_units[i : i + 1], out_walk[i : i + 1], out_total[i : i + 1]
        for turn in range(MAX_PASSES + 1):
            if turn == MAX_PASSES:
                aim = 0
            if has_fixed and solvers[i] == GREEDY:
                key = out_key[:n_levels]
                envelope_costs(first, unit_nano, qty_units, terms, aim, key)
            n_low = propose_units(
                solvers[i],
                first,
                key,
                unit_nano,
                price_units,
                qty_units,
                terms,
                room_units,
                aim,
                rule[SIDE],
                out_work,
                out_heap_key,
                blind_key,
                units,
            )
            if n_low > 0 or 0 < max_venues < n_used_of(units):
                break
            walk_plans(first, price_units, qty_units, terms, rule, plans, walks, totals)
            less = less_for(walks[0], totals[0], notional_nano, ratio) if notional_nano >= 0 else 0
            if less == 0:
                out_status[i] = SETTLED
                break
            aim = max(0, totals[0, 2] - less)
    return int(wanted)
