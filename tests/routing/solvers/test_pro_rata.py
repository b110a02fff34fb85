from hypothesis import given
from hypothesis import strategies as st

from app.routing.router import Router
from app.routing.solvers import pro_rata
from tests.routing.scenes import Place, Scene
from tests.routing.solvers.solver_contract import check


@given(st.integers(0, 2**32))
def test_contract(seed):
    check(pro_rata.solve, seed)


def test_shares_follow_the_depth_within_the_limit():
    places = [Place("a", asks=[(100, 10), (200, 1_000)]), Place("b", asks=[(101, 30)])]
    scene = Scene(places, qty_units=20, cap=150)
    problem, _ = Router().pose(scene.request(), scene.books())
    assert pro_rata.solve(problem, 20, problem.room_units)[0].tolist() == [5, 15]
