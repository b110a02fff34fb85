from hypothesis import given
from hypothesis import strategies as st

from app.routing.router import Router
from app.routing.solvers import best_single
from tests.routing.scenes import Place, Scene
from tests.routing.solvers.solver_contract import check


@given(st.integers(0, 2**32))
def test_contract_and_one_venue_at_most(seed):
    found = check(best_single.solve, seed)
    if found is not None:
        assert (found[1] > 0).sum() <= 1


def test_the_venue_that_holds_most_wins_then_the_cheapest():
    places = [Place("a", asks=[(100, 10)]), Place("b", asks=[(103, 30)]), Place("c", asks=[(102, 30)])]
    scene = Scene(places, qty_units=20)
    problem, _ = Router().pose(scene.request(), scene.books())
    units, room = best_single.solve(problem, 20, problem.room_units)
    assert units.tolist() == [0, 0, 20]
    assert room.tolist() == [0, 0, 30]
    assert best_single.solve(problem, 10, problem.room_units)[0].tolist() == [10, 0, 0]
