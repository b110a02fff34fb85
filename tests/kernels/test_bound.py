from fractions import Fraction
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.kernels import bound, cost
from app.routing import exact
from tests.kernels.ladders import flat_problem

seeds = st.integers(0, 2**32)
KINDS = ("spot", "linear", "inverse")


def sized(rng, kind):
    flat = flat_problem(rng, kind=kind)
    terms = flat.terms.copy()
    cost.size_venues(flat.first, flat.price, flat.qty, terms, flat.rule, np.empty(len(flat.levels), np.int64))
    return flat, terms


def value(flat, terms, target, witness):
    out = np.empty(2, np.int64)
    bound.dual_value(flat.first, flat.price, flat.qty, terms, flat.rule, target, witness, out)
    return int(out[0]), int(out[1])


def witness_near(rng, flat):
    """A price among the levels' own, or beside one."""
    if not flat.unit_nano.size:
        return rng.randint(-(10**6), 10**6)
    return round(float(rng.choice(flat.unit_nano.tolist())) * 1e6) + rng.randint(-2, 2)


@pytest.mark.parametrize("kind", KINDS)
@given(seeds)
def test_bound_agrees_with_the_exact_twin(kind, seed):
    rng = Random(seed)
    flat, terms = sized(rng, kind)
    target, witness = rng.randint(1, 200), witness_near(rng, flat)
    twin = exact.dual_value(flat.first, flat.price, flat.qty, terms, flat.rule, flat.num_den, target, witness)
    assert value(flat, terms, target, witness) == twin


@pytest.mark.parametrize("kind", KINDS)
@given(seeds)
def test_no_plan_is_cheaper_than_any_witness_price_says(kind, seed):
    rng = Random(seed)
    flat, terms = sized(rng, kind)
    plan = [rng.randint(0, int(most)) for most in terms[:, cost.CEILING_UNITS]]
    if not sum(plan):
        return
    fees = terms[:, cost.FEE_PPM].tolist()
    walk = exact.walk_plan(flat.first, flat.price, flat.qty, fees, flat.rule, flat.num_den, plan)
    objective = sum(
        int(flat.rule[cost.SIGN]) * money + fee + int(terms[v, cost.FIXED_NANO])
        for v, (money, fee, _, _) in enumerate(walk)
        if plan[v]
    )
    proven, n_rounded = value(flat, terms, sum(plan), witness_near(rng, flat))
    assert proven - 2 * n_rounded <= objective


@given(seeds)
def test_bound_is_the_floor_of_its_definition(seed):
    rng = Random(seed)
    flat, terms = sized(rng, "spot")
    target, witness = rng.randint(1, 200), witness_near(rng, flat)
    total = Fraction(witness, 10**6) * target
    for v, own in enumerate(flat.levels):
        left, least = min(int(terms[v, cost.CEILING_UNITS]), target), Fraction(0)
        factor = int(flat.rule[cost.SIGN]) + Fraction(int(terms[v, cost.FEE_PPM]), 10**6)
        for price, qty in own:
            gain = price * flat.num_den[0] * factor - Fraction(witness, 10**6)
            take = min(qty, left)
            left -= take
            least += min(Fraction(0), gain) * take
        total += min(Fraction(0), least + int(terms[v, cost.FIXED_NANO]))
    assert value(flat, terms, target, witness) == (total.numerator // total.denominator, 0)
