from itertools import pairwise
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.kernels import impact, status, trajectory
from tests.reference import trajectory as twin

seeds = st.integers(0, 2**32)
DECAYS = {"exponential": impact.EXPONENTIAL, "power": impact.POWER}


def drawn(seed):
    """(cost, risk, slice, quantity, slices): from no urgency to everything at once."""
    rng = Random(seed)
    cost, slice_s, qty, n = (
        10 ** rng.uniform(-6, 3),
        10 ** rng.uniform(-2, 3),
        10 ** rng.uniform(0, 8),
        rng.randint(1, 60),
    )
    bend = rng.choice([0.0, 10 ** rng.uniform(-8, 2)])
    return cost, bend * cost / slice_s**2, slice_s, qty, n


@given(seeds)
def test_the_closed_form_solves_the_difference_equation(seed):
    cost, risk, slice_s, qty, n = drawn(seed)
    trades = np.empty(n)
    assert trajectory.almgren_chriss(cost, risk, slice_s, qty, trades) == status.OK
    exact = [float(trade) for trade in twin.almgren_chriss(cost, risk, slice_s, qty, n)]
    assert trades == pytest.approx(exact, rel=1e-9, abs=1e-12 * qty)
    assert trades.sum() == pytest.approx(qty, rel=1e-13)


def test_a_horizon_of_thousands_of_half_lives_does_not_overflow():
    trades = np.empty(1_000)
    assert trajectory.almgren_chriss(1e-6, 1e6, 1.0, 5.0, trades) == status.OK
    assert trades[0] == pytest.approx(5.0)
    assert np.all(np.isfinite(trades))


@given(seeds)
def test_shooting_at_power_one_is_almgren_and_chriss(seed):
    cost, risk, slice_s, qty, n = drawn(seed)
    closed, shot = np.empty(n), np.empty(n)
    trajectory.almgren_chriss(cost, risk, slice_s, qty, closed)
    assert trajectory.lay_power(cost, 1.0, risk, slice_s, qty, shot) == status.OK
    assert shot == pytest.approx(closed, rel=1e-9, abs=1e-9 * qty)


@given(seeds, st.sampled_from([0.3, 0.5, 0.8]))
def test_at_a_power_no_lots_gain_by_moving_to_another_slice(seed, power):
    """Marginal costs, risk of waiting included, are equal: for a convex cost that is the optimum."""
    cost, risk, slice_s, qty, n = drawn(seed)
    risk *= (qty / slice_s) ** (power - 1)  # as strong as in the linear law
    trades = np.empty(n)
    assert trajectory.lay_power(cost, power, risk, slice_s, qty, trades) == status.OK
    assert trades.sum() == pytest.approx(qty, rel=1e-12)
    held = twin.held_after(trades.tolist(), qty)
    slopes = [cost * (1 + power) * (trade / slice_s) ** power for trade in trades]
    for k, (now, later) in enumerate(pairwise(slopes)):
        assert now == pytest.approx(later + 2 * risk * slice_s * held[k], rel=1e-8)


def test_moving_lots_between_slices_never_lowers_the_square_root_objective():
    rng = Random(4)
    for seed in range(40):
        cost, risk, slice_s, qty, n = drawn(seed)
        risk *= (qty / slice_s) ** -0.5
        trades = np.empty(n)
        trajectory.lay_power(cost, 0.5, risk, slice_s, qty, trades)
        best = twin.power_objective(cost, 0.5, risk, slice_s, trades.tolist())
        for _ in range(10):
            moved = trades.copy()
            i, j = rng.randrange(n), rng.randrange(n)
            part = rng.choice([0.5, 0.01]) * moved[i]
            moved[i] -= part
            moved[j] += part
            assert twin.power_objective(cost, 0.5, risk, slice_s, moved.tolist()) >= best * (1 - 1e-12)


