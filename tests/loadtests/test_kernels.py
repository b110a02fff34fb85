"""A comparison means something only while all three give the same allocation on the same books."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from app.kernels.cost import LIMIT_UNITS
from loadtests.kernels import PLACES, buffers, c_decider, c_library, compare, heapq_decider, numba_decider
from loadtests.markets import MID_UNITS, make_market


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


@pytest.mark.parametrize("beyond", [-(10**6), 0, 15, 40, 10**6])
def test_the_c_twin_cuts_at_the_limit_as_ours_does(beyond, tmp_path: Path):
    library = c_library(tmp_path)
    if library is None:
        pytest.skip("no C compiler")
    market = make_market(8, 20)
    market.terms[:, LIMIT_UNITS] = MID_UNITS + beyond
    ours, theirs = buffers(market), buffers(market)
    numba_decider(market, ours)(1)
    c_decider(library, market, theirs)(1)
    for name in ("first", "seen", "reach", "flat_price", "flat_qty", "unit", "out_units"):
        assert np.array_equal(getattr(ours, name), getattr(theirs, name)), name


def test_a_comparison_looks_at_several_places(monkeypatch):
    made = []
    monkeypatch.setattr("loadtests.kernels.buffers", lambda market: made.append(buffers(market)) or made[-1])
    row = compare(make_market(2, 3), None, n_samples=1)
    assert len({each.unit.ctypes.data for each in made}) == PLACES == len(made)
    assert row["heapq_over_numba"] > 1.0
