"""The last lots: the cheapest whole lots of venues that are all used, whatever their lots, near the relaxation.

Lots that divide one another are solved from the finest to the coarsest: of each, as many as the next coarser lot
cannot express are taken first, the rest is sold on in packs of that lot, cheapest first. A lot that fits no such chain
is sold in packs of the common multiple, once for each remainder it may leave. Only lots near the relaxation can
change, so that the work does not grow with the order. Source and proof: docs/kernels.md#last-lots.
"""

# ruff: noqa: PLR0917 - a kernel takes flat arrays by position: Numba has no cheaper way to group them

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from app.kernels.jit import kernel
from app.kernels.ladder import (
    GRID_LOT,
    IS_EXACT,
    KEPT,
    LEVEL_START,
    LEVEL_STOP,
    OWN_START,
    OWN_STOP,
    SKIP,
    TAKEN,
    TARGET_UNITS,
    TRIAL_UNITS,
    common_divisor,
)
from app.kernels.runs import (
    FROM_BELOW,
    PACKING,
    first_items_nano,
    gather_runs,
    merge_runs,
    open_windows,
    pack_runs,
    sort_lots,
)

Int64 = npt.NDArray[np.int64]
Float64 = npt.NDArray[np.float64]

# Beyond these the common multiple of the lots is no longer tried in full, and the node keeps only its bound.
MAX_MULTIPLE_UNITS: Final = 2**40
MAX_REMAINDERS: Final = 2_048


@kernel("")
def common_multiple(place: Int64, n_chain: int, n_kinds: int) -> int:
    """The least common multiple of all lots, 0 where it or the number of remainders is beyond what is tried."""
    multiple = place[n_chain - 1, GRID_LOT]
    for j in range(n_chain, n_kinds):
        multiple *= place[j, GRID_LOT] // common_divisor(multiple, place[j, GRID_LOT])
        if multiple > MAX_MULTIPLE_UNITS:
            return 0
    n_remainders = 1
    for j in range(n_chain, n_kinds):
        n_remainders *= multiple // place[j, GRID_LOT]
        if n_remainders > MAX_REMAINDERS:
            return 0
    return int(multiple)


