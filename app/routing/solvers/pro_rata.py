"""Pro rata: each venue gets its share of the displayed depth within the limit."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from app.kernels import lots
from app.routing.problem import RouteProblem

Int64Array = npt.NDArray[np.int64]
NAME: Final = "pro_rata"


def solve(problem: RouteProblem, target_units: int, room_units: Int64Array) -> tuple[Int64Array, Int64Array]:
    """Wanted units per venue within `room_units` (int64[n]) and the room for a remainder."""
    units = np.empty(problem.n_venues, dtype=np.int64)
    lots.share_by_depth(problem.first, problem.qty_units, room_units, target_units, units)
    return units, room_units
