"""Whole lots out of whole units: floors, then the remainder lot by lot where it is cheapest, the sum kept."""

# ruff: noqa: PLR0917 - a kernel takes flat arrays by position: Numba has no cheaper way to group them

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from app.kernels.cost import FIXED_NANO, LOT_UNITS, MIN_UNITS
from app.kernels.jit import kernel

Int64 = npt.NDArray[np.int64]
Float64 = npt.NDArray[np.float64]

# So many sizes of a venue are tried for one whose excess fits another's lots: lots beyond that rarely meet.
MOST_STEPS: Final = 16


@kernel("")
def span_cost(first: Int64, unit_nano: Float64, qty_units: Int64, v: int, start_units: int, stop_units: int) -> float:
    """Cost in nano of a venue's units from `start_units` to `stop_units` of its ladder."""
    cost = 0.0
    depth = 0
    prices, qtys = unit_nano[first[v] : first[v + 1]], qty_units[first[v] : first[v + 1]]
    for i in range(qtys.size):
        low = max(depth, start_units)
        depth += qtys[i]
        high = min(depth, stop_units)
        if high > low:
            cost += (high - low) * prices[i]
        if depth >= stop_units:
            break
    return cost


@kernel("")
def level_left(first: Int64, qty_units: Int64, v: int, at_units: int) -> int:
    """Units left in the level of venue `v` that holds the next unit after `at_units`."""
    depth = 0
    for i in range(first[v], first[v + 1]):
        depth += qty_units[i]
        if depth > at_units:
            return int(depth - at_units)
    return 0


@kernel("")
def common_lot(terms: Int64, room_units: Int64) -> int:
    """The greatest number that divides the lot of every venue with room; 0 without any."""
    common = 0
    for v in range(room_units.size):
        a, b = common, terms[v, LOT_UNITS] if room_units[v] > 0 else 0
        while b != 0:
            a, b = b, a % b
        common = a
    return int(common)


@kernel("")
def price_at(first: Int64, unit_nano: Float64, qty_units: Int64, v: int, at_units: int) -> float:
    """Cost in nano of the next unit of venue `v` after `at_units`; without end beyond its depth."""
    depth = 0
    for i in range(first[v], first[v + 1]):
        depth += qty_units[i]
        if depth > at_units:
            return float(unit_nano[i])
    return np.inf


@kernel("")
def swap_step(terms: Int64, room_units: Int64, units: Int64, left_units: int, v: int, other_i: int) -> int:
    """The least further units of venue `v` whose excess `other_i` can give up in its own lots; 0 for none."""
    lot, other, spare = terms[v, LOT_UNITS], terms[other_i, LOT_UNITS], units[other_i] - terms[other_i, MIN_UNITS]
    step = lot if units[v] > 0 else max(lot, terms[v, MIN_UNITS])
    most = min(room_units[v] - units[v], left_units + spare)
    for _ in range(MOST_STEPS):
        if step > most:
            break
        if step > left_units and (step - left_units) % other == 0:
            return int(step)
        step += lot
    return 0


@kernel("")
def swap_remainder(
    first: Int64,
    unit_nano: Float64,
    qty_units: Int64,
    terms: Int64,
    room_units: Int64,
    left_units: int,
    units_inplace: Int64,
    out_next_nano: Float64,
    out_last_nano: Float64,
) -> int:
    """Places a remainder smaller than any lot with room: some lots more at one venue, the excess off another one.

    A venue that is not used yet comes in only where the used ones cannot do it. out_next_nano, out_last_nano:
    float64[n], scratch: the prices of a venue's next and last unit. Returns what is still unplaced.
    """
    n = first.size - 1
    common = common_lot(terms, room_units)
    if common == 0 or left_units % common != 0:
        return left_units
    for v in range(n):
        out_next_nano[v] = price_at(first, unit_nano, qty_units, v, units_inplace[v])
        out_last_nano[v] = price_at(first, unit_nano, qty_units, v, max(units_inplace[v] - 1, 0))
    best = np.inf
    best_v, best_u, best_step = -1, -1, 0
    for is_new in range(2):
        for v in range(n):
            if (units_inplace[v] == 0) != (is_new == 1):
                continue
            for u in range(n):
                if u == v or units_inplace[u] == 0:
                    continue
                # Where the next unit of one is no cheaper than the last of the other, the smallest step costs least.
                lot, dearer = terms[v, LOT_UNITS], out_next_nano[v] - out_last_nano[u]
                if dearer >= 0.0 and dearer * lot + left_units * out_last_nano[u] >= best:
                    continue
                step = swap_step(terms, room_units, units_inplace, left_units, v, u)
                excess = step - left_units
                # No further unit is cheaper than the next, none that is given up dearer than the last.
                if step == 0 or step * out_next_nano[v] - excess * out_last_nano[u] >= best:
                    continue
                at, end = units_inplace[v], units_inplace[u]
                cost = span_cost(first, unit_nano, qty_units, v, at, at + step)
                cost -= span_cost(first, unit_nano, qty_units, u, end - excess, end)
                if at == 0:
                    cost += terms[v, FIXED_NANO]
                if cost < best:
                    best = cost
                    best_v, best_u, best_step = v, u, step
        if best_v >= 0:
            units_inplace[best_v] += best_step
            units_inplace[best_u] -= best_step - left_units
            return 0
    return left_units


