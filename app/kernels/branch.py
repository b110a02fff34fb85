"""Branch and bound over which venues are used: exact splits in whole lots with fixed costs and minimums.

A node is a state of every venue (free, in, out); its bound is the relaxation's value. Where the relaxation decides
every free venue by itself, the last lots are settled exactly, and the free venues whose opposite could still pay are
flipped one by one. No clock: a budget of nodes ends the search, and what was not looked at keeps its bound.
Source: docs/kernels.md#exact. The arrays are those of kernels/ladder.py.
"""

# ruff: noqa: PLR0917 - a kernel takes flat arrays by position: Numba has no cheaper way to group them

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from app.kernels.jit import SOON, kernel
from app.kernels.ladder import (
    BEST_UNITS,
    BLIND_NODES,
    BOUND_NANO,
    BY_MOST,
    CURSOR,
    END,
    ENOUGH_NANO,
    ENTRY_NANO,
    FLIP_NANO,
    FLOOR,
    FRAME_NANO,
    FRAME_STATE,
    FRAME_TRAIL,
    FRAME_VENUE,
    FREE,
    HAS_PLAN,
    IN,
    IS_BOUNDED,
    IS_CHOICE,
    IS_COMPLETE,
    IS_EXACT,
    LEAST,
    LEAST_NANO,
    LOT,
    MAX_NODES,
    MOST,
    N_ALLOWED,
    N_FRAMES,
    N_NODES,
    N_TRAIL,
    OUT,
    PART_UNITS,
    PART_VENUE,
    PRICE_NANO,
    ROOT_NANO,
    ROOT_STATE,
    STATE,
    TANGENT,
    TARGET_UNITS,
    TIE_NANO,
    TRAIL,
    TRIAL_UNITS,
    VALUE_NANO,
    VENUE_NANO,
    lay_tangents,
)
from app.kernels.relax import climb, relax
from app.kernels.remainder import settle_lots

Int64 = npt.NDArray[np.int64]
Float64 = npt.NDArray[np.float64]

# The price of a venue is found to a thousandth, which costs the bound next to nothing.
PRICE_SLACK: Final = 1e-3
# Plans whose costs differ by less than this share of the order's money are the same plan: floats know no better.
TIE_FRAC: Final = 1e-12


@kernel("")
def price_venues(
    start_units: Int64,
    step_nano: Float64,
    place_inplace: Int64,
    own_nano_inplace: Float64,
    tally: Int64,
    span_inplace: Float64,
    best_nano_inplace: Float64,
) -> bool:
    """One step of the search for the price of using one of a bounded number of venues; True where it is found.

    Reads a relaxation made at VENUE_NANO; span_inplace, float64[2]: prices known to be too low and high enough. Any
    price gives a true bound, the one that lets about the allowed number be used gives the best.
    """
    n_used = 0.0
    for v in range(place_inplace.shape[0] - 1):
        if place_inplace[v, CURSOR] >= 0:
            n_used += 1.0
    v = tally[PART_VENUE]
    if v >= 0 and place_inplace[v, CURSOR] < 0:
        n_used += tally[PART_UNITS] / start_units[place_inplace[v, TANGENT]]
    at = best_nano_inplace[VENUE_NANO]
    if n_used <= tally[N_ALLOWED]:
        span_inplace[1] = at
    else:
        span_inplace[0] = at
    low, high = span_inplace[0], span_inplace[1]
    if high - low <= PRICE_SLACK * high:
        return True
    price = 0.5 * (low + high)
    if not np.isfinite(high):
        money = abs(best_nano_inplace[PRICE_NANO]) * tally[TARGET_UNITS]
        price = max(4.0 * low, 1e-5 * money / tally[N_ALLOWED])
        if price > money * 1e6 or price <= 0.0:
            return True
    lay_tangents(start_units, step_nano, price - at, place_inplace, own_nano_inplace)
    best_nano_inplace[VENUE_NANO] = price
    return False


