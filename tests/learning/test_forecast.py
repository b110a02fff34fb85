"""Forecasts of a market: as usual until enough was watched, above it after a burst, unmoved by gaps."""

from __future__ import annotations

import pytest

from app.domain.bending import Outlook
from app.domain.units import PPM
from app.learning.forecast import LEAST_WATCHED_S, SPREAD, VARIANCE, VOLUME, Forecaster, Look

S = 10**9


def watched(seconds: int, start_s: int = 1, **looks: float) -> Forecaster:
    found = Forecaster()
    tell(found, seconds, start_s, **looks)
    return found


def tell(
    found: Forecaster, seconds: int, start_s: int, *, traded: float = 10.0, spread: float = 5.0, move: float = 1e-5
) -> None:
    for i in range(seconds + 1):
        mid = 100.0 * (1.0 + move * (i % 2))
        found.take(Look((start_s + i) * S, traded, 10.0, spread, mid))


def test_before_enough_was_watched_all_is_as_usual() -> None:
    assert Forecaster().outlook(10.0) == Outlook()
    found = watched(int(LEAST_WATCHED_S) - 1)
    assert found.outlook(10.0) == Outlook(watched_s=int(LEAST_WATCHED_S) - 1)


def test_a_steady_market_is_as_usual() -> None:
    found = watched(300).outlook(10.0)
    assert (found.volume_ppm, found.spread_ppm, found.sigma_ppm) == (PPM, PPM, pytest.approx(PPM, rel=1e-3))
    assert found.watched_s == 300


def test_a_burst_of_anything_is_expected_to_last_a_little() -> None:
    found = watched(600)
    tell(found, 20, 602, traded=50.0, spread=20.0, move=5e-5)
    near, far = found.outlook(5.0), found.outlook(600.0)
    for name in ("volume_ppm", "spread_ppm", "sigma_ppm"):
        assert getattr(near, name) > getattr(far, name) > PPM, name


def test_the_usual_is_the_longest_spans_mean_and_deviations_are_what_loadings_weigh() -> None:
    found = watched(600)
    assert found.usual(VOLUME) == pytest.approx(1.0)
    assert found.usual(SPREAD) == pytest.approx(5.0)
    assert found.usual(VARIANCE) > 0.0
    assert found.deviations(SPREAD, 10.0) == pytest.approx([0.0, 0.0, 0.0], abs=1e-9)
    tell(found, 20, 602, spread=20.0)
    short, middle, long = found.deviations(SPREAD, 10.0)
    assert short > middle > long > 0.0


def test_what_happened_in_a_gap_is_not_known() -> None:
    found = watched(300)
    found.take(Look(2_000 * S, 1e9, 10.0, 1e6, 500.0))
    assert found.outlook(10.0).volume_ppm == PPM
    assert found.expected_part(VARIANCE, 10.0) == pytest.approx(1.0, rel=1e-3)


def test_a_market_without_books_or_usual_volume_is_watched_for_what_it_shows() -> None:
    found = Forecaster()
    for i in range(200):
        found.take(Look((1 + i) * S, 5.0, 0.0, 0.0, 0.0))
    assert found.outlook(10.0) == Outlook(PPM, PPM, PPM, 199)
