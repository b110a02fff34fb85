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
    for is_new in (False, True):
        swaps = [
            (_swap_cost(venues, units, left, v, u, step), v, u, step)
            for v in range(len(venues))
            for u in range(len(venues))
            if u != v and (units[v] == 0) == is_new and units[u] > 0
            for step in _steps(venues, units, left, v, u)[:1]
        ]
        if swaps:
            _, v, u, step = min(swaps)
            units[v] += step
            units[u] -= step - left
            return


def _steps(venues: Sequence[Terms], units: Sequence[int], left: int, v: int, u: int) -> list[int]:
    own, other = venues[v], venues[u]
    least = own.lot if units[v] > 0 else max(own.lot, own.least)
    return [
        step
        for step in range(least, least + 16 * own.lot, own.lot)
        if units[v] + step <= own.room
        and step > left
        and (step - left) % other.lot == 0
        and units[u] - (step - left) >= other.least
    ]


def _swap_cost(venues: Sequence[Terms], units: Sequence[int], left: int, v: int, u: int, step: int) -> float:
    entry = venues[v].fixed if units[v] == 0 else 0
    paid = _span(venues[v], units[v], units[v] + step) + entry
    return paid - _span(venues[u], units[u] - (step - left), units[u])


def _span(venue: Terms, start: int, stop: int) -> float:
    return sum(venue.unit_costs[start:stop])
