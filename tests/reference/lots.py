"""Slow twin of kernels/lots.round_to_lots, with a venue's cost as a plain list of the cost of each unit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Terms:
    """What rounding must know of a venue; `unit_costs[k]` is the cost of its k-th unit."""

    lot: int
    least: int
    fixed: int
    room: int
    unit_costs: Sequence[float]
    level_ends: Sequence[int]


def round_to_lots(venues: Sequence[Terms], wanted: Sequence[int], target: int) -> list[int]:
    """Whole lots per venue with a sum of at most `target`."""
    units = [min(w, v.room) // v.lot * v.lot for w, v in zip(wanted, venues, strict=True)]
    left = target - sum(units)
    while left > 0:
        found = None
        for i, venue in enumerate(venues):
            step = venue.lot if units[i] > 0 else max(venue.lot, venue.least)
            if step > left or units[i] + step > venue.room:
                continue
            cost = _span(venue, units[i], units[i] + step) + (venue.fixed if units[i] == 0 else 0)
            if found is None or cost / step < found[0]:
                found = (cost / step, i, step)
        if found is None:
            _swap(venues, units, left)
            break
        _, i, step = found
        level_end = min(end for end in venues[i].level_ends if end > units[i])
        more = min(level_end - units[i], left, venues[i].room - units[i]) // venues[i].lot * venues[i].lot
        units[i] += max(step, more)
        left -= max(step, more)
    return units


def _swap(venues: Sequence[Terms], units: list[int], left: int) -> None:
    found = None
    for v, venue in enumerate(venues):
        excess = venue.lot - left
        if excess <= 0 or units[v] == 0 or units[v] + venue.lot > venue.room:
            continue
        for u, other in enumerate(venues):
            rest = units[u] - excess
            if u == v or excess % other.lot or rest < other.least:
                continue
            cost = _span(venue, units[v], units[v] + venue.lot) - _span(other, rest, units[u])
            if found is None or cost < found[0]:
                found = (cost, v, u, excess)
    if found is not None:
        _, v, u, excess = found
        units[v] += venues[v].lot
        units[u] -= excess


def _span(venue: Terms, start: int, stop: int) -> float:
    return sum(venue.unit_costs[start:stop])