@kernel("")
def enter_node(own_nano: Float64, best_nano: Float64, place_inplace: Int64, tally_inplace: Int64) -> bool:
    """Bars what the root or the states rule out by now, and says whether the states can still reach the target."""
    n = place_inplace.shape[0] - 1
    allowed = best_nano[LEAST_NANO] - best_nano[TIE_NANO]
    n_trail = tally_inplace[N_TRAIL]
    left, n_more = tally_inplace[TARGET_UNITS], tally_inplace[N_ALLOWED]
    for v in range(n):
        if place_inplace[v, STATE] == FREE and tally_inplace[N_NODES] > 1 and own_nano[v, ROOT_NANO] >= allowed:
            place_inplace[v, STATE] = place_inplace[v, ROOT_STATE]
            place_inplace[n_trail, TRAIL] = v
            n_trail += 1
        if place_inplace[v, STATE] == IN and place_inplace[v, IS_CHOICE] == 1:
            left -= place_inplace[v, LEAST]
            n_more -= 1
    is_open = left >= 0 and n_more >= 0
    reach, n_counted = 0, 0
    for k in range(n):
        v = place_inplace[k, BY_MOST]
        if place_inplace[v, STATE] == IN:
            reach += place_inplace[v, MOST]
        elif is_open and place_inplace[v, STATE] == FREE:
            if place_inplace[v, LEAST] > left or n_more == 0:
                place_inplace[v, STATE] = OUT
                place_inplace[n_trail, TRAIL] = v
                n_trail += 1
            elif n_counted < n_more:
                reach += place_inplace[v, MOST]
                n_counted += 1
    tally_inplace[N_TRAIL] = n_trail
    return bool(is_open and reach >= tally_inplace[TARGET_UNITS])


@kernel("")
def read_plan(start_units: Int64, tally: Int64, place_inplace: Int64) -> bool:
    """Writes the relaxation's own units to TRIAL_UNITS; False where its part is no whole number of lots."""
    venue_i = tally[PART_VENUE]
    if venue_i >= 0 and tally[PART_UNITS] % place_inplace[venue_i, LOT] != 0:
        return False
    for v in range(place_inplace.shape[0] - 1):
        cursor = place_inplace[v, CURSOR]
        place_inplace[v, TRIAL_UNITS] = start_units[cursor] if cursor >= 0 else 0
    if venue_i >= 0:
        place_inplace[venue_i, TRIAL_UNITS] += tally[PART_UNITS]
    return True


@kernel("")
def keep_plan(cost_nano: float, place_inplace: Int64, tally_inplace: Int64, best_nano_inplace: Float64) -> int:
    """Keeps the tried plan if it is the cheapest so far; `cost_nano` still holds the price of venues. Returns OK."""
    n = place_inplace.shape[0] - 1
    n_used = 0
    for v in range(n):
        if place_inplace[v, TRIAL_UNITS] > 0 and place_inplace[v, IS_CHOICE] == 1:
            n_used += 1
    cost = cost_nano - best_nano_inplace[VENUE_NANO] * n_used
    if n_used <= tally_inplace[N_ALLOWED] and cost < best_nano_inplace[LEAST_NANO]:
        best_nano_inplace[LEAST_NANO] = cost
        tally_inplace[HAS_PLAN] = 1
        for v in range(n):
            place_inplace[v, BEST_UNITS] = place_inplace[v, TRIAL_UNITS]
    return 0


