from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from app.kernels import dual as kernel
from app.routing import network, walks
from app.routing.network import PlanStatus
from app.routing.solvers import dual
from loadtests import conic
from loadtests.swaps import random_swap


@pytest.mark.parametrize("seed", range(100))
def test_swaps_over_agreeing_pools_are_proven_optimal(seed):
    problem = random_swap(seed, has_books=False)
    plan = dual.solve(problem)
    assert plan.gap_bps < 1e-2
    assert plan.net_units <= plan.bound_units * (1 + 1e-12)


@pytest.mark.parametrize("seed", (15, 36, 77, 90))
def test_swaps_over_pools_and_books_are_within_rounding(seed):
    plan = dual.solve(random_swap(seed))
    assert plan.net_units >= plan.bound_units * (1 - 1e-7)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32), st.floats(0.0, 6.0), st.booleans(), st.booleans())
@example(4049, 2.625, False, False)  # a stable pool's trade was cut short, and the bound was 4.6 % too low
def test_amounts_far_beyond_depth_are_never_worse_than_one_path(seed, power, has_books, has_arbitrage):
    problem = random_swap(seed, has_books=has_books, has_arbitrage=has_arbitrage)
    problem = replace(problem, amount_units=problem.amount_units * 10**power)
    plan = dual.solve(problem)
    assert plan.net_units >= walks.solve(problem, 1).net_units * (1 - 1e-7)
    assert plan.net_units <= plan.bound_units * (1 + 1e-12)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**32), st.booleans())
def test_with_fixed_costs_never_worse_than_one_path_or_walks(seed, has_books):
    problem = random_swap(seed, has_gas=True, has_books=has_books)
    plan = dual.solve(problem, 20, 3e4)
    for n_slices in (1, 4):
        walked = walks.solve(problem, n_slices).net_units
        assert plan.net_units >= walked - 1e-7 * abs(walked)
    assert plan.net_units <= plan.bound_units + 1e-12 * abs(plan.bound_units)


def test_a_search_cut_short_says_so():
    problem = random_swap(40, has_gas=True, has_books=False)
    plan = dual.solve(problem, 1, 1e3)
    assert plan.status is PlanStatus.DEADLINE
    assert plan.gap_bps > 0.0


@pytest.mark.parametrize("n_hops", (1, 2, 4))
@pytest.mark.parametrize("seed", (0, 1))
def test_plans_bring_what_a_conic_solver_finds(seed, n_hops):
    problem = conic.convex_swap(seed, n_hops)
    plan = dual.solve(problem)
    assert plan.net_units == pytest.approx(conic.optimum(problem), rel=1e-6)
    assert plan.status is PlanStatus.OPTIMAL


PAIRS = ((0, 1),) * 3 + ((0, 2), (1, 2))


def agreeing(rng):
    size = float(rng.uniform(5e2, 5e3))
    return size, size * float(rng.uniform(0.9995, 1.0005))


def disagreeing(rng):
    return float(rng.uniform(5e2, 5e3)), float(rng.uniform(5e2, 5e3))


@pytest.mark.parametrize("reserves", (agreeing, disagreeing))
@pytest.mark.parametrize("seed", range(8))
def test_fixed_costs_are_decided_as_by_trying_every_set(seed, reserves):
    rng = np.random.default_rng(seed)
    pools = [network.constant_product(pair, 3_000.0, reserves(rng)) for pair in PAIRS]
    best = -np.inf
    for mask in product((False, True), repeat=5):
        kept = [pool for pool, is_kept in zip(pools, mask, strict=True) if is_kept]
        if kept:
            plan = dual.solve(network.swap(network.network(3, kept), 0, 1, 50.0))
            best = max(best, plan.out_units - 0.05 * len(plan.leg))
    found = dual.solve(network.swap(network.network(3, pools), 0, 1, 50.0, 0.05))
    assert found.net_units >= best * (1 - 1e-9)
    assert found.bound_units >= best * (1 - 1e-12)
    if reserves is agreeing:
        assert found.net_units == pytest.approx(best, rel=1e-9)


def test_no_path_is_said():
    net = network.network(3, [network.constant_product((0, 1), 0.0, (1.0, 1.0))])
    assert dual.solve(network.swap(net, 0, 2, 1.0)).status is PlanStatus.NO_PATH


def test_states_differ():
    assert len({kernel.CLOSED, kernel.FREE, kernel.PAYING}) == 3
