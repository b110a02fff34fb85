"""The steps of a decision: posed, contested, the best plan picked and proven, all in two flat buffers.

Unboxing an array costs more than many a step, so what belongs to a workspace travels as one int64 and one float64
buffer, whose headers say where each array begins; only books and solvers come by themselves.
"""

# ruff: noqa: PLR0917 - a kernel takes flat arrays by position: Numba has no cheaper way to group them

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from app.kernels.contest import SETTLED, hold_contest
from app.kernels.cost import N_RULES, N_TERMS
from app.kernels.jit import kernel
from app.kernels.pose import (
    CAP_UNITS,
    CAPACITY_ONE_NANO,
    IS_NARROW,
    N_ASKED,
    N_PLACES,
    N_REACH,
    N_WISHES,
    NOW_NS,
    pose_problem,
    take_capacities,
)
from app.kernels.prove import N_FACTS, N_FOUND, prove_plan
from app.kernels.views import cut

Int64 = npt.NDArray[np.int64]
Float64 = npt.NDArray[np.float64]
Bool = npt.NDArray[np.bool_]

# Steps, added up; each goes on from what the ones before it left in the buffers.
POSE: Final = 1
CONTEST: Final = 2
PROVE: Final = 4

# Header of the integers. What stands: how many listings, whether one has a fixed cost, whether num and den fit, the
# most units of an order.
N: Final = 0
HAS_FIXED: Final = 1
RULE_FITS: Final = 2
MOST_UNITS: Final = 3
# Where each array begins.
TABLE: Final = 4
WISH: Final = TABLE + 1
RULE: Final = TABLE + 2
PLACES: Final = TABLE + 3
STANDING: Final = TABLE + 4
FACTS: Final = TABLE + 5
TERMS: Final = TABLE + 6
FIRST: Final = TABLE + 7
SEEN: Final = TABLE + 8
ROOM: Final = TABLE + 9
WORK: Final = TABLE + 10
SENT: Final = TABLE + 11
CHOSEN: Final = TABLE + 12
CHOSEN_WALK: Final = TABLE + 13
UNITS: Final = TABLE + 14
WALK: Final = TABLE + 15
TOTAL: Final = TABLE + 16
STATUS: Final = TABLE + 17
PRICE: Final = TABLE + 18
QTY: Final = TABLE + 19
# The floats' arrays, told here too, and how many levels there may be.
UNIT_NANO: Final = TABLE + 20
KEY: Final = TABLE + 21
HEAP_KEY: Final = TABLE + 22
NANO: Final = TABLE + 23
N_LEVELS: Final = TABLE + 24
# What kernels/answer.py writes of the decision, and its scratch.
ANSWER: Final = TABLE + 25
LEVELS: Final = TABLE + 26
# What is found: venues admitted, units wanted, the best plan (-1: none), whether all plans settled and one was picked,
# how many children break a law, then the N_FOUND entries of prove_plan, and bytes that were packed of the answer. What
# is said of the decision follows at ANSWER, so that both are read at once.
N_ADMITTED: Final = TABLE + 27
WANTED: Final = N_ADMITTED + 1
BEST: Final = N_ADMITTED + 2
IS_HELD: Final = N_ADMITTED + 3
N_BROKEN: Final = N_ADMITTED + 4
FOUND: Final = N_ADMITTED + 5
N_PACKED: Final = FOUND + N_FOUND
N_HEADER: Final = N_PACKED + 1
# Header of the floats: money nano per unit at price 1, units of a whole quantity, then `reach`.
RATIO: Final = 0
SCALE: Final = 1
REACH: Final = 2
N_FLOATS: Final = REACH + N_REACH

# Plans that a workspace has room for: those of one contest, and what searches add to it.
MOST_PLANS: Final = 6


@kernel("")
def pick_best(total: Int64, status: Int64, wanted_units: int, notional_nano: int, is_sweep: bool) -> int:
    """The feasible plan of the most units, of those the cheapest, the first of equals; a sweep has the last or none.

    total: int64[k, 6] of walk_plans; status: int64[k]. Returns -1 for none, -2 where a plan has to be mended first.
    """
    best = -1
    for i in range(status.size):
        if status[i] != SETTLED:
            return -2
        is_within = total[i, 1] <= notional_nano if notional_nano >= 0 else total[i, 2] <= wanted_units
        if not is_within or total[i, 4] != 1 or total[i, 2] <= 0 or (is_sweep and i < status.size - 1):
            continue
        ranked = total[i, 0] + total[i, 5]
        if (
            best < 0
            or total[i, 2] > total[best, 2]
            or (total[i, 2] == total[best, 2] and ranked < total[best, 0] + total[best, 5])
        ):
            best = i
    return best