@kernel("")
def spread_flips(
    start_units: Int64,
    step_nano: Float64,
    bound_nano: float,
    split_i: int,
    best_nano: Float64,
    place_inplace: Int64,
    own_nano_inplace: Float64,
    tally_inplace: Int64,
) -> int:
    """Decides each free venue whose opposite cannot beat the best plan, and leaves frames for the other opposites.

    A flip costs at least what the venue gains at the marginal price. split_i: the venue that the relaxation uses in
    part, which alone gets a frame and a state then; -1: each free venue gets a frame, those before it kept, the dearest
    first and so looked at last. Returns OK.
    """
    n = place_inplace.shape[0] - 1
    allowed, price = best_nano[LEAST_NANO] - best_nano[TIE_NANO], best_nano[PRICE_NANO]
    n_free, n_trail, n_frames = 0, tally_inplace[N_TRAIL], tally_inplace[N_FRAMES]
    for v in range(n):
        own_nano_inplace[v, FLIP_NANO] = -1.0
        if place_inplace[v, STATE] != FREE:
            continue
        cursor, flip = place_inplace[v, CURSOR], 0.0
        kept = IN if cursor >= 0 else OUT
        if v != split_i:
            if cursor < 0:
                cursor = climb(step_nano, place_inplace[v, FLOOR], place_inplace[v, END], price)
            flip = own_nano_inplace[v, ENTRY_NANO] + step_nano[1, cursor] - price * start_units[cursor]
            flip = max(0.0, -flip if kept == IN else flip)
        if tally_inplace[N_NODES] == 1:
            own_nano_inplace[v, ROOT_NANO] = bound_nano + flip
            place_inplace[v, ROOT_STATE] = kept
        if v != split_i and bound_nano + flip >= allowed:
            place_inplace[v, STATE] = kept
            place_inplace[n_trail, TRAIL] = v
            n_trail += 1
        elif split_i < 0 or v == split_i:
            own_nano_inplace[v, FLIP_NANO] = flip
            n_free += 1
    for _ in range(n_free):
        dearest, best_v = -1.0, -1
        for v in range(n):
            if own_nano_inplace[v, FLIP_NANO] > dearest:
                dearest, best_v = own_nano_inplace[v, FLIP_NANO], v
        own_nano_inplace[best_v, FLIP_NANO] = -1.0
        is_in = place_inplace[best_v, CURSOR] >= 0
        if best_v == split_i:
            is_in = 2 * tally_inplace[PART_UNITS] >= start_units[place_inplace[best_v, TANGENT]]
        place_inplace[n_frames, FRAME_VENUE] = best_v
        place_inplace[n_frames, FRAME_STATE] = OUT if is_in else IN
        place_inplace[n_frames, FRAME_TRAIL] = n_trail
        own_nano_inplace[n_frames, FRAME_NANO] = bound_nano + dearest
        place_inplace[best_v, STATE] = IN if is_in else OUT
        place_inplace[n_trail, TRAIL] = best_v
        n_frames, n_trail = n_frames + 1, n_trail + 1
    tally_inplace[N_TRAIL], tally_inplace[N_FRAMES] = n_trail, n_frames
    return 0


@kernel("")
def go_back(own_nano: Float64, best_nano: Float64, place_inplace: Int64, tally_inplace: Int64) -> float:
    """Goes back to the last frame that may still hold something cheaper; gives its bound, inf where there is none."""
    n_trail, depth = tally_inplace[N_TRAIL], tally_inplace[N_FRAMES]
    while depth > 0:
        depth -= 1
        while n_trail > place_inplace[depth, FRAME_TRAIL]:
            n_trail -= 1
            place_inplace[place_inplace[n_trail, TRAIL], STATE] = FREE
        bound = own_nano[depth, FRAME_NANO]
        if bound < best_nano[LEAST_NANO] - best_nano[TIE_NANO]:
            v = place_inplace[depth, FRAME_VENUE]
            place_inplace[v, STATE] = place_inplace[depth, FRAME_STATE]
            place_inplace[n_trail, TRAIL] = v
            tally_inplace[N_TRAIL], tally_inplace[N_FRAMES] = n_trail + 1, depth
            return float(bound)
    tally_inplace[N_TRAIL], tally_inplace[N_FRAMES] = n_trail, 0
    return np.inf


