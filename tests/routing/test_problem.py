from dataclasses import replace

import pytest

from app.domain.enums import Side, Strategy
from app.kernels import cost
from app.kernels import pose as posing
from app.routing.problem import fixed_cost_nano
from app.routing.router import Router
from tests.routing.scenes import INVERSE, LINEAR, SPOT, Place, Scene


def pose(scene):
    problem, _ = Router().pose(scene.request(), scene.books())
    assert problem is not None
    return problem


def test_a_limit_is_said_in_ticks_and_never_beyond_the_cap():
    ticks = (10, 1, 1_000)
    assert [posing.limit_of(103, tick, 1) for tick in ticks] == [100, 103, posing.UNREACHABLE]
    assert [posing.limit_of(103, tick, -1) for tick in ticks] == [110, 103, 1_000]
    assert [posing.limit_of(0, tick, 1) for tick in ticks] == [0, 0, 0]
    assert [posing.limit_of(0, tick, -1) for tick in ticks] == list(ticks), "a seller's child costs a tick at least"


def test_a_fixed_cost_in_the_quote_becomes_coin_at_the_benchmark_rounded_up():
    fee = Scene([Place("a", fixed_nano=10**9)]).request().fees["a"]
    assert fixed_cost_nano(SPOT, fee, 1) == 10**9
    assert fixed_cost_nano(INVERSE, fee, 2 * 600_000) == 16_667
    assert fixed_cost_nano(INVERSE, replace(fee, fixed_nano=0), 0) == 0


def test_the_routed_side_is_laid_flat():
    problem = pose(Scene([Place("a", asks=[(100, 1), (101, 2)], bids=[(90, 1)]), Place("b", asks=[(99, 3)])]))
    assert problem.first.tolist() == [0, 2, 3]
    assert problem.price_units.tolist() == [100, 101, 99]
    assert problem.qty_units.tolist() == [1, 2, 3]
    assert (problem.best_bid_units, problem.best_ask_units) == (90, 99)
    assert problem.unit_nano == pytest.approx([100 * 100 * 1.001, 101 * 100 * 1.001, 99 * 100 * 1.001])


@pytest.mark.parametrize("capacity", [0, 1, 10_009, 10_010, 10_011, 50_050, 50_051, 60_660, 60_661, 10**9])
def test_a_buyers_capacity_binds_at_the_childs_own_price(capacity):
    """Most units whose cost at the price of the deepest level they reach, fee included, is payable: each tried."""
    scene = Scene([Place("a", asks=[(100, 5), (101, 5)], capacity_nano=capacity)])

    def is_payable(units):
        money = SPOT.money_nano(100 if units <= 5 else 101, units)
        return money + -(-money // 1_000) <= capacity

    most = max(units for units in range(11) if units == 0 or is_payable(units))
    assert pose(scene).terms[0, cost.USABLE_UNITS] == most


def test_a_sweep_is_judged_at_the_cap():
    scene = Scene([Place("a", asks=[(100, 50)], fee_ppm=0, capacity_nano=200 * 100 * 10)], cap=200)
    assert pose(scene).terms[0, cost.USABLE_UNITS] == 20
    assert pose(replace(scene, strategy=Strategy.SWEEP)).terms[0, cost.USABLE_UNITS] == 10


def test_a_sellers_capacity_is_base_and_a_contracts_is_margin():
    place = Place("a", bids=[(100, 50)], capacity_nano=70_000)
    assert pose(Scene([place], side=Side.SELL)).terms[0, cost.USABLE_UNITS] == 7
    margin = replace(place, asks=[(700_000, 50)], bids=[], capacity_nano=7 * 10**10, fee_ppm=0)
    assert pose(Scene([margin], symbol=LINEAR)).terms[0, cost.USABLE_UNITS] == 1
    contracts = replace(margin, capacity_nano=250 * 10**9)
    assert pose(Scene([contracts], symbol=INVERSE)).terms[0, cost.USABLE_UNITS] == 2
    assert pose(Scene([replace(contracts, fee_ppm=300_000)], symbol=INVERSE)).terms[0, cost.USABLE_UNITS] == 1


def test_touches_beyond_a_floats_integers_stay_exact():
    price = 2**53 + 1
    problem = pose(Scene([Place("a", asks=[(price + 2, 5)], bids=[(price, 5)]), Place("b", asks=[(price + 4, 5)])]))
    assert (problem.best_bid_units, problem.best_ask_units) == (price, price + 2)


def test_a_venue_that_cannot_reach_its_least_has_no_room():
    problem = pose(Scene([Place("a", asks=[(100, 50)], min_lots=51), Place("b", asks=[(100, 50)], min_lots=50)]))
    assert problem.room_units.tolist() == [0, 50]
