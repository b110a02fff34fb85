"""Runs: lots of several venues in ascending price, (price of one item, number of items, where from), in one pool.

`run` is int64[2, pool]: items and source; `run_nano` float64[pool]: price of one item. Columns of `place` from KIND on
hold what is known of each kind of lot: a chain in which each divides the next, finest first, then the odd ones.
Used by kernels/remainder.py.
"""

# ruff: noqa: PLR0917 - a kernel takes flat arrays by position: Numba has no cheaper way to group them

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from app.kernels.jit import kernel
from app.kernels.ladder import (
    CURSOR,
    EDGE_NANO,
    END,
    ENTRY_NANO,
    FLOOR,
    GRID_LOT,
    KIND,
    LOT,
    LOW,
    MOST,
    OWN_START,
    OWN_STOP,
    PART_UNITS,
    PART_VENUE,
    TAKEN,
    TRIAL_UNITS,
)

Int64 = npt.NDArray[np.int64]
Float64 = npt.NDArray[np.float64]

FROM_BELOW: Final = -1
# More kinds of lots than venues can be: packs two counts into one number.
PACKING: Final = 1_000_000


@kernel("")
def sort_lots(place_inplace: Int64) -> int:
    """Finds the distinct lots of the used venues, the chain first, and each venue's KIND among them.

    Returns their number plus PACKING times the number of the chain's.
    """
    n = place_inplace.shape[0] - 1
    n_kinds = 0
    for v in range(n):
        if place_inplace[v, CURSOR] < 0:
            continue
        lot = place_inplace[v, LOT]
        k = 0
        while k < n_kinds and place_inplace[k, GRID_LOT] < lot:
            k += 1
        if k < n_kinds and place_inplace[k, GRID_LOT] == lot:
            continue
        for j in range(n_kinds, k, -1):
            place_inplace[j, GRID_LOT] = place_inplace[j - 1, GRID_LOT]
        place_inplace[k, GRID_LOT] = lot
        n_kinds += 1
    n_chain = 0
    for k in range(n_kinds):
        lot = place_inplace[k, GRID_LOT]
        if n_chain == 0 or lot % place_inplace[n_chain - 1, GRID_LOT] == 0:
            for j in range(k, n_chain, -1):
                place_inplace[j, GRID_LOT] = place_inplace[j - 1, GRID_LOT]
            place_inplace[n_chain, GRID_LOT] = lot
            n_chain += 1
    for v in range(n):
        for k in range(n_kinds):
            if place_inplace[k, GRID_LOT] == place_inplace[v, LOT]:
                place_inplace[v, KIND] = k
    return n_kinds + PACKING * n_chain