@kernel("")
def climb_levels(
    left_units: int,
    multiple_units: int,
    n_chain: int,
    n_kept: int,
    pool_i: int,
    place_inplace: Int64,
    run_inplace: Int64,
    run_nano_inplace: Float64,
    out_tally: Int64,
) -> float:
    """Least cost of `left_units` above the windows with the odd kinds' remainders in SKIP, inf where impossible.

    A level is all the lots of one kind and the packs of the finer ones, cheapest first; the last one is sold in full.
    The levels stay behind for `read_levels`. IS_EXACT becomes 0 where the pool is too small.
    """
    left, pool, cost = left_units, pool_i, 0.0
    for j in range(n_chain, n_kept):
        skip, own_start, own_stop = place_inplace[j, SKIP], place_inplace[j, OWN_START], place_inplace[j, OWN_STOP]
        left -= skip * place_inplace[j, GRID_LOT]
        cost += first_items_nano(run_inplace, run_nano_inplace, own_start, own_stop, skip)
    if left < 0 or left % place_inplace[0, GRID_LOT] != 0 or not np.isfinite(cost):
        return np.inf
    below_start, below_stop = pool, pool
    for c in range(n_kept):
        # An odd kind comes in packs of the common multiple, and so does the chain once the first of them arrives.
        own_start, own_stop = place_inplace[c, OWN_START], place_inplace[c, OWN_STOP]
        if pool + 5 * (below_stop - below_start + own_stop - own_start) + 8 > run_nano_inplace.size:
            out_tally[IS_EXACT] = 0
            return np.inf
        lot = place_inplace[c, GRID_LOT]
        if c >= n_chain:
            skip, start = place_inplace[c, SKIP], pool
            pool = pack_runs(own_start, own_stop, skip, multiple_units // lot, pool, run_inplace, run_nano_inplace)
            own_start, own_stop = start, pool
        start = pool
        pool = merge_runs(below_start, below_stop, own_start, own_stop, c, pool, run_inplace, run_nano_inplace)
        place_inplace[c, LEVEL_START], place_inplace[c, LEVEL_STOP] = start, pool
        below_start, below_stop = start, pool
        if c >= n_chain or c == n_kept - 1:
            continue
        coarser = place_inplace[c + 1, GRID_LOT] if c < n_chain - 1 else multiple_units
        skip = left % coarser // lot
        place_inplace[c, SKIP] = skip
        left -= skip * lot
        cost += first_items_nano(run_inplace, run_nano_inplace, start, below_stop, skip)
        below_start = pool
        pool = pack_runs(start, below_stop, skip, coarser // lot, pool, run_inplace, run_nano_inplace)
        below_stop = pool
    top_lot = multiple_units if n_kept > n_chain else place_inplace[n_chain - 1, GRID_LOT]
    place_inplace[n_kept, TAKEN] = left // top_lot
    return cost + first_items_nano(run_inplace, run_nano_inplace, below_start, below_stop, left // top_lot)


@kernel("")
def read_levels(n_chain: int, n_kept: int, multiple_units: int, place_inplace: Int64, run: Int64) -> int:
    """Writes to KEPT how many items of each kind the levels that were just climbed take. Returns OK."""
    items = place_inplace[n_kept, TAKEN]
    for k in range(n_kept):
        place_inplace[k, KEPT] = place_inplace[k, SKIP] if k >= n_chain else 0
    for step in range(n_kept):
        c = n_kept - 1 - step
        # The odd kinds share one level, the last: it holds the marks of all of them.
        if n_chain <= c < n_kept - 1:
            continue
        below, left = 0, items
        for i in range(place_inplace[c, LEVEL_START], place_inplace[c, LEVEL_STOP]):
            if left <= 0:
                break
            take = min(left, run[0, i])
            left -= take
            source = run[1, i]
            if source == FROM_BELOW:
                below += take
            elif source >= n_chain:
                place_inplace[source, KEPT] += take * (multiple_units // place_inplace[source, GRID_LOT])
            else:
                place_inplace[source, KEPT] += take
        finer = min(c, n_chain) - 1
        if finer >= 0:
            coarser = place_inplace[c, GRID_LOT] if c < n_chain else multiple_units
            items = place_inplace[finer, SKIP] + below * (coarser // place_inplace[finer, GRID_LOT])
    return 0


@kernel("")
def settle_lots(
    start_units: Int64,
    step_nano: Float64,
    place_inplace: Int64,
    own_nano_inplace: Float64,
    run_inplace: Int64,
    run_nano_inplace: Float64,
    tally_inplace: Int64,
) -> float:
    """Least cost of exactly the target in whole lots by the venues that the relaxation uses, inf where impossible.

    Reads the relaxation's cursors and part; TRIAL_UNITS are written; IS_EXACT: 1 where the answer is exact.
    """
    packed = sort_lots(place_inplace)
    n_kinds, n_chain = packed % PACKING, packed // PACKING
    tally_inplace[IS_EXACT] = 1
    if n_kinds == 0:
        return np.inf
    multiple = common_multiple(place_inplace, n_chain, n_kinds)
    n_kept = n_kinds
    if multiple == 0:
        tally_inplace[IS_EXACT] = 0
        n_kept = n_chain
        multiple = place_inplace[n_chain - 1, GRID_LOT]
    down = multiple if n_kept == n_chain else n_kept * multiple
    base = open_windows(own_nano_inplace, start_units, step_nano, tally_inplace, down, n_kept, place_inplace)
    left = tally_inplace[TARGET_UNITS]
    for v in range(place_inplace.shape[0] - 1):
        left -= place_inplace[v, TRIAL_UNITS]
    pool = left * 0
    for k in range(n_kept):
        room = place_inplace[k, TAKEN] + down + multiple
        pool = gather_runs(
            start_units, step_nano, k, room, pool, place_inplace, own_nano_inplace, run_inplace, run_nano_inplace
        )
        place_inplace[k, SKIP] = 0
    least = np.inf
    while True:
        cost = climb_levels(
            left, multiple, n_chain, n_kept, pool, place_inplace, run_inplace, run_nano_inplace, tally_inplace
        )
        if cost < least:
            least = cost
            read_levels(n_chain, n_kept, multiple, place_inplace, run_inplace)
        # The odd kinds' remainders count on like an odometer.
        j = n_chain
        while j < n_kept and (place_inplace[j, SKIP] + 1) * place_inplace[j, GRID_LOT] >= multiple:
            place_inplace[j, SKIP] = 0
            j += 1
        if j >= n_kept:
            break
        place_inplace[j, SKIP] += 1
    if not np.isfinite(least):
        return np.inf
    for k in range(n_kept):
        items = place_inplace[k, KEPT]
        for i in range(place_inplace[k, OWN_START], place_inplace[k, OWN_STOP]):
            take = min(items, run_inplace[0, i])
            place_inplace[run_inplace[1, i], TRIAL_UNITS] += take * place_inplace[k, GRID_LOT]
            items -= take
    return base + least
