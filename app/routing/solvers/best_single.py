"""Best single venue: the one that holds the most of the order, the cheapest of those by all-in cost."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from app.kernels import cost, lots
from app.routing.problem import RouteProblem

Int64Array = npt.NDArray[np.int64]
NAME: Final = "best_single_venue"


def solve(problem: RouteProblem, target_units: int, room_units: Int64Array) -> tuple[Int64Array, Int64Array]:
    """Wanted units, all at one venue, and a room that lets a remainder go nowhere else."""
    lot = problem.terms[:, cost.LOT_UNITS]
    fits = np.minimum(target_units, room_units) // lot * lot
    fits[fits < problem.terms[:, cost.MIN_UNITS]] = 0
    costs = np.empty(problem.n_venues, dtype=np.float64)
    lots.prefix_costs(problem.first, problem.unit_nano, problem.qty_units, problem.terms, fits, costs)
    units, room = np.zeros(problem.n_venues, np.int64), np.zeros(problem.n_venues, np.int64)
    most = int(fits.max(initial=0))
    if most > 0:
        venue_i = int(np.argmin(np.where(fits == most, costs, np.inf)))
        units[venue_i], room[venue_i] = fits[venue_i], room_units[venue_i]
    return units, room