@kernel(
    "int64(int64[::1], float64[:,::1], int64[:,::1], float64[:,::1], int64[:,::1], float64[::1], int64[::1],"
    " float64[::1])",
    SOON,
    allocates=True,
)
def search_splits(
    start_units: Int64,
    step_nano: Float64,
    place_inplace: Int64,
    own_nano_inplace: Float64,
    run_inplace: Int64,
    run_nano_inplace: Float64,
    tally_inplace: Int64,
    best_nano_inplace: Float64,
) -> int:
    """Looks at nodes, depth first, until none is left, the best is good enough or MAX_NODES are seen. Returns OK.

    The arrays as lay_split or lay_volume left them; run_inplace: int64[2, pool], run_nano_inplace: float64[pool],
    scratch. Without any plan the search ends at BLIND_NODES. Written: BEST_UNITS and LEAST_NANO of the best plan
    (HAS_PLAN), BOUND_NANO below every plan, IS_COMPLETE where nothing was left out. Source: docs/kernels.md#exact.
    """
    span = np.array([0.0, np.inf])
    bound, is_open = -np.inf, tally_inplace[TARGET_UNITS] > 0
    is_pricing = tally_inplace[IS_BOUNDED] == 1
    while is_open and best_nano_inplace[LEAST_NANO] > best_nano_inplace[ENOUGH_NANO]:
        if tally_inplace[N_NODES] >= tally_inplace[MAX_NODES if tally_inplace[HAS_PLAN] == 1 else BLIND_NODES]:
            break
        tally_inplace[N_NODES] += 0 if is_pricing else 1
        goes_on = is_pricing or enter_node(own_nano_inplace, best_nano_inplace, place_inplace, tally_inplace)
        goes_on = goes_on and relax(
            start_units, step_nano, place_inplace, own_nano_inplace, tally_inplace, best_nano_inplace
        )
        if is_pricing:
            is_pricing = goes_on and not price_venues(
                start_units, step_nano, place_inplace, own_nano_inplace, tally_inplace, span, best_nano_inplace
            )
            continue
        if tally_inplace[N_NODES] == 1 and best_nano_inplace[TIE_NANO] == 0.0:
            best_nano_inplace[TIE_NANO] = TIE_FRAC * abs(best_nano_inplace[PRICE_NANO]) * tally_inplace[TARGET_UNITS]
        split = tally_inplace[PART_VENUE]
        if goes_on:
            bound = best_nano_inplace[VALUE_NANO] - best_nano_inplace[VENUE_NANO] * tally_inplace[N_ALLOWED]
            goes_on = bound < best_nano_inplace[LEAST_NANO] - best_nano_inplace[TIE_NANO]
        if goes_on and (split < 0 or place_inplace[split, STATE] != FREE or place_inplace[split, CURSOR] >= 0):
            split = -1
            tally_inplace[IS_EXACT] = 1
            value = best_nano_inplace[VALUE_NANO]
            if not read_plan(start_units, tally_inplace, place_inplace):
                value = settle_lots(
                    start_units, step_nano, place_inplace, own_nano_inplace, run_inplace, run_nano_inplace,
                    tally_inplace,
                )  # fmt: skip
            keep_plan(value, place_inplace, tally_inplace, best_nano_inplace)
            if tally_inplace[IS_EXACT] == 0:
                best_nano_inplace[BOUND_NANO] = min(best_nano_inplace[BOUND_NANO], bound)
            goes_on = bound < best_nano_inplace[LEAST_NANO] - best_nano_inplace[TIE_NANO]
        if goes_on:
            spread_flips(
                start_units, step_nano, bound, split, best_nano_inplace, place_inplace, own_nano_inplace, tally_inplace
            )
        if not goes_on or split < 0:
            bound = go_back(own_nano_inplace, best_nano_inplace, place_inplace, tally_inplace)
            is_open = bound < np.inf
    tally_inplace[IS_COMPLETE] = 0 if is_open else 1
    least = best_nano_inplace[LEAST_NANO] - best_nano_inplace[TIE_NANO]
    best_nano_inplace[BOUND_NANO] = min(best_nano_inplace[BOUND_NANO], least)
    if is_open:
        best_nano_inplace[BOUND_NANO] = min(best_nano_inplace[BOUND_NANO], bound)
        for depth in range(tally_inplace[N_FRAMES]):
            best_nano_inplace[BOUND_NANO] = min(best_nano_inplace[BOUND_NANO], own_nano_inplace[depth, FRAME_NANO])
    return 0
