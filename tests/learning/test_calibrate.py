from __future__ import annotations

import numpy as np
import pytest

from app.domain.calibration import Urgency
from app.kernels import slippage as kernel
from app.learning import calibrate
from app.learning.slippage import MEAN_WAIT_S, table_of, waits_of

DELAYS_S = (0.005, 0.1)


def rows(n=400, seed=1, *, sigma_power=0.0, imbalance=0.0, noise=1.0):
    """Parents every half second whose cost is the walk plus noise of a known law."""
    rng = np.random.default_rng(seed)
    found = []
    sigma = np.exp(rng.normal(0, 0.8, n)) * 50
    for parent in range(n):
        for cell, (delay, urgency) in enumerate((d, u) for d in DELAYS_S for u in Urgency):
            for side in (1, -1):
                for size in range(2):
                    walk, half, pressure = 10.0 + 30 * size, 1.0, rng.uniform(-1, 1)
                    wait = delay + MEAN_WAIT_S[urgency]
                    drift = imbalance * pressure * sigma[parent] / 50 * np.sqrt(wait)
                    spread = noise * (sigma[parent] / 50) ** sigma_power * np.sqrt(wait) * 30
                    cost = walk + drift + spread * rng.normal()
                    found.append(
                        (parent * 0.5, parent, cell, side, size, walk, half, pressure, 0.05, sigma[parent], cost)
                    )
    return np.array(found)


def samples(**law):
    return calibrate.samples_of(rows(**law), DELAYS_S)


def test_rows_without_a_cost_fall_out_and_time_rises():
    plain = rows(n=5)
    plain[3, -1] = np.nan
    found = calibrate.samples_of(plain[::-1], DELAYS_S)
    assert found.n == len(plain) - 1
    assert np.all(np.diff(found.at_s) >= 0)


def test_pinball_by_hand():
    levels = np.zeros((1, 5))
    assert calibrate.pinball(np.array([2.0]), levels)[0] == pytest.approx(2 * np.mean(kernel.LEVELS))
    assert calibrate.pinball(np.array([-2.0]), levels)[0] == pytest.approx(2 * (1 - np.mean(kernel.LEVELS)))
    assert calibrate.pinball(np.array([0.0]), levels)[0] == 0


def test_a_plain_market_gets_a_plain_law_that_covers():
    judged = calibrate.walk_forward(samples())
    assert judged.within90.mean() == pytest.approx(0.9, abs=0.03)
    assert judged.within50.mean() == pytest.approx(0.5, abs=0.04)
    # The law contains its rival by cell but for size: nothing to win, and nearly nothing to lose.
    assert judged.loss_ppm.mean() == pytest.approx(judged.cell_loss_ppm.mean(), rel=0.03)
    assert judged.loss_ppm.mean() < judged.constant_loss_ppm.mean()


def test_volatility_that_matters_is_used_and_pays():
    market = samples(sigma_power=1.0)
    law = calibrate.fit_slippage(market)
    assert law.sigma_power_frac == 1.0
    judged = calibrate.walk_forward(market)
    assert judged.loss_ppm.mean() < 0.97 * judged.cell_loss_ppm.mean()


def test_imbalance_that_matters_is_used():
    assert calibrate.fit_slippage(samples(imbalance=40.0)).imbalance_ppm == pytest.approx(40.0, rel=0.2)


def test_no_prediction_saw_what_it_is_tested_on(monkeypatch):
    market = samples()
    seen = []
    whole = calibrate._judge

    def spy(train, test, shapes):
        seen.append((train.at_s.max(), test.at_s.min()))
        return whole(train, test, shapes)

    monkeypatch.setattr(calibrate, "_judge", spy)
    judged = calibrate.walk_forward(market)
    assert len(seen) == calibrate.N_FOLDS
    assert all(test - train >= calibrate.EMBARGO_S for train, test in seen)
    assert judged.samples.at_s.min() >= market.at_s[-1] * calibrate.FIRST_TRAINED_FRAC


def test_an_ablated_law_stays_within_what_it_is_given():
    market = samples(sigma_power=1.0, imbalance=40.0)
    law = calibrate.fit_slippage(market, [calibrate.PLAIN])
    assert (law.sigma_power_frac, law.imbalance_ppm) == (0.0, 0.0)
    for _, table in law.tables:
        assert all(table[i : i + 3] == (table[i],) * 3 for i in range(0, len(table), 3))
    plain = calibrate.walk_forward(market, [calibrate.PLAIN])
    assert plain.loss_ppm.mean() > calibrate.walk_forward(market).loss_ppm.mean()
    assert plain.predicted_ppm.shape == (plain.samples.n, kernel.N_OUT)


def test_a_mean_that_is_noise_is_drawn_to_zero():
    law = calibrate.fit_slippage(samples(n=40))
    means = [row[-1] for _, table in law.tables for row in table]
    assert min(map(abs, means)) == 0.0


def test_the_fits_predictions_are_the_kernels():
    market = samples(sigma_power=0.5, imbalance=10.0)
    law = calibrate.fit_slippage(market)
    found = calibrate.predict(law, market)
    weights = np.array([law.sigma_power_frac, law.imbalance_ppm])
    for k in range(0, market.n, 97):
        delay, urgency = DELAYS_S[market.cell[k] // 2], calibrate.URGENCIES[market.cell[k] % 2]
        out = np.empty((1, kernel.N_OUT))
        kernel.slippage_quantiles(
            market.features[k : k + 1],
            market.sigma_ppm_sqrt_s[k] / law.sigma_ppm_sqrt_s,
            delay + MEAN_WAIT_S[urgency],
            weights,
            waits_of(law, urgency),
            np.log1p(law.walk_knots_ppm),
            table_of(law, urgency),
            out,
        )
        assert out[0].tolist() == pytest.approx(found[k].tolist(), rel=1e-9, abs=1e-9)
