import math
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.kernels import paths
from app.kernels.status import BAD_LEVELS, OK
from tests.reference.paths import best_cycle, best_path

seeds = st.integers(0, 2**32)


def graph(rng, n, share, spread, fee):
    """Logarithms of rates that follow prices up to noise, less a fee; about `share` of all pairs."""
    value = [rng.gauss(0, 3) for _ in range(n)]
    logs = {
        (a, b): value[b] - value[a] + rng.gauss(0, spread) - fee
        for a in range(n)
        for b in range(n)
        if a != b and rng.random() < share
    }
    matrix = np.full((n, n), -np.inf)
    for (a, b), gain in logs.items():
        matrix[a, b] = gain
    return logs, matrix


def searched(matrix, max_hops, *, is_primed=False):
    n = matrix.shape[0]
    gain, middle = np.empty((n, n, paths.N_MIDDLES)), np.empty((n, n, paths.N_MIDDLES), np.int64)
    cycle, scratch, potential = np.full(max(n, paths.EXACT_HOPS), -1), np.empty(n, np.int64), np.zeros(n)
    if is_primed:
        n_found = paths.any_cycle(matrix, potential, scratch, cycle)
        cycle[n_found:] = -1
    bounds = np.empty((n, n)), np.empty((3, n))
    n_nodes = paths.best_cycle(matrix.copy(), potential, max_hops, gain, middle, *bounds, scratch, cycle)
    return cycle[:n_nodes].tolist()


def gain_of(logs, cycle):
    return math.fsum(logs[a, b] for a, b in zip(cycle, [*cycle[1:], cycle[0]], strict=True))


@pytest.mark.parametrize("max_hops", [4, 6])
@given(seeds)
def test_the_best_cycle_is_the_twins(max_hops, seed):
    rng = Random(seed)
    logs, matrix = graph(rng, rng.randint(2, 8), rng.choice([0.3, 0.6, 1.0]), 0.003, rng.choice([0, 0.001, 0.003]))
    cycle = searched(matrix, max_hops, is_primed=rng.random() < 0.7)
    best, _ = best_cycle(logs, matrix.shape[0], max_hops)
    if best <= 2 * paths.NOISE:
        assert not cycle
        return
    assert len(set(cycle)) == len(cycle) <= max_hops
    assert math.isclose(gain_of(logs, cycle), best, rel_tol=1e-9, abs_tol=1e-13)


@given(seeds)
def test_some_cycle_is_found_exactly_where_there_is_one(seed):
    rng = Random(seed)
    n = rng.randint(2, 8)
    logs, matrix = graph(rng, n, rng.choice([0.25, 0.5, 1.0]), 0.003, rng.choice([0, 0.001, 0.003]))
    cycle = np.empty(n, np.int64)
    n_nodes = paths.any_cycle(matrix, np.empty(n), np.empty(n, np.int64), cycle)
    best, _ = best_cycle(logs, n, n)
    assert (n_nodes > 0) == (best > 2 * n * paths.NOISE)
    if n_nodes:
        found = cycle[:n_nodes].tolist()
        assert len(set(found)) == n_nodes
        assert gain_of(logs, found) > 0


def test_a_cycle_longer_than_the_exact_search_is_found():
    n = 9
    matrix = np.full((n, n), -np.inf)
    for a in range(n):
        matrix[a, (a + 1) % n] = 0.01
    assert searched(matrix, 6) == []
    cycle = np.empty(n, np.int64)
    assert paths.any_cycle(matrix, np.empty(n), np.empty(n, np.int64), cycle) == n
    assert sorted(cycle.tolist()) == list(range(n))


@given(seeds, st.integers(1, 3))
def test_the_best_path_is_the_twins_up_to_three_hops(seed, n_hops):
    rng = Random(seed)
    logs, matrix = graph(rng, rng.randint(2, 7), 0.6, 0.01, 0.001)
    assert_paths_agree(rng, logs, matrix, n_hops)


@given(seeds, st.integers(4, 5))
def test_the_best_path_is_the_twins_where_no_cycle_gains(seed, n_hops):
    rng = Random(seed)
    n = rng.randint(4, 7)
    # Every hop loses more than prices disagree: a way that comes back is never ahead.
    logs, matrix = graph(rng, n, 0.7, 0.0002, 0.002)
    assert_paths_agree(rng, logs, matrix, n_hops, is_bound=True)


def assert_paths_agree(rng, logs, matrix, n_hops, *, is_bound=False):
    n = matrix.shape[0]
    ratio = {pair: math.exp(gain) for pair, gain in logs.items()}
    gas = {pair: 0.0 if is_bound else rng.random() * 0.5 for pair in logs}
    rates, costs = np.exp(matrix), np.zeros((n, n))
    for pair, units in gas.items():
        costs[pair] = units
    units, before = np.empty((n_hops + 1, n)), np.empty((n_hops + 1, n), np.int64)
    for target in range(1, n):
        best_hops = paths.best_path(rates, costs, 0, target, 100.0, units, before)
        bests = [best_path(ratio, gas, n, (0, target), hops, 100.0) for hops in range(1, n_hops + 1)]
        found = units[1:, target].tolist()
        if not is_bound:
            assert all(math.isclose(f, b, rel_tol=1e-9) for f, b in zip(found, bests, strict=True))
        assert (best_hops > 0) == (max(bests) > 0)
        if best_hops:
            assert math.isclose(units[best_hops, target], max(bests), rel_tol=1e-9)
            node, way = target, [target]
            for hop in range(best_hops, 0, -1):
                node = int(before[hop, node])
                way.append(node)
            assert way[-1] == 0
            assert len(set(way)) == best_hops + 1


def test_a_table_holds_the_best_conversion_of_each_pair():
    source, target = np.array([0, 0, 1, 1]), np.array([1, 1, 0, 1])
    ratio, fee = np.array([2.0, 2.1, 0.5, 9.0]), np.array([0.0, 0.1, 0.5, 0.0])
    table, row = np.empty((2, 2)), np.empty((2, 2), np.int64)
    assert paths.lay_rates(source, target, ratio, fee, table, row) == OK
    assert table.tolist() == [[0.0, 2.0], [0.25, 0.0]]
    assert row.tolist() == [[-1, 0], [2, -1]]
    for bad in (np.array([2, 0, 1, 1]), np.array([-1, 0, 1, 1])):
        assert paths.lay_rates(bad, target, ratio, fee, table, row) == BAD_LEVELS
    for bad in (0.0, -1.0, np.inf, np.nan):
        assert paths.lay_rates(source, target, np.array([bad, 1, 1, 1]), fee, table, row) == BAD_LEVELS
