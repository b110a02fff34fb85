"""Fee-blind: levels of all venues in the order of their raw price, as a consolidated book would be swept."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from app.kernels import greedy
from app.routing.problem import RouteProblem

Int64Array = npt.NDArray[np.int64]
NAME: Final = "fee_blind"


def solve(problem: RouteProblem, target_units: int, room_units: Int64Array) -> tuple[Int64Array, Int64Array]:
    """Wanted units per venue within `room_units` (int64[n]) and the room for a remainder."""
    units = np.empty(problem.n_venues, dtype=np.int64)
    heap, heap_key = problem.scratch
    greedy.merge_levels(
        problem.first,
        problem.price_units * np.float64(problem.side.sign),
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
