from random import Random

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from app.kernels import cost
from app.routing import target
from app.routing.choose import SOLVERS
from app.routing.rounding import drop_what_does_not_pay, settle
from app.routing.router import Router
from tests.routing.scenes import INVERSE, SPOT, Place, Scene, random_scene


def pose(scene):
    return Router().pose(scene.request(), scene.books())[0]


@given(st.integers(0, 2**32), st.sampled_from([SPOT, INVERSE]), st.sampled_from(SOLVERS))
def test_every_solver_settles_in_lots_within_every_bound(seed, symbol, named):
    scene = random_scene(Random(seed), symbol)
    problem = pose(scene)
    if problem is None:
        return
    wanted = Random(seed + 1).randint(0, 300)
    units = settle(problem, named[1], wanted)
    terms = problem.terms
    assert int(units.sum()) <= wanted
    assert (units % terms[:, cost.LOT_UNITS] == 0).all()
    assert (units <= terms[:, cost.USABLE_UNITS]).all()
    assert ((units == 0) | (units >= terms[:, cost.MIN_UNITS])).all()
    if scene.max_venues:
        assert np.count_nonzero(units) <= scene.max_venues


def settled(places, qty, **change):
    problem = pose(Scene(places, qty_units=qty, **change))
    return settle(problem, SOLVERS[0][1], qty).tolist()


def test_a_remainder_goes_to_the_venue_whose_lot_holds_it():
    coarse, fine = Place("a", asks=[(100, 1_000)], lot=100), Place("b", asks=[(105, 1_000)])
    assert settled([coarse, fine], 234) == [200, 34]


def test_what_no_lot_holds_stays_unplaced():
    assert settled([Place("a", asks=[(100, 1_000)], lot=100)], 234) == [200]


def test_a_venue_below_its_minimum_is_lifted_when_dropping_it_would_place_less():
    assert settled([Place("a", asks=[(100, 10)]), Place("b", asks=[(101, 50)], min_lots=10)], 15) == [5, 10]


def test_a_venue_below_its_minimum_is_dropped_when_that_is_cheaper():
    a = Place("a", asks=[(100, 10), (101, 50)])
    assert settled([a, Place("b", asks=[(100, 3), (140, 50)], min_lots=10)], 15) == [15, 0]


def test_the_bound_on_venues_keeps_the_cheapest_combination():
    places = [Place("a", asks=[(100, 10)]), Place("b", asks=[(101, 10)]), Place("c", asks=[(102, 20)])]
    assert settled(places, 20, max_venues=2) == [10, 10, 0]
    assert settled(places, 20, max_venues=1) == [0, 0, 20]


def test_fixed_costs_are_paid_only_where_they_pay():
    a, b = Place("a", asks=[(100, 10), (102, 90)], fee_ppm=0), Place("b", asks=[(101, 90)], fee_ppm=0, fixed_nano=5_000)
    for quantity, expected in ((50, [50, 0]), (90, [10, 80])):
        problem = pose(Scene([a, b], qty_units=quantity))
        split = np.array([10, quantity - 10], np.int64)
        witness = target.witness_upnano(problem, quantity)
        assert drop_what_does_not_pay(problem, SOLVERS[0][1], split, witness).tolist() == expected
