from dataclasses import replace
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.routing import network, walks
from app.routing.solvers import dual
from loadtests.swaps import random_swap

seeds = st.integers(0, 2**32)


def pay(problem, plan):
    """The wallet after the legs; refuses one that it cannot pay."""
    balance = np.zeros(problem.network.n_tokens)
    balance[problem.token_in_i] = problem.amount_units
    for (i, d), (given_units, taken_units) in zip(plan.leg.tolist(), plan.leg_units.tolist(), strict=True):
        token = problem.network.token[i]
        assert given_units <= balance[token[d]] * (1 + 1e-12)
        balance[token[d]] -= given_units
        balance[token[1 - d]] += taken_units
    return balance


@settings(max_examples=25, deadline=None)
@given(seeds, st.sampled_from((1, 5)))
def test_a_wallet_can_pay_every_walk(seed, n_slices):
    problem = random_swap(seed, has_arbitrage=True)
    plan = walks.solve(problem, n_slices)
    assert pay(problem, plan)[problem.token_out_i] == pytest.approx(plan.out_units, rel=1e-9)


@pytest.mark.parametrize("seed", range(6))
def test_one_slice_is_the_best_single_path(seed):
    """Every way through the middle tokens of a complete graph, by the formula of a constant product."""
    rng = np.random.default_rng(seed)
    pairs = [(a, b) for a in range(4) for b in range(a + 1, 4)]
    reserves = {pair: tuple(rng.uniform(900, 1100, 2).tolist()) for pair in pairs}
    net = network.network(4, [network.constant_product(pair, 3_000.0, reserves[pair]) for pair in pairs])
    best = 0.0
    for n_middle in range(3):
        for middle in permutations((1, 2), n_middle):
            amount, at = 100.0, 0
            for to in (*middle, 3):
                held = reserves[min(at, to), max(at, to)]
                into, out = held if at < to else held[::-1]
                amount, at = out * 0.997 * amount / (into + 0.997 * amount), to
            best = max(best, amount)
    assert walks.solve(network.swap(net, 0, 3, 100.0), 1).out_units >= best * (1 - 1e-12)


@settings(max_examples=10, deadline=None)
@given(seeds)
def test_finishing_never_loses_and_stays_payable(seed):
    problem = random_swap(seed, has_arbitrage=True, has_books=False)
    plan = walks.solve(problem, 1)
    found = walks.finish(problem, plan, 4)
    assert found.net_units >= plan.net_units
    assert pay(problem, found)[problem.token_out_i] == pytest.approx(found.out_units, rel=1e-9)


def test_what_a_plan_stranded_is_turned_into_the_wanted_token():
    pool = network.constant_product((0, 1), 3_000.0, (1e3, 1e3))
    problem = network.swap(network.network(2, [pool]), 0, 1, 10.0)
    whole = dual.solve(problem)
    nothing = replace(whole, leg=whole.leg[:0], leg_units=whole.leg_units[:0], out_units=0.0, net_units=0.0)
    found = walks.finish(problem, nothing)
    assert found.out_units == pytest.approx(whole.out_units)
    assert found.solver == "dual+walks"
