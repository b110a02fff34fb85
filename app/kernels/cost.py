"""Money of levels: the all-in unit cost in floats to search by, and exact int64 money to settle by.

`terms` is int64[n_venues, N_TERMS], one row a venue. `rule` is int64[N_RULES], the symbol's money as integers:
a trade's gross money is price x qty x num / den, or qty x num / (price x den) for an inverse contract, in nano,
rounded half to even. Callers promise that no product leaves int64 (RouteProblem.is_narrow).
"""

# ruff: noqa: PLR0917 - a kernel takes flat arrays by position: Numba has no cheaper way to group them

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from app.kernels.jit import kernel
from app.kernels.status import OK

Int64 = npt.NDArray[np.int64]
Float64 = npt.NDArray[np.float64]

# Columns of `terms`. LIMIT is the cap rounded to the venue's tick (0: none); CAPACITY -1 means that MAX_UNITS holds it.
FEE_PPM: Final = 0
FIXED_NANO: Final = 1
LOT_UNITS: Final = 2
TICK_UNITS: Final = 3
MIN_UNITS: Final = 4
MIN_NOTIONAL_NANO: Final = 5
MAX_UNITS: Final = 6
CAPACITY_NANO: Final = 7
LIMIT_UNITS: Final = 8
USABLE_UNITS: Final = 9
CEILING_UNITS: Final = 10
N_TERMS: Final = 11

# Entries of `rule`. SIDE is +1 buy, -1 sell; SIGN is +1 where money is a cost; AT_LIMIT judges at the cap's price.
SIDE: Final = 0
SIGN: Final = 1
NUM: Final = 2
DEN: Final = 3
IS_INVERSE: Final = 4
AT_LIMIT: Final = 5
N_RULES: Final = 6

PPM: Final = 1_000_000


@kernel("")
def money_of(price_units: int, qty_units: int, rule: Int64) -> int:
    """Gross money of one trade in nano, half to even; all products must fit int64."""
    if rule[IS_INVERSE] != 0:
        top = qty_units * rule[NUM]
        bottom = price_units * rule[DEN]
    else:
        top = price_units * qty_units * rule[NUM]
        bottom = rule[DEN]
    if bottom == 1:
        return int(top)
    quotient = top // bottom
    twice = 2 * (top - quotient * bottom)
    if twice > bottom or (twice == bottom and (quotient & 1) == 1):
        quotient += 1
    return int(quotient)


