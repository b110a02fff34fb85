from hypothesis import given
from hypothesis import strategies as st

from app.domain.enums import Side
from app.routing.router import Router
from app.routing.solvers import fee_blind
from tests.routing.scenes import Place, Scene
from tests.routing.solvers.solver_contract import check


@given(st.integers(0, 2**32))
def test_contract(seed):
    check(fee_blind.solve, seed)


def test_the_highest_bid_is_sold_first_whatever_it_charges():
    places = [Place("a", bids=[(100, 10)], fee_ppm=0), Place("b", bids=[(101, 10)], fee_ppm=50_000)]
    scene = Scene(places, side=Side.SELL, qty_units=15)
    problem, _ = Router().pose(scene.request(), scene.books())
    assert fee_blind.solve(problem, 15, problem.room_units)[0].tolist() == [5, 10]
