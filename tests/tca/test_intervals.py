"""Errors of means: covered as often as they say, wider for clusters, absent where too little is known."""

from __future__ import annotations

import numpy as np
import pytest

from app.tca.intervals import NEEDED_FILLS, autocorrelation_time, estimate, needed_n, t975


def test_the_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    random = np.random.default_rng(1)
    n_runs, n_covered = 200, 0
    for seed in range(n_runs):
        effects = random.normal(0.0, 1.0, 60)
        clusters = [f"p{i}" for i in range(60) for _ in range(5)]
        values = np.repeat(effects, 5) + random.normal(0.0, 0.5, 300)
        found = estimate(values.tolist(), clusters, 1, seed=seed)
        assert found.low_bps is not None
        assert found.high_bps is not None
        n_covered += found.low_bps <= 0.0 <= found.high_bps
    # 95 % of 200 runs, three standard errors and a point for a bootstrap of sixty parents.
    assert 0.95 - 3 * (0.95 * 0.05 / n_runs) ** 0.5 - 0.01 <= n_covered / n_runs <= 1.0


def test_fills_of_one_parent_are_one_draw() -> None:
    random = np.random.default_rng(2)
    values = np.repeat(random.normal(0, 1, 40), 10).tolist()
    together = estimate(values, [f"p{i // 10}" for i in range(400)], 1)
    apart = estimate(values, [f"p{i}" for i in range(400)], 1)
    assert together.n_clusters == 40
    assert together.n_eff_units <= 40
    # Either way the bunched fills are seen: as clusters, or as autocorrelation of neighbours.
    assert apart.n_eff_units < 200


def test_too_little_has_no_interval_and_says_so() -> None:
    assert estimate([], [], 5).mean_bps is None
    few = estimate([1.0, 2.0, 3.0], ["a", "b", "c"], 5)
    assert (few.mean_bps, few.low_bps, few.high_bps) == (2.0, None, None)
    assert few.is_underpowered
    one = estimate([1.0] * 500, ["a"] * 500, 5)
    assert one.low_bps is None
    assert one.is_underpowered


def test_power_is_the_figure_of_the_evidence() -> None:
    values = np.random.default_rng(3).normal(0, 1, 2_300).tolist()
    names = [f"p{i}" for i in range(2_300)]
    assert not estimate(values, names, NEEDED_FILLS[1]).is_underpowered
    assert estimate(values[1:], names[1:], NEEDED_FILLS[1]).is_underpowered
    assert NEEDED_FILLS[1] == 2_300
    assert NEEDED_FILLS[3] == 73_000
    # The line through both in logarithms, at 0.1 and 10 s.
    slope = np.log(73_000 / 2_300) / np.log(60)
    for needed, seconds in zip(NEEDED_FILLS, (0.1, 1, 10, 60), strict=True):
        assert needed == pytest.approx(2_300 * seconds**slope, rel=0.005)


def test_needed_n_is_the_textbook_formula() -> None:
    assert needed_n(1.2104, 0.1) == pytest.approx(2_300, rel=0.001)
    assert needed_n(2.0, 0.1) == pytest.approx(4 * needed_n(1.0, 0.1), rel=0.001)


def test_students_quantiles() -> None:
    scipy_stats = pytest.importorskip("scipy.stats")
    for n_free in (1, 2, 3, 4, 5, 8, 15, 29):
        assert t975(n_free) == pytest.approx(scipy_stats.t(n_free).ppf(0.975), rel=0.005)


def test_autocorrelation_of_a_slow_series_is_seen() -> None:
    random = np.random.default_rng(4)
    noise = random.normal(0, 1, 4_000)
    slow = np.empty(4_000)
    slow[0] = noise[0]
    for i in range(1, 4_000):
        slow[i] = 0.8 * slow[i - 1] + noise[i]
    assert autocorrelation_time(noise) < 1.5
    assert autocorrelation_time(slow) == pytest.approx((1 + 0.8) / (1 - 0.8), rel=0.35)
    assert autocorrelation_time(np.ones(50)) == 1.0