@kernel("")
def fee_of(money_nano: int, fee_ppm: int) -> int:
    """Fee on money, rounded up to 1e-9; split at a million so that the product stays in int64."""
    whole = money_nano // PPM
    part = (money_nano - whole * PPM) * fee_ppm
    return whole * fee_ppm - ((-part) // PPM)


@kernel(
    "int64(int64[:,:,::1], int64[:,:,::1], int64[:,::1], int64[::1], int64[:,::1], int64[::1], float64,"
    " int64[::1], int64[::1], float64[::1], int64[::1], int64[:,::1], float64[::1])"
)
def lay_levels(
    price_units: Int64,
    qty_units: Int64,
    n_levels: Int64,
    rows: Int64,
    terms: Int64,
    rule: Int64,
    ratio: float,
    out_price_units: Int64,
    out_qty_units: Int64,
    out_unit_nano: Float64,
    out_first: Int64,
    out_seen: Int64,
    out_reach: Float64,
) -> int:
    """Lays the routed side of the chosen venues flat, cut at each venue's limit, with the all-in unit cost of a level.

    price_units, qty_units: int64[n_books, 2, depth]; n_levels: int64[n_books, 2]; rows: int64[n], books in use.
    ratio: money nano of one quantity unit at price 1 (inverse: times the price).
    out_price_units, out_qty_units: int64[>= all levels], out_unit_nano: float64 of the same size, written.
    out_first: int64[n + 1], written: venue v owns levels out_first[v] .. out_first[v + 1].
    out_seen: int64[n, 2], written: own touch, and levels cut by the limit.
    out_reach: float64[5], written: highest price, lowest price, all units laid, best bid, best ask (0: none).
    Returns OK. Source: docs/kernels.md#all-in-cost.
    """
    side = rule[SIDE]
    side_i = 1 if side > 0 else 0
    level_i = 0
    highest, lowest, depth, best_bid, best_ask = 0.0, np.inf, 0.0, 0.0, 0.0
    for v in range(rows.size):
        out_first[v] = level_i
        row = rows[v]
        fee_factor = rule[SIGN] + terms[v, FEE_PPM] * 1e-6
        limit = terms[v, LIMIT_UNITS]
        if n_levels[row, 0] > 0:
            best_bid = max(best_bid, float(price_units[row, 0, 0]))
        if n_levels[row, 1] > 0:
            ask = float(price_units[row, 1, 0])
            best_ask = ask if best_ask == 0.0 else min(best_ask, ask)
        count = n_levels[row, side_i]
        out_seen[v, 0] = price_units[row, side_i, 0]
        out_seen[v, 1] = 0
        for i in range(count):
            price = price_units[row, side_i, i]
            if limit > 0 and (price - limit) * side > 0:
                out_seen[v, 1] = count - i
                break
            out_price_units[level_i] = price
            out_qty_units[level_i] = qty_units[row, side_i, i]
            money = ratio / price if rule[IS_INVERSE] != 0 else ratio * price
            out_unit_nano[level_i] = money * fee_factor
            depth += qty_units[row, side_i, i]
            highest = max(highest, float(price))
            lowest = min(lowest, float(price))
            level_i += 1
    out_first[rows.size] = level_i
    out_reach[0], out_reach[1], out_reach[2], out_reach[3], out_reach[4] = highest, lowest, depth, best_bid, best_ask
    return OK


@kernel("")
def judged_price(price_units: int, limit_units: int, tick_units: int, rule: Int64) -> int:
    """The price a venue sees on a child whose worst level is `price_units`: its own tick, or the cap."""
    if rule[AT_LIMIT] != 0 and limit_units > 0:
        return limit_units
    if rule[SIDE] > 0:
        return -(-price_units // tick_units) * tick_units
    return price_units // tick_units * tick_units


@kernel("int64(int64[::1], int64[::1], int64[::1], int64[:,::1], int64[::1], int64[::1])")
def size_venues(
    first: Int64, price_units: Int64, qty_units: Int64, terms_inplace: Int64, rule: Int64, out_room_units: Int64
) -> int:
    """Sets each venue's least and most units: MIN_UNITS raised by the least notional, USABLE_UNITS by every ceiling.

    Both become whole lots; CEILING_UNITS is the most before lots, for the relaxation. A buyer's child must be paid at
    the price it is sent with, so a quote capacity's ceiling is searched level by level; a seller's least notional is
    judged at the worst price walked. out_room_units: int64[n], written: USABLE_UNITS, or 0 where below MIN_UNITS.
    Returns OK.
    Source: docs/kernels.md#sizes.
    """
    side = rule[SIDE]
    for v in range(first.size - 1):
        lot = terms_inplace[v, LOT_UNITS]
        tick = terms_inplace[v, TICK_UNITS]
        limit = terms_inplace[v, LIMIT_UNITS]
        capacity = terms_inplace[v, CAPACITY_NANO]
        least_notional = terms_inplace[v, MIN_NOTIONAL_NANO]
        fee_ppm = max(terms_inplace[v, FEE_PPM], 0)
        fixed = terms_inplace[v, FIXED_NANO]
        least = terms_inplace[v, MIN_UNITS]
        most = 0
        depth = 0
        is_open = True
        for i in range(first[v], first[v + 1]):
            price = judged_price(price_units[i], limit, tick, rule)
            if least_notional > 0 and rule[IS_INVERSE] == 0 and (side < 0 or i == first[v]):
                at = price if side < 0 else price_units[i]
                needed = -((-least_notional * rule[DEN]) // (max(at, 1) * rule[NUM]))
                if depth + 1 < needed:
                    least = max(least, needed)
            depth += qty_units[i]
            if is_open and capacity >= 0:
                # A seller's margin is judged at the best price, a buyer's at the price of the child.
                price = price if side > 0 else price_units[first[v]]
                money = money_of(price, depth, rule)
                if money + fee_of(money, fee_ppm) + fixed <= capacity:
                    most = depth
                    continue
                low, high = 0, depth
                while low < high:
                    middle = (low + high + 1) // 2
                    money = money_of(price, middle, rule)
                    if money + fee_of(money, fee_ppm) + fixed <= capacity:
                        low = middle
                    else:
                        high = middle - 1
                most = max(most, low)
                is_open = False
        if capacity < 0:
            most = depth
        most = min(most, terms_inplace[v, MAX_UNITS])
        terms_inplace[v, CEILING_UNITS] = most
        terms_inplace[v, USABLE_UNITS] = most // lot * lot
        terms_inplace[v, MIN_UNITS] = -(-least // lot) * lot
        is_enough = terms_inplace[v, USABLE_UNITS] >= terms_inplace[v, MIN_UNITS]
        out_room_units[v] = terms_inplace[v, USABLE_UNITS] if is_enough else 0
    return OK


@kernel(
    "int64(int64[::1], int64[::1], int64[::1], int64[:,::1], int64[::1], int64[:,::1], int64[:,:,::1], int64[:,::1])"
)
def walk_plans(
    first: Int64,
    price_units: Int64,
    qty_units: Int64,
    terms: Int64,
    rule: Int64,
    units: Int64,
    out_walk: Int64,
    out_total: Int64,
) -> int:
    """Exact cost of plans on the seen book: each venue's units walked level by level.

    units: int64[n_plans, n]. out_walk: int64[n_plans, n, 4], written: money nano, fee nano, worst price units,
    levels read; a venue asked for more than its levels hold gets -1 levels. out_total: int64[n_plans, 5], written:
    objective nano, money nano, units, venues used, and 1 where every venue's sizes are kept. Returns OK.
    """
    for plan_i in range(units.shape[0]):
        objective, gross, total, n_used, is_sound = 0, 0, 0, 0, 1
        for v in range(first.size - 1):
            asked = units[plan_i, v]
            left = asked
            money = 0
            worst = 0
            n_read = 0
            i = first[v]
            while left > 0 and i < first[v + 1]:
                take = min(left, qty_units[i])
                worst = price_units[i]
                money += money_of(worst, take, rule)
                left -= take
                n_read += 1
                i += 1
            fee = fee_of(money, terms[v, FEE_PPM])
            out_walk[plan_i, v, 0] = money
            out_walk[plan_i, v, 1] = fee
            out_walk[plan_i, v, 2] = worst
            out_walk[plan_i, v, 3] = n_read if left <= 0 else -1
            if asked == 0:
                continue
            objective += rule[SIGN] * money + fee + terms[v, FIXED_NANO]
            gross += money
            total += asked
            n_used += 1
            is_whole = asked % terms[v, LOT_UNITS] == 0 and left <= 0
            if not is_whole or asked < terms[v, MIN_UNITS] or asked > terms[v, USABLE_UNITS]:
                is_sound = 0
        out_total[plan_i, 0] = objective
        out_total[plan_i, 1] = gross
        out_total[plan_i, 2] = total
        out_total[plan_i, 3] = n_used
        out_total[plan_i, 4] = is_sound
    return OK
