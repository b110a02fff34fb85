"""Slow twins of kernels/slippage.py: level lists, exact fractions for the walk, plain interpolation for the law."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction

import numpy as np

Level = tuple[int, int]


def walk_ppm(levels: Sequence[Level], side: int, mid: Fraction, wanted: Fraction, *, is_inverse: bool) -> float:
    """Cost of `wanted` against `mid` in ppm; NaN where the levels are too short."""
    left, money = wanted, Fraction(0)
    for price, qty in levels:
        take = min(left, Fraction(qty))
        money += take / price if is_inverse else take * price
        left -= take
    if left > 0 or wanted <= 0:
        return math.nan
    average = wanted / money if is_inverse else money / wanted
    return float(side * (average / mid - 1) * 10**6)


def features(
    bids: Sequence[Level], asks: Sequence[Level], side: int, wanted: Fraction, *, is_inverse: bool
) -> tuple[float, float, float, float]:
    """Walk, half spread, imbalance seen from the order, fraction of what is displayed within 5 bps."""
    mid = Fraction(bids[0][0] + asks[0][0], 2)
    half = Fraction(asks[0][0] - bids[0][0], 2) / mid * 10**6
    imbalance = Fraction(side * (bids[0][1] - asks[0][1]), bids[0][1] + asks[0][1])
    routed = asks if side > 0 else bids
    shown = sum(qty for price, qty in routed if side * (price / mid - 1) * 10**6 <= 500)
    used = float(wanted / shown) if shown else math.inf
    return walk_ppm(routed, side, mid, wanted, is_inverse=is_inverse), float(half), float(imbalance), used


def quantiles(
    row: Sequence[float],
    sigma: float,
    wait_s: float,
    weights: Sequence[float],
    waits_s: Sequence[float],
    walks_log: Sequence[float],
    table: np.ndarray,
) -> list[float]:
    """Quantiles and mean of the law, column by column."""
    walk, half, imbalance, _ = row
    stretch = min(max(sigma ** weights[0], 0.2), 5.0) * max(wait_s / waits_s[-1], 1) ** 0.5
    centre = walk + weights[1] * sigma * math.sqrt(wait_s) * imbalance
    excess = math.log(1 + max(walk - half, 0))
    found = []
    for j in range(table.shape[2]):
        at_walk = [float(np.interp(excess, walks_log, by_walk)) for by_walk in table[:, :, j]]
        found.append(centre + stretch * float(np.interp(wait_s, waits_s, at_walk)))
    return found
