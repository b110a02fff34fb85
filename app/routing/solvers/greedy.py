"""Fee-aware greedy: levels of all venues in the order of their all-in price, fixed costs spread by the envelope."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from app.kernels import greedy
from app.routing.problem import RouteProblem

Int64Array = npt.NDArray[np.int64]
NAME: Final = "fee_aware_greedy"


def solve(problem: RouteProblem, target_units: int, room_units: Int64Array) -> tuple[Int64Array, Int64Array]:
    """Wanted units per venue within `room_units` (int64[n]) and the room for a remainder; optimal without lots."""
    key = problem.unit_nano
    if problem.has_fixed:
        key = np.empty_like(problem.unit_nano)
        greedy.envelope_costs(problem.first, problem.unit_nano, problem.qty_units, problem.terms, target_units, key)
    units = np.empty(problem.n_venues, dtype=np.int64)
    heap, heap_key = problem.scratch
    greedy.merge_levels(
        problem.first,
        key,
        problem.price_units,
        problem.qty_units,
        room_units,
        target_units,
        0.0,
        -1.0,
        heap,
        heap_key,
        units,
    )
    return units, room_units
