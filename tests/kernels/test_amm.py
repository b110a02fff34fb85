import math
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.kernels import amm
from app.routing import network
from loadtests.swaps import KINDS, Shape, random_source
from tests.reference import amm as twin

seeds = st.integers(0, 2**32)
SHAPE = Shape(2, 1, KINDS, 0.4, 0.0)


def opened(seed, kind=None):
    """A random source between two tokens and a reader of it: (network, quote(direction, input, ratio))."""
    rng = Random(seed)
    kinds = (kind,) if kind else KINDS
    price = [1.0, 1.0 if kind == "stable" else math.exp(rng.uniform(-3, 3))]
    net = network.network(2, [random_source(rng, Shape(2, 1, kinds, 0.4, 0.0), (0, 1), price)])

    def quote(direction, given_units, ratio=1.0):
        out = np.empty((1, 5))
        row, ask = np.array([[0, direction]], np.int64), np.array([[given_units, ratio]])
        amm.open_sources(net.kind, net.par, net.first_seg, net.seg, row, ask, out)
        return out[0].tolist()

    return net, quote


def room(net, direction):
    """An amount that moves the price without leaving the curve."""
    first, end = net.first_seg[direction], net.first_seg[direction + 1]
    if net.kind[0] == amm.BOOK:
        return float(net.seg[first:end, 0].sum())
    if net.kind[0] == amm.CONCENTRATED:
        start, stop, liquidity = net.seg[first]
        return float(liquidity * (1 / stop - 1 / start if direction == 0 else stop - start) / net.par[0, amm.KEEP])
    return 0.3 * float(net.par[0, direction])


def curve_of(net, direction):
    """The slow twin of the network's one source."""
    row, keep = net.par[0].tolist(), float(net.par[0, amm.KEEP])
    pieces = net.seg[net.first_seg[direction] : net.first_seg[direction + 1]].tolist()
    kind = int(net.kind[0])
    if kind == amm.PRODUCT:
        return twin.product_curve(row[direction], row[1 - direction], keep)
    if kind == amm.WEIGHTED:
        return twin.weighted_curve(row[direction], row[1 - direction], row[3 + direction], row[4 - direction], keep)
    if kind == amm.STABLE:
        return twin.stable_curve(row[direction], row[1 - direction], row[amm.SHAPE0], keep)
    return twin.range_curve(pieces, direction, keep) if kind == amm.CONCENTRATED else twin.book_curve(pieces)


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=40)
@given(seeds, st.integers(0, 1), st.floats(0.01, 0.9))
def test_output_agrees_with_the_slow_twin(kind, seed, direction, part):
    net, quote = opened(seed, kind)
    asked = part * room(net, direction)
    assert quote(direction, asked)[0] == pytest.approx(curve_of(net, direction)(asked), rel=1e-8)


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=40)
@given(seeds, st.integers(0, 1), st.floats(0.05, 0.4))
def test_curves_rise_bend_down_and_lose_a_round_trip(kind, seed, direction, part):
    net, quote = opened(seed, kind)
    size = part * room(net, direction)
    one, two = quote(direction, size), quote(direction, 2 * size)
    assert 0.0 < one[0] < two[0] <= 2 * one[0] * (1 + 1e-9)
    assert one[1] >= two[1] * (1 - 1e-9)
    assert two[0] - one[0] <= one[1] * size * (1 + 1e-9)
    assert quote(1 - direction, one[0])[0] < size


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=40)
@given(seeds, st.integers(0, 1), st.floats(0.05, 0.9))
def test_the_best_trade_at_a_price_is_where_the_marginal_rate_meets_it(kind, seed, direction, part):
    net, quote = opened(seed, kind)
    size = part * room(net, direction)
    ratio = quote(direction, size)[1]
    _, _, given_units, taken, bend = quote(direction, size, ratio)
    assert bend >= 0.0
    asked = quote(direction, size)[0]
    assert taken - ratio * given_units >= asked - ratio * size - 1e-9 * max(taken, asked)
    assert taken == pytest.approx(quote(direction, given_units)[0], rel=1e-9, abs=1e-12)


def test_nothing_trades_above_the_first_rate():
    _, quote = opened(1, "product")
    first = quote(0, 0.0)[1]
    assert quote(0, 1.0, first * 1.0001)[2:] == [0.0, 0.0, 0.0]
    assert quote(0, 1.0, first * 0.9999)[2] > 0.0


@settings(max_examples=60)
@given(st.floats(1.0, 1e9), st.floats(0.2, 5.0), st.floats(2.0, 4000.0))
def test_the_stable_invariant_solves_its_equation(x, skew, amplified):
    y = x * skew
    d = amm.stable_invariant.py_func(x, y, amplified)
    left, right = amplified * (x + y) + d, amplified * d + d**3 / (4 * x * y)
    assert left == pytest.approx(right, rel=1e-12)


@pytest.mark.shared_data
@pytest.mark.parametrize("family", ["dex", "dex_gas"])
def test_quotes_equal_the_cases_own_simulator(shared, family):
    import importlib.util
    import json

    from loadtests.cases_dex import problem_of

    spec = importlib.util.spec_from_file_location("cases_sim", shared / "cases" / "sim.py")
    sim = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(sim)
    n_seen = 0
    for case in json.loads((shared / "cases" / "cases" / f"{family}.json").read_text())["cases"]:
        net = problem_of(case).network
        rows = [(i, d) for i in range(net.n_sources) for d in range(2)]
        asks = []
        for i, d in rows:
            pool = case["pools"][i]
            size = pool["reserves"][d] if "reserves" in pool else 1e-3 * net.seg[net.first_seg[2 * i + d], 2]
            asks.append((1e-3 * size, 1.0))
        out = np.empty((len(rows), 5))
        amm.open_sources(net.kind, net.par, net.first_seg, net.seg, np.array(rows, np.int64), np.array(asks), out)
        for (i, d), (asked, _), quoted in zip(rows, asks, out[:, 0].tolist(), strict=True):
            pool = sim.POOLS[case["pools"][i]["type"]](case["pools"][i])
            if case["pools"][i]["type"] == "v3":
                segments = pool.dn if d == 0 else pool.up
                if not segments:
                    continue
            # A deep pool's output is a small difference of large numbers: its digits are relative to its depth.
            depth = case["pools"][i].get("reserves", (0.0, 0.0))[1 - d]
            assert quoted == pytest.approx(pool.out(d, asked), rel=1e-11, abs=1e-14 * depth + 1e-14)
            n_seen += 1
    assert n_seen > 50


def test_a_stable_pools_best_trade_falls_at_every_rise_of_the_price():
    """Newton's steps went back and forth between the curve's flanks at some prices, and said less than half of it."""
    net = network.network(2, [network.stable_swap((0, 1), 3_000, (198_493.21, 198_352.652), 1_000.0)])
    ratios = np.exp(np.linspace(-12.0, -0.1, 4_001))
    row = np.zeros((ratios.size, 2), np.int64)
    ask, out = np.column_stack([np.ones(ratios.size), ratios]), np.empty((ratios.size, 5))
    amm.open_sources(net.kind, net.par, net.first_seg, net.seg, row, ask, out)
    given_units = out[:, 2]
    assert given_units[0] > 1e6
    assert (np.diff(given_units) < 0.0).all()
