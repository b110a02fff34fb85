"""The settling arithmetic on Python integers, for problems whose products leave int64; the kernels' exact twins.

Same arguments and answers as kernels/cost.py and kernels/bound.py, with the money rule given as unbounded integers.
"""

# ruff: noqa: PLR0917 - the arguments are those of the kernels it stands in for

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from app.domain.fees import fee_nano
from app.domain.units import PPM, div_half_even
from app.kernels import cost

Int64Array = npt.NDArray[np.int64]
Rule = tuple[int, int]


def money_of(price_units: int, qty_units: int, rule: Int64Array, num_den: Rule) -> int:
    """Gross money in nano, half to even: Symbol.money_nano in its reduced form."""
    num, den = num_den
    if rule[cost.IS_INVERSE]:
        return div_half_even(qty_units * num, price_units * den)
    return div_half_even(price_units * qty_units * num, den)


def _judged_price(price: int, limit: int, tick: int, rule: Int64Array) -> int:
    if rule[cost.AT_LIMIT] and limit > 0:
        return limit
    if rule[cost.SIDE] > 0:
        return -(-price // tick) * tick
    return price // tick * tick


def size_venues(
    first: Int64Array,
    price_units: Int64Array,
    qty_units: Int64Array,
    terms_inplace: Int64Array,
    rule: Int64Array,
    num_den: Rule,
    capacity_nano: Sequence[int],
    out_room_units: Int64Array,
) -> None:
    """Sets MIN_UNITS, CEILING_UNITS, USABLE_UNITS and the room of each venue, as kernels/cost.size_venues does.

    `capacity_nano` stands in for the column, which has no room for what only a wide problem can spend.
    """
    bounds = first.tolist()
    for v in range(len(bounds) - 1):
        row = terms_inplace[v].tolist()
        if row[cost.CAPACITY_NANO] >= 0:
            row[cost.CAPACITY_NANO] = capacity_nano[v]
        prices = price_units[bounds[v] : bounds[v + 1]].tolist()
        qtys = qty_units[bounds[v] : bounds[v + 1]].tolist()
        lot = row[cost.LOT_UNITS]
        least = max(row[cost.MIN_UNITS], _least_by_notional(prices, qtys, row, rule, num_den))
        most = min(_most_by_capacity(prices, qtys, row, rule, num_den), row[cost.MAX_UNITS])
        terms_inplace[v, cost.CEILING_UNITS] = most
        terms_inplace[v, cost.USABLE_UNITS] = most // lot * lot
        terms_inplace[v, cost.MIN_UNITS] = min(-(-least // lot) * lot, 2**61)
        is_enough = terms_inplace[v, cost.USABLE_UNITS] >= terms_inplace[v, cost.MIN_UNITS]
        out_room_units[v] = terms_inplace[v, cost.USABLE_UNITS] if is_enough else 0


def _least_by_notional(prices: list[int], qtys: list[int], row: list[int], rule: Int64Array, num_den: Rule) -> int:
    least, depth = 0, 0
    if row[cost.MIN_NOTIONAL_NANO] <= 0 or rule[cost.IS_INVERSE]:
        return 0
    for i, (price, qty) in enumerate(zip(prices, qtys, strict=True)):
        if rule[cost.SIDE] > 0 and i > 0:
            break
        at = price if rule[cost.SIDE] > 0 else _judged_price(price, row[cost.LIMIT_UNITS], row[cost.TICK_UNITS], rule)
        needed = -((-row[cost.MIN_NOTIONAL_NANO] * num_den[1]) // (max(at, 1) * num_den[0]))
        if depth + 1 < needed:
            least = max(least, needed)
        depth += qty
    return least


def _most_by_capacity(prices: list[int], qtys: list[int], row: list[int], rule: Int64Array, num_den: Rule) -> int:
    capacity = row[cost.CAPACITY_NANO]
    if capacity < 0:
        return sum(qtys)
    fee_ppm, fixed = max(row[cost.FEE_PPM], 0), row[cost.FIXED_NANO]

    def is_payable(price: int, units: int) -> bool:
        money = money_of(price, units, rule, num_den)
        return money + fee_nano(money, fee_ppm) + fixed <= capacity

    most, depth = 0, 0
    for level_price, qty in zip(prices, qtys, strict=True):
        price = _judged_price(level_price, row[cost.LIMIT_UNITS], row[cost.TICK_UNITS], rule)
        price = price if rule[cost.SIDE] > 0 else prices[0]
        depth += qty
        if is_payable(price, depth):
            most = depth
            continue
        low, high = 0, depth
        while low < high:
            middle = (low + high + 1) // 2
            low, high = (middle, high) if is_payable(price, middle) else (low, middle - 1)
        return max(most, low)
    return most


def walk_plan(
    first: Int64Array,
    price_units: Int64Array,
    qty_units: Int64Array,
    fee_ppm: list[int],
    rule: Int64Array,
    num_den: Rule,
    units: list[int],
) -> list[tuple[int, int, int, int]]:
    """Per venue (money nano, fee nano, worst price units, levels read; -1 levels where the book is too short)."""
    bounds = first.tolist()
    walked = []
    for v, quantity in enumerate(units):
        left, money, worst, n_read, i = quantity, 0, 0, 0, bounds[v]
        while left > 0 and i < bounds[v + 1]:
            take = min(left, int(qty_units[i]))
            worst = int(price_units[i])
            money += money_of(worst, take, rule, num_den)
            left -= take
            n_read, i = n_read + 1, i + 1
        walked.append((money, fee_nano(money, fee_ppm[v]), worst, n_read if left <= 0 else -1))
    return walked


def is_cheaper(price_units: int, fee_ppm: int, witness_upnano: int, rule: Int64Array, num_den: Rule) -> bool:
    """Whether a level's exact all-in unit cost is below the witness price (1e-6 nano per unit)."""
    factor = int(rule[cost.SIGN]) * PPM + fee_ppm
    if rule[cost.IS_INVERSE]:
        return factor * num_den[0] < witness_upnano * price_units * num_den[1]
    return price_units * num_den[0] * factor < witness_upnano * num_den[1]


def dual_value(
    first: Int64Array,
    price_units: Int64Array,
    qty_units: Int64Array,
    terms: Int64Array,
    rule: Int64Array,
    num_den: Rule,
    target_units: int,
    witness_upnano: int,
) -> tuple[int, int]:
    """(bound in nano, levels that may owe two nano of rounding), as kernels/bound.dual_value gives them."""
    bounds = first.tolist()
    total_upnano, n_rounded = witness_upnano * target_units, 0
    is_exact = not rule[cost.IS_INVERSE] and num_den[1] == 1
    for v, row in enumerate(terms.tolist()):
        most, fee_ppm = min(row[cost.CEILING_UNITS], target_units), row[cost.FEE_PPM] + row[cost.EST_PPM]
        money, taken = 0, 0
        for i in range(bounds[v], bounds[v + 1]):
            price = int(price_units[i])
            if taken >= most or not is_cheaper(price, fee_ppm, witness_upnano, rule, num_den):
                break
            take = min(int(qty_units[i]), most - taken)
            money += money_of(price, take, rule, num_den)
            taken += take
        for i in range(bounds[v], bounds[v + 1]):
            if is_exact or not is_cheaper(int(price_units[i]), fee_ppm, witness_upnano + PPM, rule, num_den):
                break
            n_rounded += 1
        value = (int(rule[cost.SIGN]) * PPM + fee_ppm) * money + row[cost.FIXED_NANO] * PPM - witness_upnano * taken
        total_upnano += min(0, value)
    return total_upnano // PPM, n_rounded
