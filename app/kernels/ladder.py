"""A venue's cost as steps of whole lots, laid for the exact search: what it takes at one price, and whether it must.

The search works on few arrays, because every array that a kernel passes on costs compile time:
`place` int64[n + 1, N_PLACE] and `own_nano` float64[n + 1, N_OWN], one row a venue (and one spare row);
`start_units` int64[steps], `step_nano` float64[2, steps]: step s holds the units from start_units[s] to
start_units[s + 1] of its venue at step_nano[0, s] each, those before it cost step_nano[1, s], a venue's last step is a
sentinel of infinite price; `tally` int64[N_TALLY] and `best_nano` float64[N_BEST]: counts and values of the search.
"""

# ruff: noqa: PLR0917 - a kernel takes flat arrays by position: Numba has no cheaper way to group them

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from app.kernels.cost import FIXED_NANO, LOT_UNITS, MIN_UNITS
from app.kernels.jit import SOON, kernel

Int64 = npt.NDArray[np.int64]
Float64 = npt.NDArray[np.float64]

# Columns of `place`. FLOOR is the step at which a used venue starts, TANGENT the one after its cheapest average.
LOT: Final = 0
LEAST: Final = 1
MOST: Final = 2
END: Final = 3
FLOOR: Final = 4
TANGENT: Final = 5
STATE: Final = 6
CURSOR: Final = 7
IS_CHOICE: Final = 8
# Venues ranked by MOST; the units of the plan being tried, and of the best plan.
BY_MOST: Final = 9
TRIAL_UNITS: Final = 10
BEST_UNITS: Final = 11
# The venues decided so far, in order; frames: a venue whose other state is still to be looked at, that state, and the
# trail's length before it; the root's own decisions.
TRAIL: Final = 12
FRAME_VENUE: Final = 13
FRAME_STATE: Final = 14
FRAME_TRAIL: Final = 15
ROOT_STATE: Final = 16
# Kinds of lots (kernels/runs.py): KIND and LOW by venue, the others by kind.
KIND: Final = 17
LOW: Final = 18
GRID_LOT: Final = 19
OWN_START: Final = 20
OWN_STOP: Final = 21
LEVEL_START: Final = 22
LEVEL_STOP: Final = 23
SKIP: Final = 24
TAKEN: Final = 25
KEPT: Final = 26
N_PLACE: Final = 27

# Columns of `own_nano`: fixed cost of using a venue, cheapest average; scratch of the merge; what flipping a venue
# costs at least; the bounds of the root's flips and of the frames.
ENTRY_NANO: Final = 0
FLAT_NANO: Final = 1
EDGE_NANO: Final = 2
FLIP_NANO: Final = 3
ROOT_NANO: Final = 4
FRAME_NANO: Final = 5
N_OWN: Final = 6

# States: may be used or not, is used with at least LEAST, is not used. A venue without a choice is always IN.
FREE: Final = 0
IN: Final = 1
OUT: Final = 2
NO_CURSOR: Final = -1

# Entries of `tally`. PART_VENUE's next step is taken in part by the relaxation (-1: none), PART_UNITS of it.
TARGET_UNITS: Final = 0
N_ALLOWED: Final = 1
BLIND_NODES: Final = 2
MAX_NODES: Final = 3
N_NODES: Final = 4
N_TRAIL: Final = 5
N_FRAMES: Final = 6
HAS_PLAN: Final = 7
IS_COMPLETE: Final = 8
PART_VENUE: Final = 9
PART_UNITS: Final = 10
IS_EXACT: Final = 11
IS_BOUNDED: Final = 12
N_TALLY: Final = 13

# Entries of `best_nano`: least cost found, proven bound, difference that counts as a tie, price of using one of a
# bounded number of venues, a cost good enough to stop; the relaxation's value and marginal price.
LEAST_NANO: Final = 0
BOUND_NANO: Final = 1
TIE_NANO: Final = 2
VENUE_NANO: Final = 3
ENOUGH_NANO: Final = 4
VALUE_NANO: Final = 5
PRICE_NANO: Final = 6
N_BEST: Final = 7


@kernel("")
def common_divisor(a_units: int, b_units: int) -> int:
    """The greatest common divisor."""
    a, b = a_units, b_units
    while b != 0:
        a, b = b, a % b
    return a


