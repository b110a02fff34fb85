"""The kernel's laws are those of routing/verify.py: a child spoiled in one place breaks the same ones in both."""

from dataclasses import replace
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.kernels import cost, greedy, pose, prove
from app.routing import choose, target, verify
from app.routing.router import Router
from tests.kernels.ladders import flat_problem
from tests.routing.scenes import LINEAR, LINEAR_FINE, SPOT, random_scene

SPOILS = ("nothing", "lots", "limit", "far limit", "money", "worst", "fee", "fixed", "age", "gap", "capacity")


def child_of(problem, planned, item):
    """What the kernel looks at for one child, as copies that can be spoiled."""
    v = problem.venues.index(item.venue)
    k, row = problem.admitted.picks[v], problem.admitted.rows[v]
    side_i = 1 if problem.side.sign > 0 else 0
    n = int(problem.books.n_levels[row, side_i])
    books, asked = problem.books, problem.asked
    return {
        "child": [item.qty_units, item.limit_ticks],
        "claimed": [item.money_nano, item.fee_nano, item.worst_price_units, 1],
        "fixed": item.fixed_nano,
        "listing": problem.admitted.listings.facts[:, k].copy(),
        "asked": asked.table[:, k].copy(),
        "wish": asked.wish.copy(),
        "prices": books.price_units[row, side_i, :n].copy(),
        "qtys": books.qty_units[row, side_i, :n].copy(),
        "stamps": [int(books.book_seq[row]), int(books.received_ts_ns[row]), int(books.is_gapped[row])],
    }


def judge(problem, seen):
    seq, received_ts_ns, is_gapped = seen["stamps"]
    bits = prove.broken_laws(
        *seen["child"],
        np.array(seen["claimed"], np.int64),
        seen["fixed"],
        seen["listing"],
        seen["asked"],
        seen["wish"],
        problem.rule,
        seen["prices"],
        seen["qtys"],
        received_ts_ns,
        bool(is_gapped) or seq == 0,
    )
    return {law for i, law in enumerate(verify.LAWS) if bits >> i & 1}


def spoil(name, item, request, books, seen):
    """The same lie told to both: to Python through plan, request and books, to the kernel through its arrays."""
    if name == "lots":
        units = item.qty_units + 1
        lots = units // int(seen["listing"][prove.FACT_LOT_UNITS])
        return replace(item, qty_units=units, qty_lots=lots), request, {**seen, "child": [units, item.limit_ticks]}
    if name in ("limit", "far limit"):
        ticks = item.limit_ticks + (-(10**6) if name == "limit" else 10**6)
        return replace(item, limit_ticks=ticks), request, {**seen, "child": [item.qty_units, ticks]}
    money, fee, worst, n_read = seen["claimed"]
    if name == "money":
        return replace(item, money_nano=money - 1), request, {**seen, "claimed": [money - 1, fee, worst, n_read]}
    if name == "worst":
        return replace(item, worst_price_units=worst + 1), request, {**seen, "claimed": [money, fee, worst + 1, n_read]}
    if name == "fee":
        return replace(item, fee_nano=fee + 1), request, {**seen, "claimed": [money, fee + 1, worst, n_read]}
    if name == "fixed":
        return replace(item, fixed_nano=item.fixed_nano + 1), request, {**seen, "fixed": item.fixed_nano + 1}
    if name == "age":
        later = replace(request, now_ns=request.now_ns + 10**12)
        seen["wish"][pose.NOW_NS] = later.now_ns
        return item, later, seen
    if name == "gap":
        books.is_gapped[books.venues.index(item.venue)] = True
        return item, request, {**seen, "stamps": [*seen["stamps"][:2], 1]}
    if name == "capacity":
        seen["asked"][pose.CAPACITY] = 0
        return item, replace(request, capacity_nano={}), seen
    return item, request, seen


@pytest.mark.parametrize("name", SPOILS)
@settings(max_examples=25)
@given(seed=st.integers(0, 2**32), symbol=st.sampled_from([SPOT, LINEAR, LINEAR_FINE]))
def test_the_kernel_and_python_name_the_same_broken_laws(name, seed, symbol):
    scene = random_scene(Random(seed), symbol)
    request, books, router = scene.request(), scene.books(), Router()
    problem, _ = router.pose(request, books)
    planned = router.plan(request, books).plan
    if problem is None or not planned.allocations:
        return
    item = planned.allocations[0]
    spoiled, request, seen = spoil(name, item, request, books, child_of(problem, planned, item))
    walk = verify._walk(spoiled, request, books)
    expected = {text.partition(": ")[2] for text in verify._allocation_violations(spoiled, request, books, walk)}
    found = judge(problem, seen)
    assert found == expected
    assert bool(found) == (name != "nothing") or name in ("limit", "far limit")


@settings(max_examples=40)
@given(st.integers(0, 2**32), st.sampled_from([SPOT, LINEAR, LINEAR_FINE]))
def test_witness_and_bound_are_those_of_python(seed, symbol):
    scene = random_scene(Random(seed), symbol)
    router = Router()
    problem, _ = router.pose(scene.request(), scene.books())
    if problem is None or not problem.is_narrow:
        return
    found = choose.decide(problem, router._panel)
    if found.chosen is None or found.proof.found is None:
        return
    witness, value, n_rounded = found.proof.found
    assert witness == target.witness_upnano(problem, found.chosen.qty_units)
    assert verify.find(problem, found.chosen, witness) == verify.find(
        problem, found.chosen, witness, (value, n_rounded)
    )


@given(st.integers(0, 2**32))
def test_the_last_level_from_above_is_that_of_the_merge(seed):
    """From wherever one begins above it, fixed costs spread or not, or it is said that the merge is sooner."""
    rng = Random(seed)
    flat = flat_problem(rng, max_venues=9)
    n, terms = flat.first.size - 1, flat.terms.copy()
    cost.size_venues(flat.first, flat.price, flat.qty, terms, flat.rule, np.empty(n, np.int64))
    total, key = rng.randint(1, 200), flat.unit_nano.copy()
    if rng.random() < 0.5:
        terms[:, cost.FIXED_NANO] = [rng.choice([0, rng.randint(1, 2_000)]) for _ in range(n)]
        greedy.envelope_costs(flat.first, flat.unit_nano, flat.qty, terms, total, key)
    work, heap_key = np.empty((2, n), np.int64), np.empty(n)
    merged = prove.merged_last(flat.first, key, flat.price, flat.qty, terms, total, work, heap_key)
    near = prove.last_below(flat.first, key, flat.qty, terms, total, rng.choice([*key.tolist(), np.inf]), work)
    assert near in (merged, prove.NOT_NEAR)
    if merged >= 0 and int(np.minimum(terms[:, cost.CEILING_UNITS], total).sum()) >= total:
        exact = prove.last_below(flat.first, key, flat.qty, terms, total, key[merged], work)
        assert exact in (merged, prove.NOT_NEAR)
        n_ties = int((key == key[merged]).sum())
        assert exact == merged or n_ties > 1