@kernel("")
def n_below_minimum(terms: Int64, units: Int64) -> int:
    """How many venues were given something, yet less than their least."""
    n_low = 0
    for v in range(units.size):
        if 0 < units[v] < terms[v, MIN_UNITS]:
            n_low += 1
    return n_low


@kernel("int64(int64[::1], float64[::1], int64[::1], int64[:,::1], int64[::1], int64, int64[::1])", allocates=True)
def round_to_lots(
    first: Int64,
    unit_nano: Float64,
    qty_units: Int64,
    terms: Int64,
    room_units: Int64,
    target_units: int,
    units_inplace: Int64,
) -> int:
    """Turns wanted units into whole lots of each venue without exceeding the target.

    room_units: int64[n], most units per venue in whole lots, 0 bars it. units_inplace: int64[n], wanted units with
    a sum of at most `target_units`; becomes whole lots. Returns how many venues are left below their least.
    Source: docs/kernels.md#lots. Twin: tests/reference/lots.py.
    """
    n = first.size - 1
    left = target_units
    for v in range(n):
        lot = terms[v, LOT_UNITS]
        units_inplace[v] = min(units_inplace[v], room_units[v]) // lot * lot
        left -= units_inplace[v]
    # The price of each venue's next step, kept until the venue takes it: a negative step is not priced yet.
    step_units = np.empty(n, np.int64)
    step_nano = np.empty(n, np.float64)
    for v in range(n):
        step_units[v] = -1
    while left > 0:
        best = np.inf
        best_v = -1
        best_step = 0
        for v in range(n):
            at = units_inplace[v]
            step = terms[v, LOT_UNITS] if at > 0 else max(terms[v, LOT_UNITS], terms[v, MIN_UNITS])
            if step > left or at + step > room_units[v]:
                continue
            if step_units[v] < 0:
                cost = span_cost(first, unit_nano, qty_units, v, at, at + step)
                if at == 0:
                    cost += terms[v, FIXED_NANO]
                step_units[v] = step
                step_nano[v] = cost / step
            if step_nano[v] < best:
                best = step_nano[v]
                best_v = v
                best_step = step
        if best_v < 0:
            last_nano = np.empty(n, np.float64)
            swap_remainder(first, unit_nano, qty_units, terms, room_units, left, units_inplace, step_nano, last_nano)
            break
        lot = terms[best_v, LOT_UNITS]
        # As many more lots as the level still holds at the same price.
        more = min(level_left(first, qty_units, best_v, units_inplace[best_v]), left)
        more = min(more, room_units[best_v] - units_inplace[best_v]) // lot * lot
        step = max(best_step, more)
        units_inplace[best_v] += step
        step_units[best_v] = -1
        left -= step
    return int(n_below_minimum(terms, units_inplace))


@kernel("int64(int64[::1], float64[::1], int64[::1], int64[:,::1], int64[::1], int64, int64[::1])")
def fill_one_venue(
    first: Int64,
    unit_nano: Float64,
    qty_units: Int64,
    terms: Int64,
    room_units: Int64,
    target_units: int,
    out_units: Int64,
) -> int:
    """Gives all it can hold to the venue that holds the most of the target, the cheapest of those.

    room_units: int64[n]; out_units: int64[n], written. Returns the venue's index, or -1 where none can take anything.
    """
    best_v = -1
    best_units = 0
    best = np.inf
    for v in range(first.size - 1):
        out_units[v] = 0
        fits = min(target_units, room_units[v]) // terms[v, LOT_UNITS] * terms[v, LOT_UNITS]
        if fits <= 0 or fits < terms[v, MIN_UNITS] or fits < best_units:
            continue
        cost = span_cost(first, unit_nano, qty_units, v, 0, fits) + terms[v, FIXED_NANO]
        if fits > best_units or cost < best:
            best_v = v
            best_units = fits
            best = cost
    if best_v >= 0:
        out_units[best_v] = best_units
    return best_v


@kernel("int64(int64[::1], int64[::1], int64[::1], int64, int64[::1])")
def share_by_depth(first: Int64, qty_units: Int64, room_units: Int64, target_units: int, out_units: Int64) -> int:
    """Gives each venue the target's share of its displayed depth, rounded down. out_units: int64[n], written.

    room_units: int64[n], most units per venue; a depth beyond it does not count. Returns the units given.
    """
    n = first.size - 1
    total = 0.0
    for v in range(n):
        depth = 0
        qtys = qty_units[first[v] : first[v + 1]]
        for i in range(qtys.size):
            depth += qtys[i]
        out_units[v] = min(depth, room_units[v])
        total += out_units[v]
    left = target_units
    for v in range(n):
        if total > target_units:
            out_units[v] = int(target_units * (out_units[v] / total))
        out_units[v] = min(out_units[v], left)
        left -= out_units[v]
    return target_units - left