@kernel("")
def lay_tangents(
    start_units: Int64, step_nano: Float64, price_nano: float, place_inplace: Int64, own_nano_inplace: Float64
) -> int:
    """Finds the cheapest average of each venue that is a choice, its entry and `price_nano` for using it included.

    ENTRY_NANO is raised by `price_nano`. Returns OK.
    """
    for v in range(place_inplace.shape[0] - 1):
        if place_inplace[v, IS_CHOICE] == 0 or place_inplace[v, STATE] == OUT:
            continue
        entry = own_nano_inplace[v, ENTRY_NANO] + price_nano
        own_nano_inplace[v, ENTRY_NANO] = entry
        s = place_inplace[v, FLOOR]
        average = (entry + step_nano[1, s]) / start_units[s]
        # The average falls while the next step is cheaper than it, and only then.
        while step_nano[0, s] < average:
            s += 1
            average = (entry + step_nano[1, s]) / start_units[s]
        place_inplace[v, TANGENT] = s
        own_nano_inplace[v, FLAT_NANO] = average
    return 0


@kernel("")
def open_search(target_units: int, place_inplace: Int64, out_tally: Int64, out_best_nano: Float64) -> int:
    """Fresh tallies of a search for as much of the target as the venues' sums can be; N_ALLOWED is set before.

    Ranks venues by what they hold. Returns the finest lot that divides all, 0 where no venue may be used.
    """
    n = place_inplace.shape[0] - 1
    finest = target_units * 0
    for k in range(n):
        if place_inplace[k, STATE] != OUT:
            finest = common_divisor(place_inplace[k, LOT], finest)
        j = k
        while j > 0 and place_inplace[place_inplace[j - 1, BY_MOST], MOST] < place_inplace[k, MOST]:
            place_inplace[j, BY_MOST] = place_inplace[j - 1, BY_MOST]
            j -= 1
        place_inplace[j, BY_MOST] = k
    reach = target_units * 0
    n_left = out_tally[N_ALLOWED]
    for k in range(n):
        v = place_inplace[k, BY_MOST]
        if place_inplace[v, STATE] != OUT and n_left > 0:
            reach += place_inplace[v, MOST]
            n_left -= 1
    for i in range(N_NODES, N_TALLY):
        out_tally[i] = 0
    out_tally[TARGET_UNITS] = min(target_units, reach) // finest * finest if finest > 0 else 0
    for i in range(N_BEST):
        out_best_nano[i] = 0.0
    out_best_nano[LEAST_NANO] = np.inf
    out_best_nano[BOUND_NANO] = np.inf
    out_best_nano[ENOUGH_NANO] = -np.inf
    out_best_nano[PRICE_NANO] = np.nan
    return finest


