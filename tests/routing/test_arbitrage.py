"""Five hundred graphs of our own against every simple cycle there is; edges of the interface; the solved cases."""

from __future__ import annotations

import json
import math
from random import Random

import numpy as np
import pytest

from app.domain.errors import BadRequest
from app.routing.arbitrage import Conversions, best_cycle, best_path
from loadtests.cases_cycle import find_cycle
from tests.reference.paths import best_cycle as twin


def conversions(*rows, n=3, gas=None):
    source, target, ratio, fee = (np.array(column) for column in zip(*rows, strict=True))
    return Conversions(n, source, target, ratio.astype(float), fee.astype(float), gas)


def family(seed):
    """A graph of assets with prices, rates that disagree a little and fees, as the solved cases have them."""
    rng = Random(seed)
    n, share = rng.randint(3, 9), rng.choice([0.35, 0.6, 1.0])
    spread, fees = rng.choice([0.0002, 0.002, 0.01]), rng.choice([(0,), (1, 5, 10), (10, 30)])
    price = [math.exp(rng.gauss(0, 4)) for _ in range(n)]
    rows = [
        (a, b, price[a] / price[b] * math.exp(rng.gauss(0, spread)), rng.choice(fees) / 1e4)
        for a in range(n)
        for b in range(n)
        if a != b and rng.random() < share
    ]
    return n, rows or [(0, 1, 1.0, 0.0)]


def test_five_hundred_graphs_give_the_best_cycle_and_no_false_one():
    n_gaining = 0
    for seed in range(500):
        n, rows = family(seed)
        logs = {(a, b): math.log(ratio * (1 - fee)) for a, b, ratio, fee in rows}
        best, _ = twin(logs, n, 6)
        longest, _ = twin(logs, n, n)
        found = best_cycle(conversions(*rows, n=n))
        assert (found is not None) == (longest > 1e-11), seed
        if found is None:
            continue
        n_gaining += 1
        gain = math.prod(
            math.exp(logs[pair]) for pair in zip(found.assets, found.assets[1:] + found.assets[:1], strict=True)
        )
        assert math.isclose(gain - 1, found.gain_frac, rel_tol=1e-6, abs_tol=1e-12)
        assert found.is_best == (best > 1e-11)
        if found.is_best:
            assert math.isclose(math.log1p(found.gain_frac), best, rel_tol=1e-9, abs_tol=1e-12)
    assert 200 < n_gaining < 490


def test_the_better_of_two_conversions_of_one_pair_is_used():
    found = best_cycle(conversions((0, 1, 1.0, 0.0), (0, 1, 1.2, 0.01), (0, 1, 1.1, 0.0), (1, 0, 1.0, 0.0)))
    assert found is not None
    assert found.assets in {(0, 1), (1, 0)}
    assert math.isclose(found.gain_frac, 0.188)


def test_a_gain_of_nothing_is_none():
    assert best_cycle(conversions((0, 1, 2.0, 0.0), (1, 0, 0.5, 0.0))) is None
    assert best_cycle(conversions((0, 1, 2.0, 0.0), (1, 2, 3.0, 0.0))) is None


def test_a_conversion_into_itself_is_no_cycle():
    assert best_cycle(conversions((0, 0, 2.0, 0.0), (0, 1, 1.0, 0.0))) is None


def test_a_longer_cycle_is_found_and_not_called_best():
    ring = [(a, (a + 1) % 8, 1.001, 0.0) for a in range(8)]
    found = best_cycle(conversions(*ring, n=8))
    assert found is not None
    assert len(found.assets) == 8
    assert not found.is_best


@pytest.mark.parametrize("ratio", [0.0, -1.0, math.inf, math.nan])
def test_a_rate_that_cannot_be_is_refused(ratio):
    with pytest.raises(BadRequest):
        best_cycle(conversions((0, 1, ratio, 0.0)))


def test_hops_and_assets_out_of_range_are_refused():
    graph = conversions((0, 1, 1.0, 0.0))
    for max_hops in (3, 5, 7):
        with pytest.raises(BadRequest):
            best_cycle(graph, max_hops=max_hops)
    with pytest.raises(BadRequest):
        best_cycle(conversions((0, 3, 1.0, 0.0)))
    for ends, amount, max_hops in (((0, 0), 1.0, 1), ((0, 1), 0.0, 1), ((0, 1), 1.0, 0)):
        with pytest.raises(BadRequest):
            best_path(graph, ends, amount_units=amount, max_hops=max_hops)


TRIANGLE = ((0, 2, 1.0, 0.01), (0, 1, 1.0, 0.001), (1, 2, 1.0, 0.001))


def test_two_cheap_hops_beat_a_dear_one_until_gas_does_not():
    gas = np.array([0.0, 0.5, 0.5])
    large = best_path(conversions(*TRIANGLE, gas=gas), (0, 2), amount_units=1_000.0, max_hops=3)
    small = best_path(conversions(*TRIANGLE, gas=gas), (0, 2), amount_units=100.0, max_hops=3)
    assert large is not None
    assert large.assets == (0, 1, 2)
    assert math.isclose(large.amount_units, (1_000 * 0.999 - 0.5) * 0.999 - 0.5)
    assert small is not None
    assert small.assets == (0, 2)
    assert small.amount_units == 99.0


def test_a_hop_has_its_price():
    far = best_path(conversions(*TRIANGLE), (0, 2), amount_units=1.0, max_hops=2, hop_cost_frac=0.0)
    near = best_path(conversions(*TRIANGLE), (0, 2), amount_units=1.0, max_hops=2, hop_cost_frac=0.009)
    assert far is not None
    assert near is not None
    assert (far.assets, near.assets) == ((0, 1, 2), (0, 2))
    assert best_path(conversions(*TRIANGLE), (2, 0), amount_units=1.0, max_hops=2) is None
    only = best_path(conversions(*TRIANGLE), (0, 2), amount_units=1.0, max_hops=1)
    assert only is not None
    assert only.assets == (0, 2)


@pytest.mark.shared_data
def test_solved_cases_are_found_and_none_invented(shared):
    cases = json.loads((shared / "cases" / "cases" / "cycle_arb.json").read_text())["cases"]
    answers = json.loads((shared / "cases" / "reference" / "cycle_arb.json").read_text())["answers"]
    assert len(cases) == 12
    for case in cases:
        reference, found = answers[case["id"]], find_cycle(case)
        assert (found is not None) == reference["has_negative_cycle"], case["id"]
        if found is None:
            continue
        rate = {(a, b): r * (1 - fee / 1e4) for a, b, r, fee in case["edges"]}
        nodes = found["cycle"]
        profit = math.prod(rate[pair] for pair in zip(nodes, [*nodes[1:], nodes[0]], strict=True)) - 1
        assert len(set(nodes)) == len(nodes)
        assert profit >= reference["best_len_le4"]["profit"] * (1 - 1e-9)
