from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.kernels import cost, ladder, remainder
from tests.kernels.ladders import Flat
from tests.kernels.splits import lay, split_problem
from tests.reference.exact import exact_split


@given(st.integers(0, 2**32))
def test_lots_alone_are_settled_in_one_node_as_the_twin_does(seed):
    """Without choices the root is the only node, so that the cost is what the last lots were settled at."""
    split = split_problem(Random(seed), is_plain=True)
    placed, least_nano = exact_split(split.venues(), split.target, 0)
    split.search()
    assert split.tally[ladder.N_NODES] == min(split.reach, 1)
    assert bool(split.tally[ladder.HAS_PLAN]) == (placed == split.reach > 0)
    if split.tally[ladder.HAS_PLAN]:
        tolerance = 1e-11 * float(np.abs(split.flat.unit_nano).max()) * placed
        assert split.best_nano[ladder.LEAST_NANO] == pytest.approx(least_nano, abs=tolerance)


def test_lots_beyond_what_is_tried_keep_a_bound_and_say_so():
    """Three large primes as lots: too many remainders, so nothing is proven but the relaxation's bound."""
    lots = (10_007, 10_009, 10_037)
    levels = [[(100 + v, 10 * lot)] for v, lot in enumerate(lots)]
    terms = np.zeros((3, cost.N_TERMS), np.int64)
    terms[:, cost.LOT_UNITS] = lots
    qty = np.array([10 * lot for lot in lots], np.int64)
    unit = np.array([100.0, 101.0, 102.0])
    first = np.arange(4, dtype=np.int64)
    flat = Flat(first, unit.astype(np.int64), qty, unit, terms, np.zeros(cost.N_RULES, np.int64), (1, 1), levels)
    target = 10_007 + 2 * 10_009
    split = lay(flat, terms, qty, target, 0)
    split.search()
    assert np.prod(lots) // lots[0] > remainder.MAX_REMAINDERS
    assert split.best_nano[ladder.BOUND_NANO] <= 10_007 * 100.0 + 2 * 10_009 * 101.0