@kernel(
    "int64(int64[::1], float64[::1], int64[::1], int64[:,::1], int64[::1], int64, int64, int64[:,::1], float64[:,::1],"
    " int64[::1], float64[:,::1], int64[::1], float64[::1])",
    SOON,
)
def lay_split(
    first: Int64,
    unit_nano: Float64,
    qty_units: Int64,
    terms: Int64,
    room_units: Int64,
    target_units: int,
    max_venues: int,
    out_place: Int64,
    out_own_nano: Float64,
    out_start_units: Int64,
    out_step_nano: Float64,
    out_tally: Int64,
    out_best_nano: Float64,
) -> int:
    """Lays the venues' levels as steps of whole lots within room and target, ready for `search_splits`.

    A lot that lies over two levels is a step of its own; a step is cut in two at its venue's least. room_units:
    int64[n], whole lots, 0 bars a venue; max_venues: 0 for any number. out_start_units: int64[3 x (levels + n) + 1].
    Returns the units that the venues' sums allow. Source: docs/kernels.md#exact.
    """
    n = first.size - 1
    is_bounded = 0 < max_venues < n
    out_tally[N_ALLOWED] = max_venues if is_bounded else n
    step_i = target_units * 0
    for v in range(n):
        lot, fixed = terms[v, LOT_UNITS], terms[v, FIXED_NANO]
        least, most = max(terms[v, MIN_UNITS], lot), min(room_units[v], target_units) // lot * lot
        has_choice = is_bounded or fixed > 0 or least > lot
        out_place[v, FLOOR] = step_i
        out_start_units[step_i], out_step_nano[1, step_i] = 0, 0.0
        at, spent, part_units, part_nano = 0, 0.0, 0, 0.0
        i = first[v]
        left = qty_units[i] if i < first[v + 1] else 0
        while i < first[v + 1] and at < most >= least:
            if part_units > 0 or left < lot:
                size = min(left, lot - part_units)
                part_units += size
                part_nano += size * unit_nano[i]
                left -= size
                size = lot if part_units == lot else 0
                price = part_nano / lot
                part_units, part_nano = (0, 0.0) if size > 0 else (part_units, part_nano)
            else:
                size = min(left, most - at) // lot * lot
                if at < least < at + size:
                    size = least - at
                left -= size
                price = unit_nano[i]
            if size > 0:
                out_step_nano[0, step_i] = price
                at += size
                spent += size * price
                step_i += 1
                out_start_units[step_i], out_step_nano[1, step_i] = at, spent
                if has_choice and at == least:
                    out_place[v, FLOOR] = step_i
            if left == 0:
                i += 1
                left = qty_units[i] if i < first[v + 1] else 0
        out_step_nano[0, step_i] = np.inf
        out_place[v, LOT], out_place[v, LEAST], out_place[v, MOST], out_place[v, END] = lot, least, at, step_i
        out_place[v, IS_CHOICE] = 1 if has_choice else 0
        out_place[v, STATE] = OUT if at < least else (FREE if has_choice else IN)
        out_own_nano[v, ENTRY_NANO] = fixed
        step_i += 1
    lay_tangents(out_start_units, out_step_nano, 0.0, out_place, out_own_nano)
    open_search(target_units, out_place, out_tally, out_best_nano)
    out_tally[IS_BOUNDED] = 1 if is_bounded else 0
    return int(out_tally[TARGET_UNITS])


@kernel(
    "int64(int64[:,::1], int64, int64, boolean, int64[:,::1], float64[:,::1], int64[::1], float64[:,::1], int64[::1],"
    " float64[::1])",
    SOON,
)
def lay_volume(
    place: Int64,
    target_units: int,
    max_venues: int,
    is_loose: bool,
    out_place: Int64,
    out_own_nano: Float64,
    out_start_units: Int64,
    out_step_nano: Float64,
    out_tally: Int64,
    out_best_nano: Float64,
) -> int:
    """The problem of the most units: venues give for nothing, one more venue of the finest lot sells at 1 a unit.

    place: int64[n + 1, N_PLACE] as lay_split left it, out_place with one row more. max_venues: 0 for any number.
    is_loose: leave out leasts and the number of venues, which gives a bound that one node proves. Returns OK.
    """
    n = place.shape[0] - 1
    finest = target_units * 0
    step_i = target_units * 0
    for v in range(n + 1):
        is_last = v == n
        is_out = not is_last and place[v, MOST] < place[v, LEAST]
        lot = finest if is_last else place[v, LOT]
        least, most = (lot, target_units) if is_last else (place[v, LEAST], place[v, MOST])
        if not is_last and not is_out:
            finest = common_divisor(lot, finest)
        is_choice = not is_last and place[v, IS_CHOICE] == 1 and not is_loose
        unit = 1.0 if is_last else 0.0
        out_place[v, FLOOR] = step_i
        out_start_units[step_i], out_step_nano[1, step_i] = 0, 0.0
        for cut in (least if is_choice else most, most):
            if cut > out_start_units[step_i]:
                out_step_nano[0, step_i] = unit
                step_i += 1
                out_start_units[step_i], out_step_nano[1, step_i] = cut, cut * unit
            if is_choice and cut == least:
                out_place[v, FLOOR] = step_i
        out_step_nano[0, step_i] = np.inf
        out_place[v, LOT], out_place[v, LEAST], out_place[v, MOST], out_place[v, END] = lot, least, most, step_i
        out_place[v, IS_CHOICE], out_place[v, TANGENT] = 1 if is_choice else 0, out_place[v, FLOOR]
        out_place[v, STATE] = OUT if is_out else (FREE if is_choice else IN)
        out_own_nano[v, ENTRY_NANO], out_own_nano[v, FLAT_NANO] = 0.0, 0.0
        step_i += 1
    out_tally[N_ALLOWED] = max_venues if max_venues > 0 and not is_loose else n + 1
    open_search(target_units, out_place, out_tally, out_best_nano)
    out_tally[TARGET_UNITS] = target_units
    return 0
