from itertools import pairwise
from random import Random

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from app.kernels import cost, greedy
from tests.kernels.ladders import flat_problem
from tests.reference.merge import merge

seeds = st.integers(0, 2**32)


def run(flat, key, room, target, ratio=0.0, budget=-1.0):
    n = flat.first.size - 1
    units = np.empty(n, np.int64)
    work, heap_key = np.empty((2, n), np.int64), np.empty(n)
    args = (flat.first, key, flat.price, flat.qty, np.array(room, np.int64), target, ratio, budget)
    last = greedy.merge_levels(*args, work, heap_key, units)
    return units.tolist(), last


def ladders(flat, key):
    return [
        [(key[i], int(flat.price[i]), int(flat.qty[i])) for i in range(flat.first[v], flat.first[v + 1])]
        for v in range(flat.first.size - 1)
    ]


@given(seeds)
def test_merge_agrees_with_the_heapq_twin(seed):
    rng = Random(seed)
    flat = flat_problem(rng, max_venues=9)
    room = [rng.choice([0, rng.randint(0, 100), 1_000]) for _ in flat.levels]
    target = rng.randint(0, 400)
    units, last = run(flat, flat.unit_nano, room, target)
    assert units == merge(ladders(flat, flat.unit_nano), room, target)
    assert (last >= 0) == (sum(units) > 0)


@given(seeds)
def test_merge_by_budget_agrees_with_the_twin_and_spends_no_more(seed):
    rng = Random(seed)
    flat = flat_problem(rng)
    budget = float(rng.randint(0, int(sum(flat.price * flat.qty) * 1.1) + 1))
    room = [1_000] * len(flat.levels)
    units, _ = run(flat, flat.unit_nano, room, 10**6, 1.0, budget)
    assert units == merge(ladders(flat, flat.unit_nano), room, 10**6, 1.0, budget)
    spent = 0
    for own, taken in zip(flat.levels, units, strict=True):
        left = taken
        for price, qty in own:
            take = min(left, qty)
            spent, left = spent + take * price, left - take
    assert spent <= budget * (1 + 1e-12)


@given(seeds)
def test_nothing_untaken_is_cheaper_than_the_last_level(seed):
    rng = Random(seed)
    flat = flat_problem(rng)
    room = [10**6] * len(flat.levels)
    units, last = run(flat, flat.unit_nano, room, rng.randint(1, 150))
    for v, taken in enumerate(units):
        depth = 0
        for i in range(flat.first[v], flat.first[v + 1]):
            depth += int(flat.qty[i])
            if depth > taken:
                assert flat.unit_nano[i] >= flat.unit_nano[last]


@given(seeds)
def test_the_envelope_never_exceeds_the_real_cost_and_ascends(seed):
    rng = Random(seed)
    flat = flat_problem(rng)
    terms = flat.terms.copy()
    cost.size_venues(flat.first, flat.price, flat.qty, terms, flat.rule, np.empty(len(flat.levels), np.int64))
    target = rng.randint(1, 200)
    envelope = np.empty_like(flat.unit_nano)
    greedy.envelope_costs(flat.first, flat.unit_nano, flat.qty, terms, target, envelope)
    for v in range(len(flat.levels)):
        own = slice(int(flat.first[v]), int(flat.first[v + 1]))
        most = min(int(terms[v, cost.CEILING_UNITS]), target)
        taken, real, enveloped = 0, float(terms[v, cost.FIXED_NANO]), 0.0
        reached = []
        for unit, flat_unit, qty in zip(flat.unit_nano[own], envelope[own], flat.qty[own].tolist(), strict=True):
            take = min(qty, most - taken)
            if take <= 0:
                break
            taken, real, enveloped = taken + take, real + take * unit, enveloped + take * flat_unit
            reached.append(flat_unit)
            assert enveloped <= real + 1e-6 * abs(real) + 1e-6
        assert all(a <= b + 1e-9 * abs(b) for a, b in pairwise(reached))
