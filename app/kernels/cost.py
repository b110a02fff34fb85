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

# Columns of `terms`. LIMIT is the worst price that may be sent (0: any, see pose.limit_of); CAPACITY -1 means that
# MAX_UNITS holds it; EST is what is believed of the venue's cost in ppm of money: it ranks and is in the bound, apart
# from the fee.
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
EST_PPM: Final = 11
N_TERMS: Final = 12

# Entries of `rule`. SIDE is +1 buy, -1 sell; SIGN is +1 where money is a cost; AT_LIMIT judges at the cap's price.
SIDE: Final = 0
SIGN: Final = 1
NUM: Final = 2
DEN: Final = 3
IS_INVERSE: Final = 4
AT_LIMIT: Final = 5
N_RULES: Final = 6

PPM: Final = 1_000_000
# Floats are exact to 53 bits only: products are judged a little above what they came to.
ABOVE: Final = 1.000001


@kernel("", inlined=True)
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


@kernel("", inlined=True)
def fee_of(money_nano: int, fee_ppm: int) -> int:
    """Fee on money, rounded up to 1e-9; split at a million so that the product stays in int64."""
    whole = money_nano // PPM
    part = (money_nano - whole * PPM) * fee_ppm
    return whole * fee_ppm - ((-part) // PPM)


@kernel("")
def believed_of(money_nano: int, fee_ppm: int, est_ppm: int) -> int:
    """The estimated part of a child's cost: what it adds to the fee, so that both together round up once."""
    return fee_of(money_nano, fee_ppm + est_ppm) - fee_of(money_nano, fee_ppm)


@kernel("")
def lay_side(
    price_units: Int64,
    qty_units: Int64,
    ratio: float,
    money_frac: float,
    n_levels: int,
    start: int,
    out_price_units: Int64,
    out_qty_units: Int64,
    out_unit_nano: Float64,
) -> int:
    """Copies the first levels of a side to `start`, each with its all-in unit cost: (ratio x price) x money_frac.

    One loop without a branch, which vectorises: places are unsigned, for a signed one is asked at each access whether
    it counts from the end. money_frac: what money counts, fee and estimate included. Returns the units copied.
    """
    depth = 0
    one, end = np.uint64(1), np.uint64(n_levels)
    i, at = np.uint64(0), np.uint64(start)
    while i < end:
        price, qty = price_units[i], qty_units[i]
        out_price_units[at] = price
        out_qty_units[at] = qty
        out_unit_nano[at] = (ratio * price) * money_frac
        depth += qty
        i += one
        at += one
    return int(depth)


@kernel("")
def n_within(price_units: Int64, n_levels: int, limit: int, side: int) -> int:
    """How many of a sorted side's first `n_levels` prices are not beyond the limit (0: none is)."""
    if limit == 0 or n_levels == 0 or (price_units[n_levels - 1] - limit) * side <= 0:
        return n_levels
    low, high = 0, n_levels - 1
    while low < high:
        middle = (low + high) // 2
        if (price_units[middle] - limit) * side > 0:
            high = middle
        else:
            low = middle + 1
    return low


@kernel("")
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
        factor = rule[SIGN] + (terms[v, FEE_PPM] + terms[v, EST_PPM]) * 1e-6
        if n_levels[row, 0] > 0:
            best_bid = max(best_bid, float(price_units[row, 0, 0]))
        if n_levels[row, 1] > 0:
            ask = float(price_units[row, 1, 0])
            best_ask = ask if best_ask == 0.0 else min(best_ask, ask)
        prices = price_units[row, side_i]
        count = n_within(prices, n_levels[row, side_i], terms[v, LIMIT_UNITS], side)
        out_seen[v, 0] = prices[0]
        out_seen[v, 1] = n_levels[row, side_i] - count
        if count == 0:
            continue
        qtys = qty_units[row, side_i]
        depth += lay_side(prices, qtys, ratio, factor, count, level_i, out_price_units, out_qty_units, out_unit_nano)
        if rule[IS_INVERSE] != 0:
            for i in range(count):
                out_unit_nano[level_i + i] = ratio / prices[i] * factor
        first_price, last_price = float(prices[0]), float(prices[count - 1])
        highest = max(highest, first_price, last_price)
        lowest = min(lowest, first_price, last_price)
        level_i += count
    out_first[rows.size] = level_i
    out_reach[0], out_reach[1], out_reach[2], out_reach[3], out_reach[4] = highest, lowest, depth, best_bid, best_ask
    return OK


@kernel("", inlined=True)
def judged_price(price_units: int, limit_units: int, tick_units: int, rule: Int64) -> int:
    """The price a venue sees on a child whose worst level is `price_units`: its own tick, or the cap."""
    if rule[AT_LIMIT] != 0 and limit_units > 0:
        return limit_units
    if rule[SIDE] > 0:
        return -(-price_units // tick_units) * tick_units
    return price_units // tick_units * tick_units


@kernel("")
def needed_units(price_units: int, notional_nano: int, rule: Int64) -> int:
    """Units whose notional at a price reaches `notional_nano`."""
    return int(-((-notional_nano * rule[DEN]) // (max(price_units, 1) * rule[NUM])))


@kernel("", inlined=True)
def is_payable(price_units: int, qty_units: int, row: Int64, rule: Int64) -> bool:
    """Whether a venue's capacity pays for money at a price with its fee and fixed cost."""
    money = money_of(price_units, qty_units, rule)
    return bool(money + fee_of(money, max(row[FEE_PPM], 0)) + row[FIXED_NANO] <= row[CAPACITY_NANO])


@kernel("", inlined=True)
def is_plainly_payable(price_units: float, qty_units: int, row: Int64, rule: Int64) -> bool:
    """Whether is_payable holds with room to spare: what floats and a rounding per level can err by is added."""
    money = price_units * qty_units * rule[NUM] / rule[DEN]
    most = (money * (1.0 + max(row[FEE_PPM], 0) * 1e-6) + row[FIXED_NANO]) * ABOVE + 4.0
    return bool(rule[IS_INVERSE] == 0 and most <= row[CAPACITY_NANO])


@kernel("", inlined=True)
def least_units(price_units: Int64, qty_units: Int64, row: Int64, rule: Int64) -> int:
    """MIN_UNITS raised by the least notional: at a buyer's touch, or at the worst price that a seller's child walks."""
    least = row[MIN_UNITS]
    if row[MIN_NOTIONAL_NANO] <= 0 or rule[IS_INVERSE] != 0 or price_units.size == 0:
        return int(least)
    if rule[SIDE] > 0:
        worth = float(least) * price_units[0] * rule[NUM]
        if worth > row[MIN_NOTIONAL_NANO] * float(rule[DEN]) * ABOVE:
            return int(least)
        needed = needed_units(price_units[0], row[MIN_NOTIONAL_NANO], rule)
        return int(max(least, needed) if needed > 1 else least)
    lowest = judged_price(price_units[-1], row[LIMIT_UNITS], row[TICK_UNITS], rule)
    most_needed = needed_units(lowest, row[MIN_NOTIONAL_NANO], rule)
    depth = 0
    for i in range(price_units.size):
        if depth + 1 >= most_needed:
            break
        price = judged_price(price_units[i], row[LIMIT_UNITS], row[TICK_UNITS], rule)
        needed = needed_units(price, row[MIN_NOTIONAL_NANO], rule)
        if depth + 1 < needed:
            least = max(least, needed)
        depth += qty_units[i]
    return int(least)


@kernel("", inlined=True)
def most_units(price_units: Int64, qty_units: Int64, depth: int, row: Int64, rule: Int64) -> int:
    """Units that the capacity pays for: all where it pays for them at the dearest price, else level by level.

    A seller's margin is judged at the best price, a buyer's at the price of the child.
    """
    if row[CAPACITY_NANO] < 0 or depth == 0:
        return depth
    is_buy = rule[SIDE] > 0
    highest = max(price_units[0], price_units[-1]) + row[TICK_UNITS]
    if rule[AT_LIMIT] != 0:
        highest = max(highest, row[LIMIT_UNITS])
    if is_plainly_payable(float(highest), depth, row, rule):
        return depth
    at = judged_price(price_units[-1], row[LIMIT_UNITS], row[TICK_UNITS], rule) if is_buy else price_units[0]
    if is_payable(at, depth, row, rule):
        return depth
    most = 0
    reached = 0
    for i in range(price_units.size):
        price = price_units[0]
        if is_buy:
            price = judged_price(price_units[i], row[LIMIT_UNITS], row[TICK_UNITS], rule)
        reached += qty_units[i]
        if is_payable(price, reached, row, rule):
            most = reached
            continue
        low, high = 0, reached
        while low < high:
            middle = (low + high + 1) // 2
            if is_payable(price, middle, row, rule):
                low = middle
            else:
                high = middle - 1
        return max(most, low)
    return most


@kernel("")
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
    for v in range(first.size - 1):
        row = terms_inplace[v]
        prices = price_units[first[v] : first[v + 1]]
        qtys = qty_units[first[v] : first[v + 1]]
        depth = 0
        for i in range(qtys.size):
            depth += qtys[i]
        lot = row[LOT_UNITS]
        least = least_units(prices, qtys, row, rule)
        most = min(most_units(prices, qtys, depth, row, rule), row[MAX_UNITS])
        usable, whole = most - most % lot, least + -least % lot
        row[CEILING_UNITS], row[USABLE_UNITS], row[MIN_UNITS] = most, usable, whole
        out_room_units[v] = usable if usable >= whole else 0
    return OK


@kernel("", inlined=True)
def walk_side(price_units: Int64, qty_units: Int64, asked_units: int, rule: Int64) -> tuple[int, int, int]:
    """Walks one child: money nano, worst price, levels read (-1: too short)."""
    left = asked_units
    money = 0
    worst = 0
    n_read = 0
    for i in range(price_units.size):
        if left <= 0:
            break
        take = min(left, qty_units[i])
        worst = price_units[i]
        money += money_of(worst, take, rule)
        left -= take
        n_read += 1
    return money, worst, n_read if left <= 0 else -1


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
    levels read; a venue asked for more than its levels hold gets -1 levels. out_total: int64[n_plans, 6], written:
    objective nano, money nano, units, venues used, 1 where every venue's sizes are kept, estimated nano. Returns OK.
    """
    for plan_i in range(units.shape[0]):
        objective, gross, total, n_used, is_sound, believed = 0, 0, 0, 0, 1, 0
        for v in range(first.size - 1):
            asked = units[plan_i, v]
            walk = out_walk[plan_i, v]
            if asked == 0:
                for i in range(4):
                    out_walk[plan_i, v, i] = 0
                continue
            start, end = first[v], first[v + 1]
            walk[0], walk[2], walk[3] = walk_side(price_units[start:end], qty_units[start:end], asked, rule)
            walk[1] = fee_of(walk[0], terms[v, FEE_PPM])
            objective += rule[SIGN] * walk[0] + walk[1] + terms[v, FIXED_NANO]
            if terms[v, EST_PPM] != 0:
                believed += believed_of(walk[0], terms[v, FEE_PPM], terms[v, EST_PPM])
            gross += walk[0]
            total += asked
            n_used += 1
            is_whole = asked % terms[v, LOT_UNITS] == 0 and walk[3] >= 0
            if not is_whole or asked < terms[v, MIN_UNITS] or asked > terms[v, USABLE_UNITS]:
                is_sound = 0
        out_total[plan_i, 0] = objective
        out_total[plan_i, 1] = gross
        out_total[plan_i, 2] = total
        out_total[plan_i, 3] = n_used
        out_total[plan_i, 4] = is_sound
        out_total[plan_i, 5] = believed
    return OK
