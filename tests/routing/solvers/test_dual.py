from itertools import product

import numpy as np
import pytest

from app.kernels import dual as kernel
from app.routing import network
from app.routing.network import PlanStatus
from app.routing.solvers import dual
from loadtests.swaps import random_swap


@pytest.mark.parametrize("seed", range(40))
def test_swaps_over_agreeing_pools_are_proven_optimal(seed):
    problem = random_swap(seed, has_books=False)
    plan = dual.solve(problem)
    assert plan.gap_bps < 1e-2
    assert plan.net_units <= plan.bound_units * (1 + 1e-12)


@pytest.mark.parametrize("seed", range(8))
def test_fixed_costs_are_decided_as_by_trying_every_set(seed):
    rng = np.random.default_rng(seed)
    pools = [
        network.constant_product(
            pair, 3_000.0, (size := float(rng.uniform(5e2, 5e3)), size * float(rng.uniform(0.9995, 1.0005)))
        )
        for pair in ((0, 1),) * 3 + ((0, 2), (1, 2))
    ]
    net = network.network(3, pools)
    problem = network.swap(net, 0, 1, 50.0, 0.05)
    best = -np.inf
    for mask in product((False, True), repeat=5):
        kept = [pool for pool, is_kept in zip(pools, mask, strict=True) if is_kept]
        if kept:
            plan = dual.solve(network.swap(network.network(3, kept), 0, 1, 50.0))
            best = max(best, plan.out_units - 0.05 * len(plan.leg))
    found = dual.solve(problem)
    assert found.net_units == pytest.approx(best, rel=1e-9)
    assert found.bound_units >= best * (1 - 1e-12)


def test_no_path_is_said():
    net = network.network(3, [network.constant_product((0, 1), 0.0, (1.0, 1.0))])
    assert dual.solve(network.swap(net, 0, 2, 1.0)).status is PlanStatus.NO_PATH


def test_states_differ():
    assert len({kernel.CLOSED, kernel.FREE, kernel.PAYING}) == 3
