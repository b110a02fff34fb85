from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.kernels import ladder
from app.kernels.relax import climb, relax
from tests.kernels.splits import split_problem
from tests.reference.exact import own_costs


def solve(split, hint_nano):
    split.best_nano[ladder.PRICE_NANO] = hint_nano
    return relax(split.start_units, split.step_nano, split.place, split.own_nano, split.tally, split.best_nano)


def dual_nano(split, price_nano):
    """The Lagrangian value of a price by trying every size: what the relaxation must reach and cannot exceed."""
    total = price_nano * split.reach
    for v, venue in enumerate(split.venues()):
        values = [own_nano - price_nano * units for units, own_nano in own_costs(venue, split.target)]
        total += min(0.0, *values) if split.place[v, ladder.STATE] != ladder.OUT and values else 0.0
    return total


@given(st.integers(0, 2**32))
def test_the_relaxation_is_the_lagrangian_value_at_its_own_price_from_any_hint(seed):
    split = split_problem(Random(seed))
    if split.reach == 0 or not solve(split, np.nan):
        return
    value, price = split.best_nano[[ladder.VALUE_NANO, ladder.PRICE_NANO]].tolist()
    tolerance = 1e-11 * float(np.abs(split.flat.unit_nano).max()) * split.reach
    assert value == pytest.approx(dual_nano(split, price), abs=tolerance)
    prices = split.step_nano[0, : split.place[split.n - 1, ladder.END]]
    for hint in (*prices[np.isfinite(prices)].tolist(), price * 1.01, price * 0.99):
        assert solve(split, hint)
        assert split.best_nano[ladder.VALUE_NANO] == pytest.approx(value, abs=tolerance)
        assert dual_nano(split, hint) <= value + tolerance


def test_a_climb_stops_at_the_first_step_that_is_not_cheaper():
    steps = np.array([[1.0, 2.0, 2.0, 5.0, np.inf], [0.0] * 5])
    assert [climb(steps, 0, 4, price) for price in (0.5, 1.0, 2.0, 3.0, 9.0)] == [0, 0, 1, 3, 4]
    assert climb(steps, 2, 4, 1.0) == 2
