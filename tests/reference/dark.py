"""Slow twins of kernels/dark.py: Kaplan-Meier out of the list of rounds, and the best split by trying all of them."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence


def tails(rounds: Sequence[tuple[int, int]], most: int, law: Sequence[float]) -> list[float]:
    """Believed chances of at least s + 1 units of one venue after rounds of (sent, filled), by definition."""
    count, end, empty, bonus = law
    tail, believed = 1.0, []
    for s in range(most):
        asked = sum(1 for sent, filled in rounds if sent > s and filled >= s)
        ended = sum(1 for sent, filled in rounds if sent > s and filled == s)
        chance = (ended + count * (empty if s == 0 else end)) / (asked + count)
        chance -= bonus * math.sqrt(chance * (1 - chance) * math.log(2 + len(rounds)) / (asked + count))
        tail *= 1 - max(chance, 0.0)
        believed.append(tail)
    return believed


def best_fill(tail: Sequence[Sequence[float]], volume: int) -> float:
    """Most expected fill of any split."""
    sizes = [range(min(volume, len(row)) + 1) for row in tail]
    return max(
        sum(sum(row[:units]) for row, units in zip(tail, split, strict=True))
        for split in itertools.product(*sizes)
        if sum(split) <= volume
    )
