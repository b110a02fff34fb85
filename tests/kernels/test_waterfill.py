from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.kernels import amm, dual, waterfill
from app.routing import network
from loadtests.swaps import KINDS, Shape, random_source
from tests.kernels.test_amm import curve_of
from tests.reference import amm as twin

seeds = st.integers(0, 2**32)


def market(seed, kinds=KINDS):
    rng = Random(seed)
    n, price = rng.randint(1, 9), [1.0, 3.0]
    sources = [random_source(rng, Shape(2, n, kinds, 1.0, 0.0), (0, 1), price) for _ in range(n)]
    return network.network(2, sources), 10 ** rng.uniform(2, 6)


def run(net, amount, gas=0.0, state=dual.FREE):
    m = net.n_sources
    leg, units, value = np.empty((m, 2), np.int64), np.empty((m, 2)), np.empty(4)
    args = (net.kind, net.token, net.par, net.first_seg, net.seg, np.full(m, state), np.full(m, gas), amount, 0, 1)
    n_legs = waterfill.split(*args, leg, units, value)
    return leg[:n_legs], units[:n_legs], value.tolist()


@settings(max_examples=150)
@given(seeds)
def test_inputs_add_up_and_the_bound_is_met(seed):
    net, amount = market(seed)
    _, units, (bound, out, unspent, _) = run(net, amount)
    assert units[:, 0].sum() + unspent == pytest.approx(amount, rel=1e-12)
    assert out == pytest.approx(bound, rel=1e-7)
    assert out <= bound


@settings(max_examples=15)
@given(seeds, st.integers(2, 4))
def test_the_split_brings_what_the_slow_twin_does(seed, n):
    rng = Random(seed)
    sources = [random_source(rng, Shape(2, n, KINDS, 1.0, 0.0), (0, 1), [1.0, 3.0]) for _ in range(n)]
    amount = 10 ** rng.uniform(2, 5)
    curves = [curve_of(network.network(2, [source]), 0) for source in sources]
    inputs, slow = twin.waterfill(curves, amount, 300)
    leg, units, (_, out, *_rest) = run(network.network(2, sources), amount)
    assert out >= slow * (1 - 1e-9)
    assert out <= slow * (1 + 1e-3)
    given_units = [float(units[leg[:, 0] == i, 0].sum()) for i in range(n)]
    priced = sum(curve(x) for curve, x in zip(curves, given_units, strict=True))
    assert priced == pytest.approx(out, rel=1e-8)
    assert sum(inputs) == pytest.approx(amount)


@settings(max_examples=60)
@given(seeds, st.floats(0.01, 0.5))
def test_no_shift_between_two_sources_brings_more(seed, part):
    net, amount = market(seed)
    leg, units, (_, out, *_rest) = run(net, amount)
    rng = Random(seed)
    if len(leg) < 2:
        return
    a, b = rng.sample(range(len(leg)), 2)
    moved = units[:, 0].copy()
    moved[a] += part * moved[b]
    moved[b] *= 1 - part
    quotes = np.empty((len(leg), 5))
    amm.open_sources(
        net.kind, net.par, net.first_seg, net.seg, leg.copy(), np.column_stack((moved, np.ones(len(leg)))), quotes
    )
    assert quotes[:, 0].sum() <= out * (1 + 1e-9)


@settings(max_examples=60)
@given(seeds, st.floats(1e-3, 1e3))
def test_a_bound_with_fixed_costs_covers_every_set_of_sources(seed, gas):
    net, amount = market(seed)
    _, _, (bound, *_rest) = run(net, amount, gas, dual.PAYING)
    rng = Random(seed)
    for _ in range(8):
        state = np.array([rng.choice((dual.FREE, dual.CLOSED)) for _ in range(net.n_sources)])
        m = net.n_sources
        leg, units, value = np.empty((m, 2), np.int64), np.empty((m, 2)), np.empty(4)
        waterfill.split(
            net.kind,
            net.token,
            net.par,
            net.first_seg,
            net.seg,
            state,
            np.full(m, gas),
            amount,
            0,
            1,
            leg,
            units,
            value,
        )
        assert value[1] - value[3] <= bound * (1 + 1e-12)