@kernel("")
def take_best(best_i: int, units: Int64, walk: Int64, out_chosen: Int64, out_walk: Int64) -> None:
    """Copies the best plan (none: zeros) to where it is proven."""
    for v in range(out_chosen.size):
        out_chosen[v] = units[best_i, v] if best_i >= 0 else 0
        for i in range(4):
            out_walk[v, i] = walk[best_i, v, i] if best_i >= 0 else 0


@kernel("")
def _pose_step(
    price_units: Int64,
    qty_units: Int64,
    n_levels: Int64,
    book_seq: Int64,
    received_ts_ns: Int64,
    is_gapped: Bool,
    ints_inplace: Int64,
    floats_inplace: Float64,
) -> int:
    """Poses the problem of these books where the buffers say. Returns the venues admitted."""
    ints, floats = ints_inplace, floats_inplace
    n, n_most = ints[N], ints[N_LEVELS]
    asked, one_nano = cut(ints, ints[TABLE], N_ASKED, n), ints[ints[WISH] + CAPACITY_ONE_NANO]
    if one_nano > 0:
        take_capacities(one_nano, asked)
    return int(
        pose_problem(
            price_units,
            qty_units,
            n_levels,
            book_seq,
            received_ts_ns,
            is_gapped,
            asked,
            cut(ints, ints[STANDING], n, N_TERMS),
            ints[ints[WISH] : ints[WISH] + N_WISHES],
            ints[ints[RULE] : ints[RULE] + N_RULES],
            floats[RATIO],
            ints[RULE_FITS] != 0,
            cut(ints, ints[PLACES], N_PLACES, n),
            cut(ints, ints[TERMS], n, N_TERMS),
            ints[ints[PRICE] : ints[PRICE] + n_most],
            ints[ints[QTY] : ints[QTY] + n_most],
            floats[ints[UNIT_NANO] : ints[UNIT_NANO] + n_most],
            ints[ints[FIRST] : ints[FIRST] + n + 1],
            cut(ints, ints[SEEN], n, 2),
            floats[REACH : REACH + N_REACH],
            ints[ints[ROOM] : ints[ROOM] + n],
        )
    )


@kernel("")
def _contest_step(
    solvers: Int64,
    ints_inplace: Int64,
    floats_inplace: Float64,
    wanted_units: int,
    notional_nano: int,
    max_venues: int,
    is_sweep: bool,
) -> bool:
    """Holds the contest of the posed problem and lays its best plan out. Whether it was held to its end."""
    ints, floats = ints_inplace, floats_inplace
    m, k, n_most = ints[N_ADMITTED], solvers.size, ints[N_LEVELS]
    first = ints[ints[FIRST] : ints[FIRST] + m + 1]
    n_flat = first[m]
    units, total = cut(ints, ints[UNITS], k, m), cut(ints, ints[TOTAL], k, 6)
    walk = ints[ints[WALK] : ints[WALK] + k * m * 4].reshape((k, m, 4))
    status = ints[ints[STATUS] : ints[STATUS] + k]
    wanted = hold_contest(
        first,
        ints[ints[PRICE] : ints[PRICE] + n_flat],
        ints[ints[QTY] : ints[QTY] + n_flat],
        floats[ints[UNIT_NANO] : ints[UNIT_NANO] + n_flat],
        cut(ints, ints[TERMS], m, N_TERMS),
        ints[ints[RULE] : ints[RULE] + N_RULES],
        ints[ints[ROOM] : ints[ROOM] + m],
        solvers,
        wanted_units,
        notional_nano,
        ints[MOST_UNITS],
        floats[RATIO],
        max_venues,
        ints[HAS_FIXED] != 0,
        cut(ints, ints[WORK], 2, m),
        floats[ints[HEAP_KEY] : ints[HEAP_KEY] + m],
        floats[ints[KEY] : ints[KEY] + 2 * n_most],
        units,
        walk,
        total,
        status,
    )
    best = pick_best(total, status, wanted, notional_nano, is_sweep)
    ints_inplace[WANTED], ints_inplace[BEST], ints_inplace[IS_HELD] = wanted, best, best != -2
    if best == -2:
        return False
    chosen, chosen_walk = ints[ints[CHOSEN] : ints[CHOSEN] + m], cut(ints, ints[CHOSEN_WALK], m, 4)
    take_best(best, units, walk, chosen, chosen_walk)
    return True


