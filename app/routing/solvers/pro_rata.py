"""Pro rata: each venue gets its share of the displayed depth within the limit."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from app.routing.problem import RouteProblem

Int64Array = npt.NDArray[np.int64]
NAME: Final = "pro_rata"


def solve(problem: RouteProblem, target_units: int, room_units: Int64Array) -> tuple[Int64Array, Int64Array]:
    """Wanted units per venue within `room_units` (int64[n]) and the room for a remainder."""
    running = np.concatenate([np.zeros(1, np.int64), np.cumsum(problem.qty_units)])
    depth = np.minimum(running[problem.first[1:]] - running[problem.first[:-1]], room_units).tolist()
    total = sum(depth)
    if total <= target_units:
        return np.array(depth, dtype=np.int64), room_units
    return np.array([target_units * share // total for share in depth], dtype=np.int64), room_units
