from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.fees import fee_nano
from app.kernels import cost
from app.routing import exact
from app.routing.listings import money_rule
from tests.kernels.ladders import flat_problem
from tests.routing.scenes import INVERSE, LINEAR, LINEAR_FINE, SPOT

KINDS = ("spot", "linear", "inverse")
seeds = st.integers(0, 2**32)


def sized(flat):
    terms, room = flat.terms.copy(), np.empty(flat.first.size - 1, np.int64)
    cost.size_venues(flat.first, flat.price, flat.qty, terms, flat.rule, room)
    return terms, room


def random_units(rng, flat):
    return np.array(
        [[rng.randint(0, sum(q for _, q in own) + 1) for own in flat.levels] for _ in range(3)], dtype=np.int64
    )


@given(seeds, st.sampled_from(KINDS))
def test_sizes_agree_with_the_exact_twin(seed, kind):
    flat = flat_problem(Random(seed), kind=kind)
    terms, room = sized(flat)
    capacity = flat.terms[:, cost.CAPACITY_NANO].tolist()
    twin_terms, twin_room = flat.terms.copy(), np.empty_like(room)
    exact.size_venues(flat.first, flat.price, flat.qty, twin_terms, flat.rule, flat.num_den, capacity, twin_room)
    assert terms.tolist() == twin_terms.tolist()
    assert room.tolist() == twin_room.tolist()


@given(seeds, st.sampled_from(KINDS))
def test_walk_agrees_with_the_exact_twin(seed, kind):
    rng = Random(seed)
    flat = flat_problem(rng, kind=kind)
    terms, _ = sized(flat)
    units = random_units(rng, flat)
    walks, totals = np.empty((3, units.shape[1], 4), np.int64), np.empty((3, 6), np.int64)
    cost.walk_plans(flat.first, flat.price, flat.qty, terms, flat.rule, units, walks, totals)
    fees = terms[:, cost.FEE_PPM].tolist()
    for plan, walk in zip(units.tolist(), walks.tolist(), strict=True):
        twin = exact.walk_plan(flat.first, flat.price, flat.qty, fees, flat.rule, flat.num_den, plan)
        assert walk == [list(row) for row in twin]


@given(seeds)
def test_totals_add_up_the_walk(seed):
    rng = Random(seed)
    flat = flat_problem(rng)
    terms, _ = sized(flat)
    units = random_units(rng, flat)
    walks, totals = np.empty((3, units.shape[1], 4), np.int64), np.empty((3, 6), np.int64)
    cost.walk_plans(flat.first, flat.price, flat.qty, terms, flat.rule, units, walks, totals)
    sign, fixed = int(flat.rule[cost.SIGN]), terms[:, cost.FIXED_NANO]
    for plan, walk, total in zip(units, walks, totals.tolist(), strict=True):
        objective = int((sign * walk[:, 0] + walk[:, 1] + fixed)[plan > 0].sum())
        is_sound = bool((walk[:, 3] >= 0).all() and (plan % terms[:, cost.LOT_UNITS] == 0).all())
        used = plan > 0
        is_sound &= bool((plan[used] >= terms[used, cost.MIN_UNITS]).all())
        is_sound &= bool((plan[used] <= terms[used, cost.USABLE_UNITS]).all())
        assert total == [objective, int(walk[used, 0].sum()), int(plan.sum()), int(used.sum()), int(is_sound), 0]


@pytest.mark.parametrize("symbol", [SPOT, LINEAR, LINEAR_FINE, INVERSE], ids=lambda s: s.name)
@given(price=st.integers(1, 10**7), qty=st.integers(1, 10**4))
def test_reduced_money_rule_is_the_symbols_own(symbol, price, qty):
    rule = np.zeros(cost.N_RULES, np.int64)
    rule[cost.NUM], rule[cost.DEN] = money_rule(symbol)
    rule[cost.IS_INVERSE] = symbol.fungible.is_inverse
    assert cost.money_of(price, qty, rule) == symbol.money_nano(price, qty)
    assert exact.money_of(price, qty, rule, money_rule(symbol)) == symbol.money_nano(price, qty)


@given(st.integers(0, 2**60), st.integers(-500_000, 500_000))
def test_split_fee_is_the_ledgers_fee(money, ppm):
    assert cost.fee_of(money, ppm) == fee_nano(money, ppm)


def lay(price, qty, counts, terms, side):
    n = price.shape[0]
    rule = np.array([side, side, 1, 1, 0, 0], np.int64)
    size = price.shape[0] * price.shape[2]
    out = [np.empty(size, np.int64), np.empty(size, np.int64), np.empty(size), np.empty(n + 1, np.int64)]
    seen, reach = np.empty((n, 2), np.int64), np.empty(5)
    rows = np.arange(n, dtype=np.int64)
    cost.lay_levels(price, qty, counts, rows, terms, rule, 1.0, *out, seen, reach)
    return *out, seen, reach


def test_levels_beyond_the_limit_are_cut_and_counted():
    price = np.array([[[99, 98, 97], [101, 102, 103]]], np.int64)
    qty = np.array([[[1, 2, 3], [4, 5, 6]]], np.int64)
    terms = np.zeros((1, cost.N_TERMS), np.int64)
    terms[0, cost.LIMIT_UNITS], terms[0, cost.FEE_PPM] = 102, 1_000
    flat_price, flat_qty, unit, first, seen, reach = lay(price, qty, np.array([[3, 3]], np.int64), terms, 1)
    assert first.tolist() == [0, 2]
    assert flat_price[:2].tolist() == [101, 102]
    assert flat_qty[:2].tolist() == [4, 5]
    assert unit[:2] == pytest.approx([101.101, 102.102])
    assert seen.tolist() == [[101, 1]]
    assert reach.tolist() == [102.0, 101.0, 9.0, 99.0, 101.0]


def test_a_rebate_lowers_the_buyers_all_in_price_and_a_fee_lowers_the_sellers_proceeds():
    price = np.array([[[99], [101]]], np.int64)
    qty, counts = np.ones((1, 2, 1), np.int64), np.ones((1, 2), np.int64)
    terms = np.zeros((1, cost.N_TERMS), np.int64)
    terms[0, cost.FEE_PPM] = -1_000
    assert lay(price, qty, counts, terms, 1)[2][0] == pytest.approx(100.899)
    terms[0, cost.FEE_PPM] = 1_000
    assert lay(price, qty, counts, terms, -1)[2][0] == pytest.approx(-98.901)
