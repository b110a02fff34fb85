"""Random ladders as kernels take them."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

import numpy as np

from app.kernels import cost


@dataclass(frozen=True)
class Flat:
    """Flat arrays of a random problem and the same levels as lists."""

    first: np.ndarray
    price: np.ndarray
    qty: np.ndarray
    unit_nano: np.ndarray
    terms: np.ndarray
    rule: np.ndarray
    num_den: tuple[int, int]
    levels: list[list[tuple[int, int]]]


def flat_problem(rng: Random, *, kind: str = "spot", max_venues: int = 5, max_levels: int = 6) -> Flat:
    """A problem whose venues have levels, lots, minimums, fees, fixed costs and capacities; sizes not yet set."""
    side = rng.choice([1, -1])
    is_inverse = kind == "inverse"
    num, den = {"spot": (100, 1), "linear": (12_345_679, 100_000), "inverse": (10**12, 1)}[kind]
    sign = -side if is_inverse else side
    base = rng.choice([1_000, 600_000, 6_000_000])
    levels, first, terms = [], [0], []
    for _ in range(rng.randint(1, max_venues)):
        price, own = base + rng.randint(-5, 5), []
        for _ in range(rng.randint(0, max_levels)):
            own.append((price, rng.randint(1, 40)))
            price += side * rng.randint(1, 5)
        levels.append(own)
        first.append(first[-1] + len(own))
        terms.append(_terms(rng, base, num, den, is_inverse))
    price_array = np.array([p for own in levels for p, _ in own], dtype=np.int64)
    qty_array = np.array([q for own in levels for _, q in own], dtype=np.int64)
    term_array = np.array(terms, dtype=np.int64)
    owner = np.repeat(np.arange(len(levels)), np.diff(first))
    money = (num / den) / price_array if is_inverse else (num / den) * price_array
    unit_nano = money * (sign + term_array[owner, cost.FEE_PPM] * 1e-6)
    rule = np.array([side, sign, num, den, is_inverse, rng.random() < 0.2], dtype=np.int64)
    return Flat(
        np.array(first, dtype=np.int64), price_array, qty_array, unit_nano, term_array, rule, (num, den), levels
    )


def _terms(rng: Random, base: int, num: int, den: int, is_inverse: bool) -> list[int]:
    unit = num // base if is_inverse else base * num // den
    row = [0] * cost.N_TERMS
    row[cost.FEE_PPM] = rng.choice([-200, 0, 100, 1_000])
    row[cost.FIXED_NANO] = rng.choice([0, 0, rng.randint(1, max(1, unit))])
    row[cost.LOT_UNITS] = rng.choice([1, 1, 2, 5, 10])
    row[cost.TICK_UNITS] = rng.choice([1, 1, 5])
    row[cost.MIN_UNITS] = row[cost.LOT_UNITS] * rng.choice([1, 1, 3])
    row[cost.MIN_NOTIONAL_NANO] = rng.choice([0, rng.randint(0, 20 * unit)])
    row[cost.MAX_UNITS] = rng.choice([2**50, rng.randint(1, 60)])
    row[cost.CAPACITY_NANO] = rng.choice([-1, 2**55, rng.randint(0, 60 * unit)])
    row[cost.LIMIT_UNITS] = rng.choice([0, base])
    return row
