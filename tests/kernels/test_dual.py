from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.kernels import dual
from app.routing.solvers import dual as solver
from loadtests.swaps import random_swap

seeds = st.integers(0, 2**32)


def value_at(problem, log_price):
    net = problem.network
    m, n = net.n_sources, net.n_tokens
    anchor = np.zeros(2 * m + len(net.seg))
    pull, flow = np.empty(n), np.empty((m, 3))
    worth = dual.evaluate(
        net.kind, net.token, net.par, net.first_seg, net.seg, np.full(m, dual.FREE), problem.gas_units, log_price,
        0.0, 0.0, anchor, anchor.copy(), flow, pull, np.empty((n, n)),
    )  # fmt: skip
    return worth + problem.amount_units * np.exp(log_price[problem.token_in_i]), pull


@settings(max_examples=60)
@given(seeds)
def test_every_price_is_a_bound_on_every_plan(seed):
    problem = random_swap(seed, has_arbitrage=True)
    plan = solver.solve(problem)
    rng = Random(seed)
    prices = np.empty(problem.network.n_tokens)
    dual.first_prices(
        problem.network.token,
        problem.network.par,
        np.full(problem.network.n_sources, dual.FREE),
        problem.token_out_i,
        prices,
    )
    for k in range(prices.size):
        prices[k] += 0.0 if k == problem.token_out_i else rng.gauss(0, 0.01)
    assert plan.out_units <= value_at(problem, prices)[0] * (1 + 1e-12)
    assert plan.out_units <= plan.bound_units * (1 + 1e-12)


@settings(max_examples=40)
@given(seeds)
def test_imbalances_are_the_slope_of_the_value(seed):
    problem = random_swap(seed, has_books=False)
    rng, prices = Random(seed), np.empty(problem.network.n_tokens)
    dual.first_prices(
        problem.network.token,
        problem.network.par,
        np.full(problem.network.n_sources, dual.FREE),
        problem.token_out_i,
        prices,
    )
    prices += np.array([rng.gauss(0, 0.02) for _ in prices])
    k = rng.randrange(prices.size)
    step = 1e-6
    up, down = prices.copy(), prices.copy()
    up[k] += step
    down[k] -= step
    pull = value_at(problem, prices)[1][k]
    if k == problem.token_in_i:
        pull += problem.amount_units * np.exp(prices[k])
    slope = (value_at(problem, up)[0] - value_at(problem, down)[0]) / (2 * step)
    scale = abs(value_at(problem, prices)[0])
    assert slope == pytest.approx(pull, rel=1e-3, abs=1e-4 * scale)
