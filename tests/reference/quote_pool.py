"""Slow twin of a pool's plan: every level of every currency at its exact rate, in fractions, cheapest first.

No rounding of prices, no lots beyond one unit, no minimums: the least that the quantity can cost at the stated rates.
"""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from math import ceil, floor

PPM = 10**6


def converted(price: Fraction, rate: Fraction, scale: int, *, is_buy: bool) -> int:
    """A price in the order's quote as an integer at `scale`: a buyer's up, a seller's down."""
    exact = price * rate * 10**scale
    return ceil(exact) if is_buy else floor(exact)


Level = tuple[Fraction, Fraction, int]


def least_cost(levels: Iterable[Level], qty: Fraction, *, is_buy: bool) -> tuple[Fraction, Fraction]:
    """(signed cost with fees of as much of `qty` as there is, that quantity); levels are (price, quantity, fee in ppm).

    Prices are in the order's quote already, exact.
    """
    sign = 1 if is_buy else -1
    all_in = sorted((price * (sign + Fraction(fee_ppm, PPM)), level_qty) for price, level_qty, fee_ppm in levels)
    cost, left = Fraction(0), qty
    for price, level_qty in all_in:
        take = min(left, level_qty)
        cost, left = cost + price * take, left - take
    return cost, qty - left
