import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from app.kernels import legs
from app.routing import network
from app.routing.solvers import dual
from loadtests.swaps import random_swap

seeds = st.integers(0, 2**32)


@settings(max_examples=80)
@given(seeds, st.booleans())
def test_a_wallet_can_pay_every_leg_in_order(seed, has_arbitrage):
    problem = random_swap(seed, has_arbitrage=has_arbitrage)
    plan = dual.solve(problem)
    balance = np.zeros(problem.network.n_tokens)
    balance[problem.token_in_i] = problem.amount_units
    for (i, d), (given_units, taken) in zip(plan.leg.tolist(), plan.leg_units.tolist(), strict=True):
        token = problem.network.token[i]
        assert given_units <= balance[token[d]]
        balance[token[d]] -= given_units
        balance[token[1 - d]] += taken
    assert balance[problem.token_out_i] == plan.out_units


def test_a_circle_that_cannot_be_paid_is_taken_out():
    """Trades of a circle a thousand times the wallet: what remains is the way through, and nothing is stranded."""
    pools = [network.constant_product((0, 1), 0.0, (1e6, 1e6)) for _ in range(3)]
    net = network.network(2, pools)
    flow = np.array([[1001.0, 1000.0, 0.0], [999.0, 998.0, 1.0], [0.0, 0.0, -1.0]])
    leg, units, balance = np.empty((99, 2), np.int64), np.empty((99, 2)), np.empty(2)
    turns = np.zeros(1, np.int64)
    args = (net.kind, net.token, net.par, net.first_seg, net.seg, flow, 1.0, 0, 1, 0, 1e-13, leg, units, balance, turns)
    n_legs = legs.order_legs(*args)
    assert n_legs == 1
    assert leg[0].tolist() == [0, 0]
    assert balance[1] > 0.99
    assert turns[0] > 0
