from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.enums import Side, SolveStatus
from app.kernels import cost, jit
from app.routing.costs import walk_plans
from app.routing.router import Router
from app.routing.solvers import exact
from tests.reference.exact import Venue, exact_split
from tests.routing.scenes import INVERSE, LINEAR, LINEAR_FINE, SPOT, Place, Scene, random_scene
from tests.routing.solvers.solver_contract import check

# Two float costs of one plan, summed level by level and step by step.
SAME_FRAC = 1e-11


def posed(scene):
    problem, _ = Router().pose(scene.request(), scene.books())
    return problem


def twin_of(problem, room):
    """The problem's venues as the slow twin takes them."""
    venues = []
    for v in range(problem.n_venues):
        levels = range(problem.first[v], problem.first[v + 1])
        units = [float(problem.unit_nano[i]) for i in levels for _ in range(int(problem.qty_units[i]))]
        row = problem.terms[v].tolist()
        venues.append(Venue(units, row[cost.LOT_UNITS], row[cost.MIN_UNITS], int(room[v]), row[cost.FIXED_NANO]))
    return venues


@given(st.integers(0, 2**32))
def test_contract_and_nothing_left_for_rounding(seed):
    found = check(exact.solve, seed)
    if found is not None:
        problem, units, _ = found
        assert (units % problem.terms[:, cost.LOT_UNITS] == 0).all()
        assert ((units == 0) | (units >= problem.terms[:, cost.MIN_UNITS])).all()
        most = problem.request.approved.value.venues.max_venues
        assert not most or np.count_nonzero(units) <= most


@given(st.integers(0, 2**32))
def test_most_units_first_then_least_cost_as_the_twin_finds_by_trying_everything(seed):
    rng = Random(seed)
    scene = random_scene(rng, rng.choice([SPOT, LINEAR, LINEAR_FINE, INVERSE]))
    problem = posed(scene)
    if problem is None:
        return
    target = scene.qty_units or rng.randint(1, 300)
    proof = exact.prove(problem, target, problem.room_units)
    placed, least_nano = exact_split(twin_of(problem, problem.room_units), target, scene.max_venues)
    assert proof.status is SolveStatus.OPTIMAL
    assert proof.qty_units == int(proof.units.sum()) == placed
    gross = float(np.abs(problem.unit_nano).max(initial=0.0)) * placed
    assert abs(proof.cost_nano - least_nano) <= SAME_FRAC * gross
    objective = walk_plans(problem, proof.units.reshape(1, -1))[1][0][0]
    assert proof.bound_nano <= objective
    # Settled money rounds each level and each fee: the bound owes one nano a level, a child's fee one.
    owed = 2 * problem.price_units.size + problem.n_venues + 2
    assert objective - proof.bound_nano <= owed + 2 * SAME_FRAC * gross


def test_a_fixed_cost_is_paid_only_where_it_pays():
    a = Place("a", asks=[(100, 50)], fee_ppm=0, fixed_nano=40_000)
    b = Place("b", asks=[(100, 30), (109, 50)], fee_ppm=0)
    problem = posed(Scene([a, b], qty_units=80))
    # 20 units more at b cost 9 each more, 18,000 nano: less than the 40,000 of using a for 50 would save at most.
    assert exact.prove(problem, 50, problem.room_units).units.tolist() == [0, 50]
    assert exact.prove(problem, 80, problem.room_units).units.tolist() == [50, 30]


def test_lots_that_do_not_divide_one_another_are_mixed_to_the_cheapest_sum():
    places = [
        Place("a", asks=[(100, 9)], lot=9, fee_ppm=0),
        Place("b", asks=[(110, 10)], lot=5, fee_ppm=0),
        Place("c", asks=[(250, 10)], fee_ppm=0),
    ]
    problem = posed(Scene(places, qty_units=10))
    proof = exact.prove(problem, 10, problem.room_units)
    assert proof.units.tolist() == [0, 10, 0]
    assert proof.bound_nano == 110 * 10 * 100


def test_as_many_units_as_leasts_allow_are_placed_and_proven_to_be_the_most():
    places = [Place(f"v{i}", bids=[(100 - i, 80)], lot=20, min_lots=3) for i in range(6)]
    problem = posed(Scene(places, side=Side.SELL, qty_units=100))
    proof = exact.prove(problem, 100, problem.room_units)
    assert proof.status is SolveStatus.OPTIMAL
    assert proof.units.tolist() == [80, 0, 0, 0, 0, 0]


def test_nothing_to_place_costs_nothing():
    problem = posed(Scene([Place("a", asks=[(100, 5)], min_lots=5)], qty_units=4))
    proof = exact.prove(problem, 4, problem.room_units)
    assert (proof.qty_units, proof.cost_nano, proof.bound_nano) == (0, 0.0, 0)
    assert proof.status is SolveStatus.OPTIMAL


def test_before_it_is_compiled_it_proposes_nothing(monkeypatch):
    problem = posed(random_scene(Random(3), SPOT))
    target = int(problem.room_units.sum())
    assert exact.is_ready()
    assert exact.search(problem, target, problem.room_units).units.any()
    monkeypatch.setattr(jit, "is_compiled", lambda *kernels: False)
    nothing = exact.search(problem, target, problem.room_units)
    assert not nothing.units.any()
    assert not nothing.is_complete


def awkward(n_venues=12, seed=5):
    rng = Random(seed)
    places = []
    for i in range(n_venues):
        asks = [(10_000 + rng.randint(0, 9) + 10 * k, rng.randint(20, 90)) for k in range(4)]
        places.append(Place(f"v{i:02}", asks=asks, fee_ppm=0, fixed_nano=rng.randint(1, 60) * 10**5, lot=3 + i % 3))
    return Scene(places, qty_units=997)


def test_a_spent_budget_says_deadline_with_a_true_gap():
    problem = posed(awkward())
    full = exact.prove(problem, 997, problem.room_units)
    assert full.status is SolveStatus.OPTIMAL
    for max_nodes in range(1, full.n_nodes):
        proof = exact.prove(problem, 997, problem.room_units, max_nodes)
        if proof.qty_units == 997:
            assert proof.bound_nano <= full.cost_nano <= proof.cost_nano * (1 + SAME_FRAC)
        if proof.status is SolveStatus.OPTIMAL:
            assert proof.cost_nano == pytest.approx(full.cost_nano, rel=SAME_FRAC)
    assert exact.prove(problem, 997, problem.room_units, 2).status is SolveStatus.DEADLINE


def test_the_same_problem_gives_the_same_plan():
    problem = posed(awkward())
    first, second = (exact.prove(problem, 997, problem.room_units) for _ in range(2))
    assert first.units.tolist() == second.units.tolist()
    assert (first.bound_nano, first.n_nodes) == (second.bound_nano, second.n_nodes)


def test_a_time_becomes_nodes():
    assert exact.nodes_within(0.0, 64) == 1
    assert exact.nodes_within(2_000.0, 32) < exact.nodes_within(4_000.0, 32)
