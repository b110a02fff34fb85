"""Best single venue: the one that holds the most of the order, the cheapest of those by all-in cost."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from app.kernels import lots
from app.routing.problem import RouteProblem

Int64Array = npt.NDArray[np.int64]
NAME: Final = "best_single_venue"


def solve(problem: RouteProblem, target_units: int, room_units: Int64Array) -> tuple[Int64Array, Int64Array]:
    """Wanted units, all at one venue, and a room that lets a remainder go nowhere else."""
    units = np.empty(problem.n_venues, dtype=np.int64)
    venue_i = lots.fill_one_venue(
        problem.first, problem.unit_nano, problem.qty_units, problem.terms, room_units, target_units, units
    )
    room = np.zeros(problem.n_venues, dtype=np.int64)
    if venue_i >= 0:
        room[venue_i] = room_units[venue_i]
    return units, room
