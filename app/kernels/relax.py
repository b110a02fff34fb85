"""The relaxation of one node of the search: every venue's cost made convex, all merged at one marginal price."""

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
    FLAT_NANO,
    FLOOR,
    FREE,
    IN,
    NO_CURSOR,
    OUT,
    PART_UNITS,
    PART_VENUE,
    PRICE_NANO,
    STATE,
    TANGENT,
    TARGET_UNITS,
    VALUE_NANO,
)

Int64 = npt.NDArray[np.int64]
Float64 = npt.NDArray[np.float64]

# Enough to come near the marginal price from the whole range of prices; the merge walks the rest step by step.
N_HALVINGS: Final = 24


@kernel("")
def climb(step_nano: Float64, low_i: int, high_i: int, price_nano: float) -> int:
    """The first step from `low_i` on that is not cheaper than `price_nano`; `high_i` is the sentinel."""
    low, high = low_i, high_i
    while low < high:
        middle = (low + high) >> 1
        if step_nano[0, middle] < price_nano:
            low = middle + 1
        else:
            high = middle
    return low


@kernel("")
def supply(
    own_nano: Float64,
    start_units: Int64,
    step_nano: Float64,
    target_units: int,
    place_inplace: Int64,
    best_nano_inplace: Float64,
) -> int:
    """Units cheaper than PRICE_NANO over all venues, less the target; leaves each venue's cursor behind them.

    PRICE_NANO of NaN becomes one near the marginal price, found by halving.
    """
    n = place_inplace.shape[0] - 1
    price = best_nano_inplace[PRICE_NANO]
    low, high, n_left = price, price, 0
    if np.isnan(price):
        low, high, n_left = np.inf, -np.inf, N_HALVINGS
        for v in range(n):
            floor, end = place_inplace[v, FLOOR], place_inplace[v, END]
            if place_inplace[v, STATE] == FREE:
                low, high = min(low, own_nano[v, FLAT_NANO]), max(high, own_nano[v, FLAT_NANO])
            if place_inplace[v, STATE] != OUT and floor < end:
                low, high = min(low, step_nano[0, floor]), max(high, step_nano[0, end - 1])
        price = 0.5 * (low + high) if low <= high else 0.0
    while True:
        total = -target_units
        for v in range(n):
            state = place_inplace[v, STATE]
            cursor = NO_CURSOR
            if state == IN or (state == FREE and own_nano[v, FLAT_NANO] < price):
                floor = place_inplace[v, FLOOR] if state == IN else place_inplace[v, TANGENT]
                cursor = climb(step_nano, floor, place_inplace[v, END], price)
                total += start_units[cursor]
            place_inplace[v, CURSOR] = cursor
        if n_left == 0 or total == 0:
            best_nano_inplace[PRICE_NANO] = price
            return total
        low, high = (low, price) if total > 0 else (price, high)
        price = 0.5 * (low + high)
        n_left -= 1


@kernel("")
def fill_up(
    start_units: Int64,
    step_nano: Float64,
    missing_units: int,
    place_inplace: Int64,
    own_nano_inplace: Float64,
    out_tally: Int64,
) -> float:
    """Takes the cheapest next steps until `missing_units` are there; gives the marginal price, or inf."""
    n = place_inplace.shape[0] - 1
    missing = missing_units
    for v in range(n):
        cursor = place_inplace[v, CURSOR]
        flat = own_nano_inplace[v, FLAT_NANO] if place_inplace[v, STATE] == FREE else np.inf
        own_nano_inplace[v, EDGE_NANO] = step_nano[0, cursor] if cursor >= 0 else flat
    while True:
        price, best_v = np.inf, -1
        for v in range(n):
            if own_nano_inplace[v, EDGE_NANO] < price:
                price, best_v = own_nano_inplace[v, EDGE_NANO], v
        if best_v < 0:
            return np.inf
        cursor = place_inplace[best_v, CURSOR]
        after = cursor + 1 if cursor >= 0 else place_inplace[best_v, TANGENT]
        size = start_units[after] - (start_units[cursor] if cursor >= 0 else 0)
        if size > missing:
            out_tally[PART_VENUE], out_tally[PART_UNITS] = best_v, missing
            return price
        missing -= size
        place_inplace[best_v, CURSOR] = after
        own_nano_inplace[best_v, EDGE_NANO] = step_nano[0, after]
        if missing == 0:
            return price


@kernel("")
def take_back(
    start_units: Int64,
    step_nano: Float64,
    excess_units: int,
    place_inplace: Int64,
    own_nano: Float64,
    out_tally: Int64,
) -> float:
    """Gives back the dearest steps until `excess_units` are gone; gives the marginal price, or -inf."""
    excess = excess_units
    while True:
        price, best_v, best_flat = -np.inf, -1, False
        for v in range(place_inplace.shape[0] - 1):
            cursor = place_inplace[v, CURSOR]
            if cursor < 0:
                continue
            is_free = place_inplace[v, STATE] == FREE
            is_flat = is_free and cursor == place_inplace[v, TANGENT]
            if not is_free and cursor == place_inplace[v, FLOOR]:
                continue
            edge = own_nano[v, FLAT_NANO] if is_flat else step_nano[0, cursor - 1]
            if edge > price:
                price, best_v, best_flat = edge, v, is_flat
        if best_v < 0:
            return -np.inf
        cursor = place_inplace[best_v, CURSOR]
        excess -= start_units[cursor] - (0 if best_flat else start_units[cursor - 1])
        place_inplace[best_v, CURSOR] = NO_CURSOR if best_flat else cursor - 1
        if excess <= 0:
            if excess < 0:
                out_tally[PART_VENUE], out_tally[PART_UNITS] = best_v, -excess
            return price


@kernel("")
def relax(
    start_units: Int64,
    step_nano: Float64,
    place_inplace: Int64,
    own_nano_inplace: Float64,
    tally_inplace: Int64,
    best_nano_inplace: Float64,
) -> bool:
    """Merges the convex costs of all venues in their states to exactly the target; whether that is possible.

    Starts at PRICE_NANO (NaN: anywhere). Writes cursors, PART_VENUE, PART_UNITS, VALUE_NANO and PRICE_NANO.
    """
    tally_inplace[PART_VENUE], tally_inplace[PART_UNITS] = -1, 0
    target = tally_inplace[TARGET_UNITS]
    excess = supply(own_nano_inplace, start_units, step_nano, target, place_inplace, best_nano_inplace)
    price = best_nano_inplace[PRICE_NANO]
    if excess < 0:
        price = fill_up(start_units, step_nano, -excess, place_inplace, own_nano_inplace, tally_inplace)
    elif excess > 0:
        price = take_back(start_units, step_nano, excess, place_inplace, own_nano_inplace, tally_inplace)
    if not np.isfinite(price):
        return False
    value = tally_inplace[PART_UNITS] * price
    for v in range(place_inplace.shape[0] - 1):
        cursor = place_inplace[v, CURSOR]
        if cursor >= 0:
            value += own_nano_inplace[v, ENTRY_NANO] + step_nano[1, cursor]
    best_nano_inplace[VALUE_NANO], best_nano_inplace[PRICE_NANO] = value, price
    return True
