"""A small loop campaign: caught, seldom wrong, back when healed, and cheaper than no loop while it is sick."""

from __future__ import annotations

import numpy as np
import pytest

from loadtests import loop_campaign as campaign


@pytest.fixture(scope="module")
def noise():
    if not campaign.L2.exists():
        pytest.skip("needs ../shared/data/public/l2/binance_3mkt_20240808")
    return campaign.recorded_noise(at_trades=False)


def test_recorded_noise_is_what_power_was_reckoned_with(noise):
    assert 1.0 < noise.std() < 1.4


@pytest.mark.parametrize("case_i", range(3))
def test_every_kind_of_bad_venue_is_caught_within_200_fills(noise, case_i):
    found, n_early = campaign.delays(campaign.cases(noise)[case_i], 15, 10 * campaign.S)
    assert (found <= 200).all()
    assert n_early == 0


@pytest.mark.parametrize("case_i", range(3))
def test_healthy_venues_are_left_alone(noise, case_i):
    assert campaign.false_alarms(campaign.cases(noise)[case_i], 20_000, 10 * campaign.S) == 0


@pytest.mark.parametrize("case_i", range(3))
def test_share_falls_comes_back_and_regret_is_less(noise, case_i):
    told = campaign.run(campaign.cases(noise)[case_i], 99)
    before, sick, healed = told.share
    assert sick < 0.5 * before
    assert healed > 0.7 * before
    assert told.regret_bps[1] < 0.6 * told.without_bps[1]


def test_the_poisson_bound_is_exact():
    assert campaign.fills_per_alarm(0, 60_000) == pytest.approx(60_000 / 2.9957, rel=1e-3)
    assert np.isclose(campaign.fills_per_alarm(1, 100_000), 100_000 / 4.7439, rtol=1e-3)
