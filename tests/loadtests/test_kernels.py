"""A comparison means something only while all three give the same allocation on the same books."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from loadtests.kernels import buffers, c_decider, c_library, heapq_decider, numba_decider
from loadtests.markets import make_market


@pytest.mark.parametrize("shape", [(8, 20), (5, 3), (1, 1)])
def test_the_twins_allocate_alike(shape, tmp_path: Path):
    market = make_market(*shape)
    ours, theirs = buffers(market), buffers(market)
    numba_decider(market, ours)(1)
    heapq_decider(market, theirs)(1)
    assert np.array_equal(ours.out_units, theirs.out_units)
    assert int(ours.out_units.sum()) == market.target_units
    library = c_library(tmp_path)
    if library is not None:
        c_twin = buffers(market)
        c_decider(library, market, c_twin)(1)
        assert np.array_equal(ours.out_units, c_twin.out_units)
        assert np.array_equal(ours.unit, c_twin.unit)
