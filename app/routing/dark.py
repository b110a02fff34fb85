"""One quantity over dark venues, where what is hidden is known as chances only: the most expected fill.

The polite shell of kernels/dark.py. Where the chances come from is not asked here: learning/dark.py believes them from
fills. A unit is the venue's least execution size, so that tables stay short.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from app.domain.errors import BadRequest
from app.kernels import dark as kernel

Float64Array = npt.NDArray[np.float64]
Int64Array = npt.NDArray[np.int64]


def allocate(tail: Float64Array, volume_units: int) -> Int64Array:
    """Units for each venue, int64[k], together at most `volume_units`: each goes where it fills most likely.

    tail: float64[k, m], chance that venue k hides at least s + 1 units; falling in s. What no venue could fill is left
    out. Optimal for true chances, because they fall. Raises BadRequest for chances that rise or leave 0 to 1.
    """
    if tail.ndim != 2 or volume_units < 0:
        raise BadRequest("invalid_request", "an allocation has a table of chances and a volume")
    if not (np.all((tail >= 0.0) & (tail <= 1.0)) and np.all(np.diff(tail, axis=1) <= 0.0)):
        raise BadRequest("invalid_request", "chances are between 0 and 1 and fall with the size")
    units = np.empty(tail.shape[0], np.int64)
    kernel.allocate_units(np.ascontiguousarray(tail), volume_units, units)
    return units


def expected_fill_units(tail: Float64Array, units: Int64Array) -> float:
    """Units that are expected to fill of an allocation."""
    return float(sum(tail[k, : int(units[k])].sum() for k in range(units.size)))