@kernel("")
def _prove_step(
    price_units: Int64,
    qty_units: Int64,
    n_levels: Int64,
    book_seq: Int64,
    received_ts_ns: Int64,
    is_gapped: Bool,
    ints_inplace: Int64,
    floats_inplace: Float64,
    wanted_units: int,
) -> int:
    """Proves the chosen plan where the buffers say. Returns how many laws are broken."""
    ints, floats = ints_inplace, floats_inplace
    n, m, n_most = ints[N], ints[N_ADMITTED], ints[N_LEVELS]
    first = ints[ints[FIRST] : ints[FIRST] + m + 1]
    n_flat = first[m]
    return int(
        prove_plan(
            price_units,
            qty_units,
            n_levels,
            book_seq,
            received_ts_ns,
            is_gapped,
            cut(ints, ints[PLACES], N_PLACES, n),
            cut(ints, ints[FACTS], N_FACTS, n),
            cut(ints, ints[TABLE], N_ASKED, n),
            ints[ints[WISH] : ints[WISH] + N_WISHES],
            ints[ints[RULE] : ints[RULE] + N_RULES],
            first,
            ints[ints[PRICE] : ints[PRICE] + n_flat],
            ints[ints[QTY] : ints[QTY] + n_flat],
            floats[ints[UNIT_NANO] : ints[UNIT_NANO] + n_flat],
            cut(ints, ints[TERMS], m, N_TERMS),
            ints[ints[CHOSEN] : ints[CHOSEN] + m],
            cut(ints, ints[CHOSEN_WALK], m, 4),
            wanted_units,
            ints[HAS_FIXED] != 0,
            floats[SCALE],
            cut(ints, ints[WORK], 2, m),
            floats[ints[HEAP_KEY] : ints[HEAP_KEY] + m],
            floats[ints[KEY] : ints[KEY] + 2 * n_most],
            cut(ints, ints[SENT], m, 2),
            cut(floats, ints[NANO], m, 3),
            ints_inplace[FOUND : FOUND + N_FOUND],
        )
    )


@kernel("")
def decide_steps(
    price_units: Int64,
    qty_units: Int64,
    n_levels: Int64,
    book_seq: Int64,
    received_ts_ns: Int64,
    is_gapped: Bool,
    solvers: Int64,
    ints_inplace: Int64,
    floats_inplace: Float64,
    step_i: int,
    now_ns: int,
    cap_units: int,
    wanted_units: int,
    notional_nano: int,
    max_venues: int,
    is_sweep: bool,
) -> int:
    """The steps of `step_i` in one decision on these books (as in screen_books), in a workspace's buffers.

    solvers: int64[k], k at most MOST_PLANS; wanted_units, notional_nano, max_venues: as in hold_contest. is_sweep: only
    the last solver's plan counts. Read and written: the arrays of pose_problem, hold_contest and prove_plan, each where
    ints_inplace says. A contest needs IS_NARROW, and a proof after a contest that it was held to its end: where that
    fails the rest is left out and IS_HELD is 0. Returns the venues admitted. Source: docs/kernels.md#pose.
    """
    ints = ints_inplace
    if step_i & POSE:
        wish_i = ints[WISH]
        ints_inplace[IS_HELD], ints_inplace[N_PACKED] = 0, 0
        ints_inplace[wish_i + NOW_NS], ints_inplace[wish_i + CAP_UNITS] = now_ns, cap_units
        ints_inplace[N_ADMITTED] = _pose_step(
            price_units, qty_units, n_levels, book_seq, received_ts_ns, is_gapped, ints_inplace, floats_inplace
        )
    m = ints[N_ADMITTED]
    is_contest = (step_i & CONTEST) != 0
    if m == 0 or (is_contest and floats_inplace[REACH + IS_NARROW] == 0.0):
        return int(m)
    if is_contest and not _contest_step(
        solvers, ints_inplace, floats_inplace, wanted_units, notional_nano, max_venues, is_sweep
    ):
        return int(m)
    if step_i & PROVE:
        ints_inplace[N_BROKEN] = _prove_step(
            price_units,
            qty_units,
            n_levels,
            book_seq,
            received_ts_ns,
            is_gapped,
            ints_inplace,
            floats_inplace,
            ints[WANTED] if is_contest else wanted_units,
        )
    return int(m)
