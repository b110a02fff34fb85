"""The exact split by trying everything: every number of lots of each venue, for each sum and number of venues."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Venue:
    """One venue by itself: unit costs in the order of its book, and what it allows."""

    unit_nano: Sequence[float]
    lot: int
    least: int
    room: int
    fixed_nano: float


def own_costs(venue: Venue, target: int) -> list[tuple[int, float]]:
    """(units, cost) of every size that the venue allows, without zero."""
    walked = np.concatenate([[0.0], np.cumsum(np.array(venue.unit_nano, dtype=np.float64))])
    most = min(venue.room, target, len(venue.unit_nano))
    sizes = range(venue.lot, most + 1, venue.lot)
    return [(units, float(walked[units]) + venue.fixed_nano) for units in sizes if units >= venue.least]


def exact_split(venues: Sequence[Venue], target: int, max_venues: int) -> tuple[int, float]:
    """(most units up to `target`, least cost of placing them) with at most `max_venues` venues (0: any number)."""
    n_most = max_venues or len(venues)
    best = np.full((n_most + 1, target + 1), np.inf)
    best[0, 0] = 0.0
    for venue in venues:
        grown = best.copy()
        for units, cost in own_costs(venue, target):
            np.minimum(grown[1:, units:], best[:-1, : target + 1 - units] + cost, out=grown[1:, units:])
        best = grown
    least = best.min(axis=0)
    placed = int(np.flatnonzero(np.isfinite(least)).max())
    return placed, float(least[placed])
