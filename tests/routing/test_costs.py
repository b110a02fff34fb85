"""The wide road, on Python integers, gives what the kernels give, and carries what they cannot."""

from dataclasses import replace
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.enums import ContractKind, Side
from app.domain.instrument import FungibilityClass, Symbol
from app.routing import costs, problem
from app.routing.router import Router
from bestex_verify.judge import verify_receipt
from tests.routing.scenes import INVERSE, LINEAR, LINEAR_FINE, SPOT, Place, Scene, random_scene

# Money of one satoshi-like unit is enormous: a rial-like quote, no decimals in the quantity.
RIAL = Symbol("BTC/IRR", FungibilityClass("BTC", "IRR", "IRR", ContractKind.SPOT), price_scale=0, qty_scale=8)


@given(st.integers(0, 2**32), st.sampled_from([SPOT, LINEAR, LINEAR_FINE, INVERSE]))
def test_both_roads_agree_on_the_whole_plan(seed, symbol):
    scene = random_scene(Random(seed), symbol)
    narrow = Router().plan(scene.request(), scene.books())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(problem, "is_rule_narrow", lambda *_: False)
        wide = Router().plan(scene.request(), scene.books())
    assert wide == narrow


@pytest.mark.parametrize("side", list(Side))
def test_money_beyond_int64_is_planned_and_verified(side):
    levels = [(60_000_000_000 + side.sign * i * 1_000_000, 30_000_000) for i in range(10)]
    places = [
        Place("a", asks=levels, fee_ppm=1_000, lot=1_000),
        Place("b", asks=levels, fee_ppm=900, lot=10_000, fixed_nano=10**15),
    ]
    if side is Side.SELL:
        places = [replace(place, bids=place.asks, asks=()) for place in places]
    scene = Scene(places, symbol=RIAL, side=side, qty_units=200_000_000, mid_half=120_000_000_000)
    posed, _ = Router().pose(scene.request(), scene.books())
    assert posed is not None
    assert not posed.is_narrow
    planned = Router().plan(scene.request(), scene.books())
    assert planned.plan.allocated_qty_units == 200_000_000
    assert abs(planned.plan.certificate.objective_nano) > 2**62
    assert verify_receipt(planned.receipt).failures == ()


def test_a_witness_too_large_for_int64_takes_the_wide_road():
    scene = Scene([Place("a", asks=[(6_000_000, 100)])], qty_units=10)
    posed, _ = Router().pose(scene.request(), scene.books())
    assert posed is not None
    assert posed.is_narrow
    value, n_rounded = costs.dual_value(posed, 10, 2**70)
    assert (value, n_rounded) == (2**70 * 10 // 10**6 + 100 * 0 + _least(posed, 2**70), 0)


def _least(posed, witness):
    money = 10 * 6_000_000 * posed.num_den[0]
    return -(-(money * 1_001_000 - witness * 10) // 10**6)


def test_plans_are_walked_together():
    scene = Scene([Place("a", asks=[(100, 5), (101, 5)]), Place("b", asks=[(100, 5)])], qty_units=5)
    posed, _ = Router().pose(scene.request(), scene.books())
    assert posed is not None
    walks, totals = costs.walk_plans(posed, np.array([[7, 0], [0, 6]], np.int64))
    assert walks[:, :, 3].tolist() == [[2, 0], [0, -1]]
    assert [total[2:] for total in totals] == [[7, 1, 1, 0], [6, 1, 0, 0]]