@pytest.mark.parametrize("decay", DECAYS)
@given(seeds)
def test_a_transient_plan_is_where_no_slice_would_be_cheaper(decay, seed):
    """On a simplex of a convex cost: the slopes of slices that trade are equal, and none is below them."""
    rng = Random(seed)
    law = [
        10 ** rng.uniform(-1, 3),
        10 ** rng.uniform(0, 6),
        10 ** rng.uniform(-1, 2),
        rng.uniform(0.2, 2),
        rng.random() * 0.9,
    ]
    n, slice_s, qty = rng.randint(1, 30), 10 ** rng.uniform(-1, 1), 10 ** rng.uniform(0, 6)
    risk = rng.choice([0.0, 10 ** rng.uniform(-5, 1)]) * law[0] / law[1] / slice_s
    trades = np.empty(n)
    found = trajectory.lay_transient(DECAYS[decay], np.array(law), risk, slice_s, qty, trades)
    assert found == status.OK
    assert np.all(trades >= 0.0)
    assert trades.sum() == pytest.approx(qty, rel=1e-12)
    slopes = np.array(twin.transient_slopes(decay, law, risk, slice_s, trades.tolist()))
    level = slopes[trades > 0].mean()
    assert slopes[trades > 0] == pytest.approx(level, rel=1e-6)
    assert np.all(slopes >= level * (1 - 1e-6))


def test_slopes_are_those_of_the_objective():
    law, trades = [10.0, 1e3, 4.0, 1.0, 0.3], [5.0, 1.0, 7.0]
    slopes = twin.transient_slopes("power", law, 1e-3, 2.0, trades)
    for i in range(3):
        up, down = list(trades), list(trades)
        up[i] += 1e-4
        down[i] -= 1e-4
        ends = [twin.transient_objective("power", law, 1e-3, 2.0, moved) for moved in (up, down)]
        assert (ends[0] - ends[1]) / 2e-4 == pytest.approx(slopes[i], rel=1e-6)


def test_exponential_decay_without_risk_trades_in_blocks_at_both_ends():
    """Obizhaeva and Wang 2013 in discrete time: equal blocks at the ends, an even rate between."""
    trades = np.empty(9)
    trajectory.lay_transient(impact.EXPONENTIAL, np.array([10.0, 1.0, 2.0, 1.0, 0.0]), 0.0, 1.0, 90.0, trades)
    kept = np.exp(-0.5)
    assert trades[0] == pytest.approx(trades[-1])
    assert trades[1:-1] == pytest.approx(trades[0] * (1 - kept), rel=1e-6)


def test_impact_that_never_fades_is_indifferent_to_time():
    trades = np.empty(8)
    assert (
        trajectory.lay_transient(impact.POWER, np.array([10.0, 1.0, 1.0, 1.0, 1.0]), 0.0, 1.0, 8.0, trades) == status.OK
    )
    assert trades == pytest.approx(np.ones(8), rel=1e-3)


def test_laws_outside_their_range_are_refused():
    out = np.empty(3)
    for arguments in ((0.0, 1.0, 1.0), (1.0, -1.0, 1.0), (1.0, 1.0, 0.0), (np.nan, 1.0, 1.0)):
        assert trajectory.almgren_chriss(*arguments, 1.0, out) == status.BAD_LEVELS
    for arguments in (
        (0.0, 0.5, 1.0, 1.0),
        (1.0, 0.0, 1.0, 1.0),
        (1.0, 1.1, 1.0, 1.0),
        (1.0, 0.5, -1.0, 1.0),
        (1.0, 0.5, 1.0, 0.0),
    ):
        assert trajectory.lay_power(*arguments, 1.0, out) == status.BAD_LEVELS
    assert trajectory.lay_power(1.0, 0.5, 1.0, 1.0, 0.0, out) == status.BAD_LEVELS
    good = np.array([10.0, 1.0, 1.0, 1.0, 0.5])
    for place in range(4):
        law = good.copy()
        law[place] = 0.0
        assert trajectory.lay_transient(0, law, 0.0, 1.0, 1.0, out) == status.BAD_LEVELS
    assert trajectory.lay_transient(0, good, -1.0, 1.0, 1.0, out) == status.BAD_LEVELS
