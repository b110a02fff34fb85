from random import Random

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from app.kernels import runs


def sorted_runs(rng):
    prices = sorted(rng.randint(1, 30) for _ in range(rng.randint(0, 6)))
    return [(float(price), rng.randint(1, 9)) for price in prices]


def items_of(own):
    return [price for price, items in own for _ in range(items)]


def pool_of(*lists):
    run, run_nano, spans, at = np.zeros((2, 400), np.int64), np.zeros(400), [], 0
    for source, own in enumerate(lists):
        spans.append((at, at + len(own)))
        for price, items in own:
            run[0, at], run[1, at], run_nano[at] = items, source, price
            at += 1
    return run, run_nano, spans, at


def read(run, run_nano, start, stop):
    return [(float(run_nano[i]), int(run[0, i])) for i in range(start, stop)]


@given(st.integers(0, 2**32))
def test_packs_are_sums_of_consecutive_items_behind_the_skipped(seed):
    rng = Random(seed)
    own, skip, size = sorted_runs(rng), rng.randint(0, 12), rng.randint(1, 7)
    run, run_nano, [(start, stop)], at = pool_of(own)
    end = runs.pack_runs(start, stop, skip, size, at, run, run_nano)
    left = items_of(own)[skip:]
    packs = [sum(left[i : i + size]) for i in range(0, len(left) - size + 1, size)]
    assert items_of(read(run, run_nano, at, end)) == packs
    assert (run[1, at:end] == runs.FROM_BELOW).all()


@given(st.integers(0, 2**32))
def test_merging_keeps_every_item_in_order_and_marks_the_second(seed):
    rng = Random(seed)
    a, b = sorted_runs(rng), sorted_runs(rng)
    run, run_nano, [(a0, a1), (b0, b1)], at = pool_of(a, b)
    end = runs.merge_runs(a0, a1, b0, b1, 7, at, run, run_nano)
    merged = read(run, run_nano, at, end)
    assert items_of(merged) == sorted(items_of(a) + items_of(b))
    assert sum(int(run[0, i]) for i in range(at, end) if run[1, i] == 7) == len(items_of(b))


@given(st.integers(0, 2**32))
def test_the_first_items_cost_their_sum_or_do_not_exist(seed):
    rng = Random(seed)
    own, wanted = sorted_runs(rng), rng.randint(0, 30)
    run, run_nano, [(start, stop)], _ = pool_of(own)
    items = items_of(own)
    expected = sum(items[:wanted]) if wanted <= len(items) else np.inf
    assert runs.first_items_nano(run, run_nano, start, stop, wanted) == expected
