"""The lower bound, exactly: the Lagrangian value of a witness price, in integers."""

# ruff: noqa: PLR0917 - a kernel takes flat arrays by position: Numba has no cheaper way to group them

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from app.kernels.cost import (
    ABOVE,
    CEILING_UNITS,
    DEN,
    EST_PPM,
    FEE_PPM,
    FIXED_NANO,
    IS_INVERSE,
    NUM,
    PPM,
    SIGN,
    money_of,
)
from app.kernels.jit import kernel
from app.kernels.status import OK

Int64 = npt.NDArray[np.int64]

# Within int64 with room for one more factor of two.
WIDE: Final = 2.0**62


@kernel("")
def is_cheaper(price_units: int, fee_ppm: int, witness_upnano: int, rule: Int64) -> bool:
    """Whether a level's exact all-in unit cost is below the witness price (1e-6 nano per unit)."""
    factor = rule[SIGN] * PPM + fee_ppm
    if rule[IS_INVERSE] != 0:
        return bool(factor * rule[NUM] < witness_upnano * price_units * rule[DEN])
    unit = price_units * rule[NUM]
    if rule[DEN] != 1:
        return bool(unit * factor < witness_upnano * rule[DEN])
    whole = unit // PPM
    part = (unit - whole * PPM) * factor
    nano = whole * factor + part // PPM
    witness_nano = witness_upnano // PPM
    if nano != witness_nano:
        return bool(nano < witness_nano)
    return bool(part % PPM < witness_upnano % PPM)


@kernel("", inlined=True)
def n_cheaper(price_units: Int64, fee_ppm: int, witness_upnano: int, rule: Int64) -> int:
    """How many of a venue's sorted prices are cheaper than the witness price: is_cheaper of each, until one is not."""
    n = 0
    factor = rule[SIGN] * PPM + fee_ppm
    if rule[IS_INVERSE] == 0 and rule[DEN] == 1 and abs(float(factor)) * rule[NUM] < WIDE:
        # One division instead of several a level: a price is cheaper where factor x num x price < witness.
        per_price = factor * rule[NUM]
        if per_price > 0:
            # Of most venues no level is cheaper, which a product tells sooner than a division.
            if price_units.size == 0 or float(price_units[0]) * per_price > witness_upnano * ABOVE:
                return 0
            most = (witness_upnano - 1) // per_price
            while n < price_units.size and price_units[n] <= most:
                n += 1
            return n
        if per_price < 0:
            least = -witness_upnano // -per_price + 1
            while n < price_units.size and price_units[n] >= least:
                n += 1
            return n
    while n < price_units.size and is_cheaper(price_units[n], fee_ppm, witness_upnano, rule):
        n += 1
    return n


@kernel("int64(int64[::1], int64[::1], int64[::1], int64[:,::1], int64[::1], int64, int64, int64[::1])")
def dual_value(
    first: Int64,
    price_units: Int64,
    qty_units: Int64,
    terms: Int64,
    rule: Int64,
    target_units: int,
    witness_upnano: int,
    out_value: Int64,
) -> int:
    """Least cost of any plan of `target_units`, proven by a price: sum of what each venue would take at that price.

    witness_upnano: price in 1e-6 nano per unit. out_value: int64[2], written: the bound in nano, rounded down, and
    the number of levels that may owe two nano of rounding (0 where money is exact, callers subtract them).
    Valid for any price by weak duality; callers choose the best. Returns OK.
    Source: docs/kernels.md#bound. Twin: app/routing/exact.py.
    """
    witness_nano = witness_upnano // PPM
    witness_part = witness_upnano - witness_nano * PPM
    total_nano = witness_nano * target_units
    total_part = witness_part * target_units
    n_rounded = 0
    is_exact = rule[IS_INVERSE] == 0 and rule[DEN] == 1
    for v in range(first.size - 1):
        ppm = terms[v, FEE_PPM] + terms[v, EST_PPM]
        prices, qtys = price_units[first[v] : first[v + 1]], qty_units[first[v] : first[v + 1]]
        n = n_cheaper(prices, ppm, witness_upnano, rule)
        if n == 0 and is_exact and terms[v, FIXED_NANO] >= 0:
            continue  # it would take nothing
        most = min(terms[v, CEILING_UNITS], target_units)
        money = 0
        taken = 0
        for i in range(n):
            if taken >= most:
                break
            take = min(qtys[i], most - taken)
            money += money_of(prices[i], take, rule)
            taken += take
        i = first[v]
        # Half-even money of a level may undercut its exact value, so a level within a nano of the price may matter too.
        while not is_exact and i < first[v + 1]:
            if not is_cheaper(price_units[i], ppm, witness_upnano + PPM, rule):
                break
            n_rounded += 1
            i += 1
        whole = money // PPM
        nano = rule[SIGN] * money + whole * ppm + terms[v, FIXED_NANO] - witness_nano * taken
        part = (money - whole * PPM) * ppm - witness_part * taken
        carry = part // PPM
        nano += carry
        part -= carry * PPM
        if nano < 0:
            total_nano += nano
            total_part += part
    out_value[0] = total_nano + total_part // PPM
    out_value[1] = n_rounded
    return OK
