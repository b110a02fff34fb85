from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.kernels import ladder
from tests.kernels.splits import split_problem
from tests.reference.exact import exact_split, own_costs

seeds = st.integers(0, 2**32)
SAME_FRAC = 1e-11


@given(seeds)
def test_the_search_agrees_with_trying_everything(seed):
    split = split_problem(Random(seed))
    placed, least_nano = exact_split(split.venues(), split.target, split.max_venues)
    split.search()
    assert split.tally[ladder.IS_COMPLETE] == 1
    assert bool(split.tally[ladder.HAS_PLAN]) == (placed == split.reach > 0)
    if not split.tally[ladder.HAS_PLAN]:
        return
    units = split.place[: split.n, ladder.BEST_UNITS]
    own = [dict(own_costs(venue, split.target)) for venue in split.venues()]
    spent = sum(own[v][int(units[v])] for v in np.flatnonzero(units))
    tolerance = SAME_FRAC * float(np.abs(split.flat.unit_nano).max()) * placed
    assert int(units.sum()) == placed
    assert not split.max_venues or np.count_nonzero(units) <= split.max_venues
    assert spent == pytest.approx(least_nano, abs=tolerance)
    assert split.best_nano[ladder.LEAST_NANO] == pytest.approx(spent, abs=tolerance)
    assert -tolerance <= least_nano - split.best_nano[ladder.BOUND_NANO] <= tolerance


@given(seeds, st.integers(1, 12))
def test_a_short_budget_still_gives_a_true_bound(seed, max_nodes):
    split = split_problem(Random(seed))
    placed, least_nano = exact_split(split.venues(), split.target, split.max_venues)
    split.search(max_nodes)
    assert split.tally[ladder.N_NODES] <= max_nodes
    if placed == split.reach > 0:
        tolerance = SAME_FRAC * float(np.abs(split.flat.unit_nano).max()) * placed
        assert split.best_nano[ladder.BOUND_NANO] <= least_nano + tolerance
        assert split.best_nano[ladder.LEAST_NANO] >= least_nano - tolerance


def test_a_cost_that_is_good_enough_ends_the_search():
    split = next(s for s in map(split_problem, map(Random, range(1_000))) if _n_nodes(s) > 8)
    again = next(s for s in map(split_problem, map(Random, range(1_000))) if _n_nodes_of_copy(s) > 8)
    again.best_nano[ladder.ENOUGH_NANO] = np.inf
    again.search()
    assert again.tally[ladder.N_NODES] == 0
    assert split.tally[ladder.N_NODES] > 8


def _n_nodes(split) -> int:
    split.search()
    return int(split.tally[ladder.N_NODES])


def _n_nodes_of_copy(split) -> int:
    kept = (split.place.copy(), split.own_nano.copy(), split.tally.copy(), split.best_nano.copy())
    n_nodes = _n_nodes(split)
    split.place, split.own_nano, split.tally, split.best_nano = kept
    return n_nodes