@kernel("")
def open_windows(
    own_nano: Float64,
    start_units: Int64,
    step_nano: Float64,
    tally: Int64,
    down_units: int,
    n_kept: int,
    place_inplace: Int64,
) -> float:
    """Sets used venues of the first `n_kept` kinds back by `down_units` at most; gives what is left bought, in nano.

    TAKEN gets the units set back by kind, LOW the step at which each venue goes on, TRIAL_UNITS what it keeps.
    """
    base = 0.0
    n = place_inplace.shape[0] - 1
    for k in range(n + 1):
        place_inplace[k, TAKEN] = 0
    for v in range(n):
        place_inplace[v, TRIAL_UNITS] = 0
        cursor = place_inplace[v, CURSOR]
        if cursor < 0:
            continue
        lot, kind, floor_i = place_inplace[v, LOT], place_inplace[v, KIND], place_inplace[v, FLOOR]
        at = start_units[cursor]
        if v == tally[PART_VENUE]:
            at += tally[PART_UNITS] // lot * lot
        low = max(start_units[floor_i], at - down_units // lot * lot) if kind < n_kept else at
        while cursor > floor_i and start_units[cursor] > low:
            cursor -= 1
        base += own_nano[v, ENTRY_NANO] + step_nano[1, cursor]
        if low > start_units[cursor]:
            base += (low - start_units[cursor]) * step_nano[0, cursor]
        place_inplace[kind, TAKEN] += at - low
        place_inplace[v, TRIAL_UNITS] = low
        place_inplace[v, LOW] = cursor
    return base


@kernel("")
def gather_runs(
    start_units: Int64,
    step_nano: Float64,
    kind_i: int,
    room_units: int,
    pool_i: int,
    place_inplace: Int64,
    own_nano_inplace: Float64,
    out_run: Int64,
    out_run_nano: Float64,
) -> int:
    """Writes the steps above the windows' floors of the venues with one kind of lot, cheapest first, in items of a lot.

    Stops after `room_units`. Returns where the pool goes on.
    """
    n = place_inplace.shape[0] - 1
    for v in range(n):
        has_more = place_inplace[v, CURSOR] >= 0 and place_inplace[v, KIND] == kind_i
        has_more = has_more and place_inplace[v, TRIAL_UNITS] < place_inplace[v, MOST]
        own_nano_inplace[v, EDGE_NANO] = step_nano[0, place_inplace[v, LOW]] if has_more else np.inf
    lot = place_inplace[kind_i, GRID_LOT]
    left = room_units // lot
    pool = pool_i
    place_inplace[kind_i, OWN_START] = pool
    while left > 0:
        price, best_v = np.inf, -1
        for v in range(n):
            if own_nano_inplace[v, EDGE_NANO] < price:
                price, best_v = own_nano_inplace[v, EDGE_NANO], v
        if best_v < 0:
            break
        s = place_inplace[best_v, LOW]
        items = min((start_units[s + 1] - max(start_units[s], place_inplace[best_v, TRIAL_UNITS])) // lot, left)
        out_run[0, pool], out_run[1, pool], out_run_nano[pool] = items, best_v, price * lot
        left -= items
        pool += 1
        place_inplace[best_v, LOW] = s + 1
        own_nano_inplace[best_v, EDGE_NANO] = step_nano[0, s + 1] if s + 1 < place_inplace[best_v, END] else np.inf
    place_inplace[kind_i, OWN_STOP] = pool
    return pool


@kernel("")
def pack_runs(
    first_i: int,
    stop_i: int,
    n_skip: int,
    n_pack: int,
    pool_start_i: int,
    run_inplace: Int64,
    run_nano_inplace: Float64,
) -> int:
    """Writes the runs first_i..stop_i without their first `n_skip` in packs; gives the pool's new end.

    What fills no pack is left out.
    """
    pool_i = pool_start_i
    skip = n_skip
    part_items = 0
    part_nano = 0.0
    for i in range(first_i, stop_i):
        items = run_inplace[0, i]
        unit = run_nano_inplace[i]
        cut = min(skip, items)
        skip -= cut
        items -= cut
        if part_items > 0:
            cut = min(items, n_pack - part_items)
            part_items += cut
            part_nano += cut * unit
            items -= cut
            if part_items == n_pack:
                run_inplace[0, pool_i] = 1
                run_inplace[1, pool_i] = FROM_BELOW
                run_nano_inplace[pool_i] = part_nano
                pool_i += 1
                part_items = 0
                part_nano = 0.0
        if items >= n_pack:
            run_inplace[0, pool_i] = items // n_pack
            run_inplace[1, pool_i] = FROM_BELOW
            run_nano_inplace[pool_i] = unit * n_pack
            pool_i += 1
            items %= n_pack
        if items > 0:
            part_items = items
            part_nano = items * unit
    return pool_i


@kernel("")
def merge_runs(
    a_start_i: int,
    a_stop_i: int,
    b_start_i: int,
    b_stop_i: int,
    b_source_i: int,
    pool_start_i: int,
    run_inplace: Int64,
    nano_inplace: Float64,
) -> int:
    """Writes two sorted lists of runs as one, the second's marked with `b_source_i`; gives the pool's new end."""
    a, b, pool_i = a_start_i, b_start_i, pool_start_i
    while a < a_stop_i or b < b_stop_i:
        is_a = b >= b_stop_i or (a < a_stop_i and nano_inplace[a] <= nano_inplace[b])
        i = a if is_a else b
        run_inplace[0, pool_i] = run_inplace[0, i]
        run_inplace[1, pool_i] = run_inplace[1, i] if is_a else b_source_i
        nano_inplace[pool_i] = nano_inplace[i]
        pool_i += 1
        if is_a:
            a += 1
        else:
            b += 1
    return pool_i


@kernel("")
def first_items_nano(run: Int64, run_nano: Float64, first_i: int, stop_i: int, n_items: int) -> float:
    """What the first `n_items` of the runs cost; inf if there are fewer."""
    total = 0.0
    left = n_items
    for i in range(first_i, stop_i):
        if left <= 0:
            break
        take = min(left, run[0, i])
        total += take * run_nano[i]
        left -= take
    return total if left <= 0 else np.inf
