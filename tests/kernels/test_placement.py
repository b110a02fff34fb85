from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.kernels import placement
from tests.reference import placement as twin

seeds = st.integers(0, 2**32)
# A part in two thousand of crossing all 100 units: valleys are many and flat.
TOLERANCE = 100.0 * 23.0 / 2_000


def drawn(seed, n_venues, n_draws=512):
    rng = np.random.default_rng(seed)
    reach = np.maximum(rng.gamma(1.5, 60.0, (n_draws, n_venues)) - rng.uniform(0, 80, n_venues), 0.0)
    gain = 20.0 + rng.uniform(-5, 5, n_venues)
    terms = np.array([23.0, rng.choice([0.0, 0.5]), rng.uniform(40, 120), rng.uniform(30, 90)])
    return reach, gain, terms


def placed(reach, gain, terms, qty):
    units = np.empty(gain.size + 1)
    cost = placement.place_quantity(reach, reach.shape[0], gain, terms, qty, units)
    return cost, units


def _mean_cost(reach, gain, terms, units):
    fills = np.minimum(reach, units[:-1])
    done = units[-1] + fills.sum(axis=1)
    costs = terms[2] * np.maximum(100.0 - done, 0.0) + terms[3] * np.maximum(done - 100.0, 0.0) - fills @ gain
    return costs.mean() + terms[0] * units[-1] + terms[1] * units.sum()


@settings(max_examples=25)
@given(seeds, st.integers(1, 4))
def test_the_cost_is_the_definitions_and_no_neighbour_is_cheaper(seed, n_venues):
    reach, gain, terms = drawn(seed, n_venues)
    cost, units = placed(reach, gain, terms, 100.0)
    assert np.all((units >= 0.0) & (units <= 100.0))
    exact = twin.mean_cost(reach, gain, terms, 100.0, units[-1], units[:-1])
    assert cost == pytest.approx(exact, rel=1e-9, abs=1e-9)
    rng = Random(seed)
    for _ in range(20):
        near = np.clip(units + np.array([rng.gauss(0, rng.choice([0.1, 2.0])) for _ in units]), 0.0, 100.0)
        moved = _mean_cost(reach, gain, terms, near)
        assert moved >= exact - TOLERANCE


@pytest.mark.parametrize("seed", range(8))
def test_no_point_of_a_grid_is_cheaper(seed):
    reach, gain, terms = drawn(seed, 2)
    cost, _ = placed(reach, gain, terms, 100.0)
    grid = np.linspace(0, 100, 13)
    market, first, second = (axis.ravel()[:, None] for axis in np.meshgrid(grid, grid, grid))
    fills = [np.minimum(reach[None, :, v], limit) for v, limit in enumerate((first, second))]
    done = market + fills[0] + fills[1]
    costs = terms[2] * np.maximum(100.0 - done, 0) + terms[3] * np.maximum(done - 100.0, 0)
    costs += (terms[0] + terms[1]) * market + terms[1] * (first + second) - gain[0] * fills[0] - gain[1] * fills[1]
    assert cost <= costs.mean(axis=1).min() + TOLERANCE


@pytest.mark.parametrize("short", [45.0, 60.0, 100.0])
def test_one_venue_is_its_closed_form(short):
    """Outflow uniform on 0 to 200 behind a queue of 30: the limit ends at the level's quantile."""
    flow = (np.arange(20_000) + 0.5) / 20_000 * 200
    reach = np.maximum(flow - 30.0, 0.0)[:, None]
    terms = np.array([23.0, 0.0, short, 50.0])
    _, units = placed(reach, np.array([22.0]), terms, 100.0)
    level = twin.one_venue_level(20.0, 3.0, 2.0, 0.0, short)
    limit = min(max(level * 200 - 30.0, 0.0), 100.0) if level < 1 else 100.0
    assert units == pytest.approx([limit, 100.0 - limit], abs=0.2)


def test_a_queue_that_never_trades_gets_nothing():
    reach = np.zeros((50, 2))
    reach[:, 1] = 500.0
    cost, units = placed(reach, np.array([20.0, 22.0]), np.array([23.0, 0.5, 60.0, 50.0]), 100.0)
    assert units == pytest.approx([0.0, 100.0, 0.0], abs=1e-3)
    assert cost == pytest.approx(-22.0 * 100 + 0.5 * 100, rel=1e-6)
