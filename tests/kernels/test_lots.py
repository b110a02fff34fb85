from random import Random

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from app.kernels import cost, lots
from tests.kernels.ladders import flat_problem
from tests.reference.lots import Terms, round_to_lots

seeds = st.integers(0, 2**32)


def problem(seed):
    rng = Random(seed)
    flat = flat_problem(rng)
    terms, room = flat.terms.copy(), np.empty(len(flat.levels), np.int64)
    cost.size_venues(flat.first, flat.price, flat.qty, terms, flat.rule, room)
    wanted = np.array([rng.randint(0, int(r)) for r in room], np.int64)
    return rng, flat, terms, room, wanted


def twin_terms(flat, terms, room):
    venues = []
    for v, own in enumerate(flat.levels):
        units = [flat.unit_nano[flat.first[v] + i] for i, (_, qty) in enumerate(own) for _ in range(qty)]
        row = terms[v]
        ends = np.cumsum([qty for _, qty in own]).tolist()
        least, fixed = int(row[cost.MIN_UNITS]), int(row[cost.FIXED_NANO])
        venues.append(Terms(int(row[cost.LOT_UNITS]), least, fixed, int(room[v]), units, ends))
    return venues


@given(seeds)
def test_rounding_agrees_with_the_twin(seed):
    rng, flat, terms, room, wanted = problem(seed)
    target = int(wanted.sum()) + rng.randint(0, 20)
    units = wanted.copy()
    lots.round_to_lots(flat.first, flat.unit_nano, flat.qty, terms, room, target, units)
    twin = round_to_lots(twin_terms(flat, terms, room), wanted.tolist(), target)
    # Sums in another order may decide a tie otherwise, so the cost is compared and not the venues.
    costs, twin_costs = np.empty(room.size), np.empty(room.size)
    assert int(units.sum()) == sum(twin)
    for v in range(room.size):
        costs[v] = lots.span_cost(flat.first, flat.unit_nano, flat.qty, v, 0, int(units[v]))
        twin_costs[v] = lots.span_cost(flat.first, flat.unit_nano, flat.qty, v, 0, twin[v])
    assert np.isclose(costs.sum(), twin_costs.sum(), rtol=1e-9)


@given(seeds)
def test_rounding_keeps_lots_room_and_sum(seed):
    rng, flat, terms, room, wanted = problem(seed)
    target = int(wanted.sum()) + rng.randint(0, 20)
    units = wanted.copy()
    n_low = lots.round_to_lots(flat.first, flat.unit_nano, flat.qty, terms, room, target, units)
    lot, least = terms[:, cost.LOT_UNITS], terms[:, cost.MIN_UNITS]
    assert (units % lot == 0).all()
    assert (units >= 0).all()
    assert (units <= room).all()
    assert int(units.sum()) <= target
    assert n_low == int(((units > 0) & (units < least)).sum())
    left = target - int(units.sum())
    is_open = (units > 0) & (units + lot <= room)
    assert not (is_open & (lot <= left)).any(), "a lot that fits was left unplaced"


@given(seeds)
def test_one_venue_gets_the_most_at_the_least_cost(seed):
    rng, flat, terms, room, _ = problem(seed)
    target, units = rng.randint(0, 150), np.empty(room.size, np.int64)
    best = lots.fill_one_venue(flat.first, flat.unit_nano, flat.qty, terms, room, target, units)
    fits = np.minimum(target, room) // terms[:, cost.LOT_UNITS] * terms[:, cost.LOT_UNITS]
    fits[fits < terms[:, cost.MIN_UNITS]] = 0
    assert int(units.sum()) == int(fits.max(initial=0))
    if best >= 0:
        rivals = [v for v in range(room.size) if fits[v] == fits.max()]
        costs = {
            v: lots.span_cost(flat.first, flat.unit_nano, flat.qty, v, 0, int(fits[v])) + terms[v, cost.FIXED_NANO]
            for v in rivals
        }
        assert costs[best] == min(costs.values())


@given(seeds)
def test_shares_by_depth_are_the_floor_of_the_exact_share(seed):
    rng, flat, _, room, _ = problem(seed)
    target, units = rng.randint(0, 150), np.empty(room.size, np.int64)
    given_units = lots.share_by_depth(flat.first, flat.qty, room, target, units)
    depth = [min(sum(q for _, q in own), int(r)) for own, r in zip(flat.levels, room, strict=True)]
    assert given_units == int(units.sum()) <= target
    for share, own in zip(units.tolist(), depth, strict=True):
        exact = target * own / sum(depth) if sum(depth) > target else own
        assert abs(share - exact) <= 1


def test_a_remainder_below_a_coarse_lot_is_swapped_in_from_a_fine_venue():
    # 100-lot venue with room, 1-lot venue full: 134 wanted, so 100 + 34 only works by taking 66 off the fine one.
    first = np.array([0, 1, 2], np.int64)
    unit, qty = np.array([1.0, 2.0]), np.array([1_000, 100], np.int64)
    terms = np.zeros((2, cost.N_TERMS), np.int64)
    terms[:, cost.LOT_UNITS] = terms[:, cost.MIN_UNITS] = [100, 1]
    units = np.array([100, 100], np.int64)
    room = np.array([1_000, 100], np.int64)
    lots.round_to_lots(first, unit, qty, terms, room, 234, units)
    assert units.tolist() == [200, 34]


def test_an_odd_remainder_brings_in_a_venue_of_odd_lots_at_its_least():
    # Lots of 4 and 6 never add up to an odd number; 9 of the third leave an excess of 8, which the first gives up.
    first = np.array([0, 1, 2, 3], np.int64)
    unit, qty = np.array([1.0, 1.1, 1.2]), np.array([1_000, 1_000, 1_000], np.int64)
    terms = np.zeros((3, cost.N_TERMS), np.int64)
    terms[:, cost.LOT_UNITS], terms[:, cost.MIN_UNITS] = [4, 6, 3], [4, 6, 6]
    units = np.array([40, 60, 0], np.int64)
    room = np.array([40, 600, 999], np.int64)
    lots.round_to_lots(first, unit, qty, terms, room, 101, units)
    assert int(units.sum()) == 101
    assert units.tolist() == [32, 60, 9]


def test_a_remainder_that_no_lots_add_up_to_stays():
    first = np.array([0, 1, 2], np.int64)
    terms = np.zeros((2, cost.N_TERMS), np.int64)
    terms[:, cost.LOT_UNITS] = terms[:, cost.MIN_UNITS] = [4, 6]
    units = np.array([40, 60], np.int64)
    room = np.array([400, 600], np.int64)
    lots.round_to_lots(first, np.array([1.0, 2.0]), np.array([900, 900], np.int64), terms, room, 101, units)
    assert units.tolist() == [40, 60]
