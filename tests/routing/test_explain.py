from random import Random

from hypothesis import given
from hypothesis import strategies as st

from app.routing import explain
from app.routing.router import Router
from tests.routing.scenes import INVERSE, LINEAR, SPOT, Place, Scene, random_scene


def pose(scene):
    problem, _ = Router().pose(scene.request(), scene.books())
    assert problem is not None
    return problem


def test_half_a_price_is_worth_half_the_money_and_for_an_inverse_contract_twice():
    assert explain.half_price_money_nano(pose(Scene([Place("a", asks=[(100, 1)])])), 201, 3) == 30_150
    inverse = pose(Scene([Place("a", asks=[(600_000, 1)])], symbol=INVERSE))
    assert explain.half_price_money_nano(inverse, 1_200_000, 3) == INVERSE.money_nano(600_000, 3)


@given(st.integers(0, 2**32), st.sampled_from([SPOT, LINEAR, INVERSE]))
def test_the_parts_of_the_cost_sum_to_the_distance_from_the_benchmark(seed, symbol):
    scene = random_scene(Random(seed), symbol)
    plan = Router().plan(scene.request(), scene.books()).plan
    if not plan.allocations:
        return
    benchmark = explain.half_price_money_nano(pose(scene), scene.mid_half, plan.allocated_qty_units)
    sign = symbol.fungible.cost_sign(scene.side)
    assert plan.cost.total_nano == plan.certificate.objective_nano - sign * benchmark
    split = plan.cost
    assert split.total_nano == split.spread_nano + split.impact_nano + split.fee_nano + split.gas_nano
    if symbol is SPOT:
        assert split.impact_nano >= 0


def test_without_a_benchmark_the_touch_stands_in():
    plan = Router().plan(*_scene_without_mid()).plan
    assert (plan.cost.spread_nano, plan.cost.impact_nano) == (0, 100)


def _scene_without_mid():
    scene = Scene([Place("a", asks=[(100, 1), (101, 1)])], qty_units=2)
    return scene.request(), scene.books()
