"""Books with impact stay convex, agree with plain books without it, and are bounded like every estimate."""

from __future__ import annotations

from itertools import pairwise
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.errors import InvariantBroken
from app.routing.impact import LINEAR, SQUARE_ROOT, VenueImpact, cost_of, impact_curves, split_at

seeds = st.integers(0, 2**32)
NONE = VenueImpact(LINEAR, 0.0, 1.0)


def market(rng, n_venues=3, *, is_sale=False):
    first, qty, unit = [0], [], []
    for _ in range(n_venues):
        price = rng.uniform(900, 1_100)
        for _ in range(rng.randint(1, 8)):
            price += rng.uniform(0, 5)
            unit.append(price - 2_000 if is_sale else price)
            qty.append(rng.randint(1, 1_000))
        first.append(len(qty))
    return np.array(first), np.array(qty), np.array(unit)


def laws(rng, n_venues):
    return tuple(
        VenueImpact(rng.choice([LINEAR, SQUARE_ROOT]), rng.uniform(1, 400), rng.uniform(10, 5_000))
        for _ in range(n_venues)
    )


@given(seeds, st.booleans())
def test_marginal_costs_never_fall_within_a_venue(seed, is_sale):
    rng = Random(seed)
    first, qty, unit = market(rng, is_sale=is_sale)
    curves = impact_curves(first, qty, unit, laws(rng, 3), mid_unit_nano=1_000.0)
    for start, end in pairwise(first.tolist()):
        ends = np.column_stack([curves.low_nano, curves.high_nano])[start:end].ravel()
        assert np.all(np.diff(ends) >= -1e-9)
    assert np.all(curves.low_nano >= unit)
    assert np.all(curves.high_nano <= unit + 1_000.0 * 100e-6 + 1e-9)


def test_without_impact_the_curve_is_the_book():
    first, qty, unit = market(Random(1))
    curves = impact_curves(first, qty, unit, (NONE,) * 3, mid_unit_nano=1_000.0)
    assert curves.low_nano.tolist() == curves.high_nano.tolist() == unit.tolist()
    assert split_at(curves, float(unit.max())).sum() == qty.sum()
    assert split_at(curves, float(unit.min()) - 1).sum() == 0


@given(seeds)
def test_one_marginal_price_is_the_cheapest_split(seed):
    rng = Random(seed)
    first, qty, unit = market(rng)
    curves = impact_curves(first, qty, unit, laws(rng, 3), mid_unit_nano=1_000.0)
    price = rng.uniform(float(unit.min()), float(curves.high_nano.max()))
    split = split_at(curves, price)
    best = cost_of(curves, split)
    assert not np.isnan(best).any()
    depth = np.add.reduceat(qty, first[:-1])
    for _ in range(10):
        giver, taker = rng.sample(range(3), 2)
        moved = min(rng.uniform(0, 50), split[giver], depth[taker] - split[taker])
        if moved <= 0:
            continue
        other = split.copy()
        other[giver] -= moved
        other[taker] += moved
        assert cost_of(curves, other).sum() >= best.sum() - 1e-6


def test_a_cost_beyond_the_depth_is_no_number():
    first, qty, unit = market(Random(2), 1)
    curves = impact_curves(first, qty, unit, (NONE,), mid_unit_nano=1_000.0)
    assert cost_of(curves, np.array([float(qty.sum())]))[0] == pytest.approx(float(unit @ qty))
    assert np.isnan(cost_of(curves, np.array([qty.sum() + 1.0]))[0])


@pytest.mark.parametrize("most", [0.0, -5.0, 50.0, 1e9])
def test_the_displacement_is_bounded(most):
    first, qty, unit = np.array([0, 1]), np.array([1_000]), np.array([1_000.0])
    curves = impact_curves(first, qty, unit, (VenueImpact(LINEAR, 1e6, 1.0),), mid_unit_nano=1e6, max_ppm=most)
    assert curves.high_nano[0] - 1_000.0 == pytest.approx(min(max(most, 0.0), 300.0))


@pytest.mark.parametrize(
    "law", [VenueImpact(LINEAR, 1.0, 0.0), VenueImpact(LINEAR, -1.0, 1.0), VenueImpact(LINEAR, float("nan"), 1.0)]
)
def test_a_law_that_is_none_is_an_error(law):
    with pytest.raises(InvariantBroken):
        impact_curves(np.array([0, 1]), np.array([5]), np.array([1.0]), (law,), mid_unit_nano=1.0)


def test_shapes_must_fit():
    with pytest.raises(InvariantBroken):
        impact_curves(np.array([0, 1]), np.array([5]), np.array([1.0]), (), mid_unit_nano=1.0)
