from hypothesis import given
from hypothesis import strategies as st

from app.routing.router import Router
from app.routing.solvers import fee_blind, greedy
from tests.routing.scenes import Place, Scene
from tests.routing.solvers.solver_contract import check


@given(st.integers(0, 2**32))
def test_contract(seed):
    check(greedy.solve, seed)


def test_the_all_in_price_decides_and_not_the_raw_one():
    places = [
        Place("dear_fee", asks=[(6_000_000, 10)], fee_ppm=1_000),
        Place("cheap_fee", asks=[(6_000_100, 10)], fee_ppm=0),
    ]
    scene = Scene(places, qty_units=10)
    problem, _ = Router().pose(scene.request(), scene.books())
    assert greedy.solve(problem, 10, problem.room_units)[0].tolist() == [0, 10]
    assert fee_blind.solve(problem, 10, problem.room_units)[0].tolist() == [10, 0]


def test_a_fixed_cost_is_spread_over_what_the_venue_could_take():
    a, b = Place("a", asks=[(100, 50)], fee_ppm=0, fixed_nano=50_000), Place("b", asks=[(105, 50)], fee_ppm=0)
    scene = Scene([a, b], qty_units=50)
    problem, _ = Router().pose(scene.request(), scene.books())
    assert greedy.solve(problem, 50, problem.room_units)[0].tolist() == [0, 50]
