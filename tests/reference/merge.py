"""Slow twin of kernels/greedy.merge_levels: the standard library's heap over (key, venue)."""

from __future__ import annotations

import heapq
from collections.abc import Sequence

Ladder = Sequence[tuple[float, int, int]]  # (key, price_units, qty_units), key ascending


def merge(
    ladders: Sequence[Ladder], room: Sequence[int], target: int, ratio: float = 0.0, budget: float = -1.0
) -> list[int]:
    """Units taken per venue in ascending key until the target, the room or the budget (below 0: none) ends it."""
    taken = [0] * len(ladders)
    heap = [(ladder[0][0], venue, 0) for venue, ladder in enumerate(ladders) if ladder and room[venue] > 0]
    heapq.heapify(heap)
    left, has_budget = target, budget >= 0
    while heap and left > 0:
        _, venue, level = heapq.heappop(heap)
        _, price, qty = ladders[venue][level]
        take = min(qty, room[venue] - taken[venue], left)
        if has_budget:
            if take * (ratio * price) > budget:
                take = max(0, int(budget / (ratio * price)))
                left = take
            budget -= take * (ratio * price)
        taken[venue] += take
        left -= take
        if level + 1 < len(ladders[venue]) and taken[venue] < room[venue]:
            heapq.heappush(heap, (ladders[venue][level + 1][0], venue, level + 1))
    return taken
