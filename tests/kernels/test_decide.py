"""One kernel call decides what the steps decide one by one, and picks the plan that Python picks."""

from dataclasses import replace
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.kernels import contest, decide
from app.routing import choose
from app.routing.problem import Workspace
from app.routing.router import SOLVERS, Router
from tests.routing.scenes import INVERSE, LINEAR, LINEAR_FINE, SPOT, random_scene


def told(found):
    """A contest without its arrays' identity."""
    chosen = found.chosen
    return (
        [(c._replace(units=None, walk=None), c.units.tolist(), c.walk.tolist()) for c in found.candidates],
        None if chosen is None else (chosen.name, chosen.units.tolist(), chosen.objective_nano),
        found.wanted_units,
        (found.proof.limit_ticks, found.proof.laws, found.proof.own_nano, found.proof.deepest_nano, found.proof.found),
        found.finding,
    )


@settings(max_examples=80)
@given(st.integers(0, 2**32), st.sampled_from([SPOT, LINEAR, LINEAR_FINE, INVERSE]), st.integers(1, len(SOLVERS)))
def test_one_call_decides_what_the_steps_decide(seed, symbol, n_solvers):
    scene = random_scene(Random(seed), symbol)
    request, books, router = scene.request(), scene.books(), Router(SOLVERS[:n_solvers])
    laid = router._lay(request, books, choose.step_of(request, router._panel))
    found = choose.held(laid, router._panel)
    problem, _ = Router().pose(request, books)
    if found is None or problem is None:
        return
    at_once = told(choose.decide(router._settle(request, books, laid, found)[0], router._panel, found))
    assert at_once == told(choose.decide(problem, router._panel))


@settings(max_examples=80)
@given(st.integers(0, 2**32), st.sampled_from([SPOT, LINEAR, LINEAR_FINE, INVERSE]))
def test_the_decision_alone_is_the_plan(seed, symbol):
    scene = random_scene(Random(seed), symbol)
    request, books = scene.request(), scene.books()
    plan = Router().plan(request, books).plan
    found = Router().decide(request, books)
    assert (found.chosen.qty_units if found.chosen is not None else 0) == plan.allocated_qty_units
    assert found.finding.bound_nano == plan.certificate.bound_nano
    assert found.finding.status is plan.certificate.status


@settings(max_examples=40)
@given(st.integers(0, 2**32), st.sampled_from([SPOT, LINEAR]))
def test_a_router_remembers_nothing_that_changes_a_decision(seed, symbol):
    rng = Random(seed)
    scenes = [random_scene(rng, symbol) for _ in range(3)]
    router = Router()
    for scene in scenes:
        request, books = scene.request(), scene.books()
        assert router.plan(request, books) == Router().plan(request, books)
        for changed in (
            replace(request, capacity_nano={venue: nano // 2 for venue, nano in request.capacity_nano.items()}),
            replace(request, max_book_age_ns=dict.fromkeys(request.max_book_age_ns, 0)),
            request,
        ):
            assert router.plan(changed, books) == Router().plan(changed, books)


@pytest.mark.parametrize(
    ("rows", "notional", "is_sweep", "best"),
    [
        ([(5, 9, 10, 1, 1, 0), (4, 9, 10, 1, 1, 0)], -1, False, 1),
        ([(5, 9, 10, 1, 1, 0), (4, 9, 10, 1, 1, 1)], -1, False, 0),
        ([(5, 9, 10, 1, 1, 0), (1, 9, 9, 1, 1, 0)], -1, False, 0),
        ([(5, 9, 10, 1, 0, 0), (1, 9, 9, 1, 1, 0)], -1, False, 1),
        ([(5, 9, 11, 1, 1, 0), (1, 9, 9, 1, 1, 0)], -1, False, 1),
        ([(5, 9, 10, 1, 1, 0), (6, 9, 10, 1, 1, 0)], -1, True, 1),
        ([(5, 9, 10, 1, 1, 0), (6, 9, 10, 1, 0, 0)], -1, True, -1),
        ([(5, 9, 99, 1, 1, 0), (4, 8, 99, 1, 1, 0)], 8, False, 1),
        ([(0, 0, 0, 0, 1, 0)], -1, False, -1),
    ],
)
def test_the_most_units_win_then_the_least_cost_then_the_first(rows, notional, is_sweep, best):
    total, status = np.array(rows, np.int64), np.full(len(rows), contest.SETTLED, np.int64)
    assert decide.pick_best(total, status, 10, notional, is_sweep) == best


def test_a_plan_to_be_mended_leaves_the_choice_to_python():
    total = np.array([(5, 9, 10, 1, 1, 0)] * 2, np.int64)
    status = np.array([contest.SETTLED, contest.UNSETTLED], np.int64)
    assert decide.pick_best(total, status, 10, -1, is_sweep=False) == -2


def test_no_array_of_a_workspace_overlaps_another():
    scene = random_scene(Random(3), SPOT)
    router = Router()
    problem, _ = router.pose(scene.request(), scene.books())
    space = Workspace(problem.admitted.listings, 40)
    n = space.n
    out = space.contestants(decide.MOST_PLANS, n)
    ints = [space.table, space.wish, space.rule, space.places, space.standing, space.facts, space.terms, space.first]
    ints += [space.seen, space.room, space.price, space.qty, out.units, out.walk, out.total, out.status, out.work]
    ints += [out.chosen, out.chosen_walk, out.sent, space.answer, space.cut(decide.LEVELS, 2, space.n_levels)]
    for i, array in enumerate(ints):
        array[...] = i
    assert [set(array.ravel().tolist()) for array in ints] == [{i} for i in range(len(ints))]
    assert space.ints.size == decide.N_HEADER + sum(array.size for array in ints)
    assert space.ints[decide.N] == n
    floats = [space.unit_nano, out.heap_key, out.nano, space.reach]
    for i, array in enumerate(floats):
        array[...] = i
    assert [set(array.ravel().tolist()) for array in floats] == [{float(i)} for i in range(len(floats))]
