"""Volume by time of day: shrunk to flat, sum kept, today's level."""

from __future__ import annotations

import pytest

from app.learning.volume_curve import BIN_NS, DAY_NS, MAX_WATCHED_S, N_BINS, PRIOR_S, VolumeCurve

S = 10**9
HOUR = 3_600 * S
DAY_0 = 20_000 * DAY_NS


def fed(curve: VolumeCurve, day: int, per_s: float, from_h: int, to_h: int) -> None:
    """`per_s` units a second between these hours, told each minute."""
    for minute in range((to_h - from_h) * 60 + 1):
        now_ns = DAY_0 + day * DAY_NS + from_h * HOUR + minute * 60 * S
        curve.observe(now_ns, round(per_s * 60) if minute else 0)


def test_nothing_seen_is_flat() -> None:
    weights = VolumeCurve().weights(DAY_0, DAY_0 + HOUR, 4)
    assert len(set(weights)) == 1
    assert VolumeCurve().today_frac() == 1.0
    assert VolumeCurve().expected_units(DAY_0, DAY_0 + HOUR) == 0.0


def test_a_bin_that_was_watched_as_long_as_the_prior_is_believed_half() -> None:
    """Two bins, one at 30 units a second and one at 10, each watched for the prior: 25 and 15 about a mean of 20."""
    nothing = [0.0] * (N_BINS - 2)
    curve = VolumeCurve([30.0 * PRIOR_S, 10.0 * PRIOR_S, *nothing], [PRIOR_S, PRIOR_S, *nothing])
    assert curve.rate_units_per_s(DAY_0) == pytest.approx(25.0)
    assert curve.rate_units_per_s(DAY_0 + BIN_NS) == pytest.approx(15.0)
    assert curve.rate_units_per_s(DAY_0 + 5 * BIN_NS) == pytest.approx(20.0)
    assert curve.weights(DAY_0, DAY_0 + 2 * BIN_NS, 2) == (1_250_000, 750_000)


def test_days_of_a_busy_morning_bend_the_curve() -> None:
    curve = VolumeCurve()
    for day in range(20):
        fed(curve, day, 40.0, 8, 10)
        fed(curve, day, 10.0, 10, 12)
    busy, calm = curve.weights(DAY_0 + 8 * HOUR, DAY_0 + 12 * HOUR, 2)
    assert 2.5 < busy / calm < 4.0


def test_what_was_traded_between_two_looks_is_spread_over_the_time_between() -> None:
    curve = VolumeCurve()
    curve.observe(DAY_0 + BIN_NS // 2, 0)
    curve.observe(DAY_0 + BIN_NS // 2 + 2 * BIN_NS, 400)
    assert curve.seen_units[:3] == pytest.approx([100.0, 200.0, 100.0])
    assert sum(curve.watched_s) == pytest.approx(2 * BIN_NS / S)
    curve.observe(DAY_0, 50)
    assert sum(curve.seen_units) == pytest.approx(450.0)
    assert len(curve.seen_units) == N_BINS


def test_a_day_of_twice_the_volume_doubles_what_is_expected_of_its_rest() -> None:
    curve = VolumeCurve()
    for day in range(20):
        fed(curve, day, 10.0, 0, 12)
    usual = curve.expected_units(DAY_0 + 20 * DAY_NS, DAY_0 + 20 * DAY_NS + HOUR)
    fed(curve, 20, 20.0, 0, 12)
    assert 1.6 < curve.today_frac() < 2.0
    late = DAY_0 + 20 * DAY_NS + 11 * HOUR
    assert curve.expected_units(late, late + HOUR) > 1.5 * usual


def test_news_are_bins_that_are_over_and_a_restored_curve_is_the_same() -> None:
    curve = VolumeCurve()
    curve.observe(DAY_0, 0)
    curve.observe(DAY_0 + BIN_NS // 2, 300)
    assert curve.news() == []
    curve.observe(DAY_0 + BIN_NS + BIN_NS // 2, 100)
    assert curve.news() == [(0, 350, 300_000)]
    assert curve.news() == []
    assert curve.news(is_all=True) == [(1, 50, 150_000)]
    again = VolumeCurve()
    again.restore(0, 350, 300_000)
    again.restore(1, 50, 150_000)
    assert again.weights(DAY_0, DAY_0 + HOUR, 4) == curve.weights(DAY_0, DAY_0 + HOUR, 4)
    assert again.news(is_all=True) == []


def test_old_days_fade() -> None:
    curve = VolumeCurve()
    for day in range(40):
        fed(curve, day, 10.0 if day < 20 else 40.0, 8, 9)
    assert curve.watched_s[8 * 12] == pytest.approx(MAX_WATCHED_S)
    assert curve.usual_units(DAY_0 + 8 * HOUR, DAY_0 + 9 * HOUR) / 3_600 > 1.1 * 22.4, (
        "the mean of all days, shrunk alike"
    )
