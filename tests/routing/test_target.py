from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.routing import target, verify
from app.routing.choose import SOLVERS
from app.routing.router import Router
from tests.routing.scenes import INVERSE, LINEAR_FINE, SPOT, Place, Scene, random_scene


def pose(scene):
    problem, _ = Router().pose(scene.request(), scene.books())
    assert problem is not None
    return problem


def test_a_quantity_is_wanted_as_asked():
    assert target.target_units(pose(Scene([Place("a", asks=[(100, 5)])], qty_units=77))) == 77


def test_a_notional_is_wanted_as_far_as_the_merged_book_goes():
    places = [Place("a", asks=[(100, 10)], fee_ppm=0), Place("b", asks=[(110, 10)], fee_ppm=0)]
    for notional, units in ((999, 9), (1_000, 10), (1_109, 10), (1_110, 11), (10**6, 20)):
        assert target.target_units(pose(Scene(places, qty_units=None, notional_nano=notional * 100))) == units


@given(st.integers(0, 2**32), st.sampled_from([SPOT, LINEAR_FINE]), st.sampled_from(SOLVERS))
def test_a_settled_notional_is_never_exceeded(seed, symbol, named):
    scene = random_scene(Random(seed), symbol)
    if scene.notional_nano is None or Router().pose(scene.request(), scene.books())[0] is None:
        return
    problem = pose(scene)
    units = target.settle_within(problem, named[1], target.target_units(problem))
    plan = verify.recost(problem, ["x"], [units])[0][0]
    assert target.is_within(problem, plan)
    assert plan.money_nano <= scene.notional_nano


def test_alone_units_are_the_whole_request_or_nothing():
    places = [
        Place("a", asks=[(100, 10)]),
        Place("b", asks=[(100, 30)], lot=3),
        Place("c", asks=[(100, 30)], min_lots=21),
    ]
    assert target.alone_units(pose(Scene([*places, Place("d", asks=[(100, 20)])], qty_units=20))) == [0, 0, 0, 20]
    inverse = Scene([Place("d", asks=[(600_000, 20)], lot=2)], symbol=INVERSE, qty_units=None, notional_nano=7 * 10**11)
    assert target.alone_units(pose(inverse)) == [6]


@pytest.mark.parametrize(("qty", "price"), [(1, 100), (10, 100), (11, 101), (25, 102)])
def test_the_witness_is_the_marginal_levels_exact_price(qty, price):
    places = [Place("a", asks=[(100, 10), (102, 10)]), Place("b", asks=[(101, 10)])]
    problem = pose(Scene(places, qty_units=qty))
    assert target.witness_upnano(problem, qty) == price * 100 * 1_001_000
    assert target.unit_upnano(problem, 0, price) == price * 100 * 1_001_000


def test_a_fixed_cost_is_spread_in_the_witness():
    problem = pose(Scene([Place("a", asks=[(100, 10)], fee_ppm=0, fixed_nano=1_000)], qty_units=10))
    assert target.witness_upnano(problem, 10) == (100 * 100 + 100) * 10**6


def test_no_quantity_has_no_marginal_price():
    assert target.witness_upnano(pose(Scene([Place("a", asks=[(100, 10)])])), 0) == 0
