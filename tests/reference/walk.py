"""Slow twin of the walk over several books: every level sorted by its all-in price, in fractions."""

from __future__ import annotations

from fractions import Fraction
from typing import NamedTuple


class Level(NamedTuple):
    """One displayed level of an open book."""

    price: int
    qty: int
    fee_ppm: int


def walked(levels: list[Level], sign: int, mid: Fraction, wanted: Fraction) -> tuple[Fraction, Fraction, int, Fraction]:
    """(average all-in price, all-in price of the first lot, displayed within 5 bps or at first, not there at all)."""

    def all_in(level: Level) -> Fraction:
        return level.price * (1 + sign * Fraction(level.fee_ppm, 10**6))

    ordered = sorted(levels, key=lambda level: sign * all_in(level))
    left, paid = wanted, Fraction(0)
    for level in ordered:
        take = min(left, Fraction(level.qty))
        paid += take * all_in(level)
        left -= take
    paid += left * all_in(ordered[-1])
    near = sum(level.qty for level in levels if sign * (level.price / mid - 1) * 10**4 <= 5)
    return paid / wanted, all_in(ordered[0]), max(near, ordered[0].qty), left
