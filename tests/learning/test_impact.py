from __future__ import annotations

import numpy as np
import pytest

from app.domain.calibration import Decay
from app.domain.errors import InvariantBroken
from app.learning.impact import FlowSeries, ImpactLaw, fit_impact, impact_of, schedule_cost
from tests.learning import made


def test_a_seconds_flow_moves_the_price_by_the_parameter():
    notional = np.array([0.0, 1e14, 4e14])
    linear, cost = impact_of(made.impact(), ImpactLaw.LINEAR, notional)
    root, root_cost = impact_of(made.impact(), ImpactLaw.SQUARE_ROOT, notional)
    assert linear.tolist() == pytest.approx([0, 20, 80])
    assert cost.tolist() == pytest.approx([0, 10, 40])
    assert root.tolist() == pytest.approx([0, 60, 120])
    assert root_cost.tolist() == pytest.approx([0, 40, 80])


@pytest.mark.parametrize("decay", Decay)
def test_a_second_trade_meets_what_the_first_left(decay):
    law = made.impact(decay=decay)
    met = [schedule_cost(law, np.array([0.0, wait]), np.array([1e14, 1e14]))[0][1] for wait in (0.0, 1.0, 1e9)]
    assert met[0] == pytest.approx(20)
    assert met[0] > met[1] > met[2]
    assert met[2] == pytest.approx(5, abs=0.01)


def test_a_round_trip_costs():
    _, cost_nano = schedule_cost(made.impact(), np.array([0.0, 1.0, 2.0]), np.array([1e14, 1e14, -2e14]))
    assert cost_nano > 0


def test_a_bad_schedule_or_law_is_an_error():
    with pytest.raises(InvariantBroken):
        schedule_cost(made.impact(), np.array([1.0, 0.0]), np.ones(2))
    with pytest.raises(InvariantBroken):
        impact_of(made.impact(flow_nano_per_s=0), ImpactLaw.LINEAR, np.ones(1))


def flow_market(response, n=20_000, seed=3):
    """Moves made by flow through `response` (ppm per 1e12 at lag 0, 1, ...) and noise."""
    rng = np.random.default_rng(seed)
    flow = rng.normal(0, 1e12, n)
    moves = np.convolve(flow / 1e12, response)[:n] + rng.normal(0, 2, n)
    return FlowSeries(0.1, moves, flow, "trades")


def test_a_lasting_linear_response_is_found():
    found = fit_impact(flow_market([3.0]))
    per_unit = found.linear_ppm / found.flow_nano_per_s * 1e12
    assert per_unit == pytest.approx(3.0, rel=0.05)
    assert found.linear_r2_frac > found.root_r2_frac
    left = found.stays_frac + (1 - found.stays_frac) * np.exp(-5 / found.decay_s)
    assert left > 0.9 or found.decay is Decay.POWER


def test_a_fading_response_is_found():
    kernel = 3.0 * np.exp(-np.arange(60) * 0.1 / 1.0)
    found = fit_impact(flow_market(np.diff(kernel, prepend=0.0)))
    assert found.stays_frac <= 0.2
    assert 0.3 < found.decay_s < 4


def test_noise_explains_nothing_and_no_flow_is_an_error():
    rng = np.random.default_rng(5)
    series = FlowSeries(0.1, rng.normal(size=5_000), rng.normal(size=5_000), "trades")
    assert abs(fit_impact(series).linear_r2_frac) < 0.05
    with pytest.raises(InvariantBroken):
        fit_impact(FlowSeries(0.1, np.ones(100), np.zeros(100), "trades"))
