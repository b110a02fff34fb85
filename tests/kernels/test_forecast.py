import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.kernels import forecast
from app.kernels.status import BAD_LEVELS, OK
from tests.reference import forecast as twin

HALF_LIFE_S = np.array([10.0, 60.0, 600.0, 3_600.0])
observations = st.lists(st.tuples(st.floats(0, 1e6), st.floats(0.01, 100)), min_size=1, max_size=12)
loadings = st.lists(st.floats(-1, 1), min_size=3, max_size=3)


def watched(observed):
    mean, weight = np.zeros(4), np.zeros(4)
    for value, held_s in observed:
        assert forecast.note_mean(value, held_s, HALF_LIFE_S, mean, weight) == OK
    return mean, weight


@given(observations)
def test_means_are_those_of_all_that_was_watched(observed):
    mean, weight = watched(observed)
    for j, half_life_s in enumerate(HALF_LIFE_S):
        expected, part = twin.means(observed, half_life_s)
        assert mean[j] == pytest.approx(expected, rel=1e-9, abs=1e-9)
        assert weight[j] == pytest.approx(part, rel=1e-9)


@settings(max_examples=20, deadline=None)
@given(observations, loadings, st.floats(0.1, 2_000))
def test_what_is_expected_agrees_with_the_twin(observed, loading, horizon_s):
    mean, weight = watched(observed)
    found = forecast.expect_part(horizon_s, HALF_LIFE_S, np.array([*loading, 0.0]), mean, weight)
    expected = twin.expected_part(horizon_s, HALF_LIFE_S, loading, list(zip(mean, weight, strict=True)))
    assert found == pytest.approx(expected, rel=1e-6, abs=1e-6)


def test_nothing_watched_is_as_usual_and_a_constant_market_too():
    mean, weight = np.zeros(4), np.zeros(4)
    loading = np.array([0.5, 0.5, 0.5, 0.0])
    assert forecast.expect_part(10.0, HALF_LIFE_S, loading, mean, weight) == 1.0
    mean, weight = watched([(7.0, 1.0)] * 50)
    assert forecast.expect_part(10.0, HALF_LIFE_S, loading, mean, weight) == pytest.approx(1.0)


def test_a_burst_is_expected_to_fade():
    mean, weight = watched([(1.0, 1.0)] * 600 + [(5.0, 1.0)] * 10)
    loading = np.array([0.4, 0.3, 0.2, 0.0])
    parts = [forecast.expect_part(s, HALF_LIFE_S, loading, mean, weight) for s in (1.0, 10.0, 60.0, 600.0)]
    assert parts[0] > 1.5
    assert parts == sorted(parts, reverse=True)
    assert parts[-1] > 1.0


def test_time_does_not_run_backwards():
    assert forecast.note_mean(1.0, -1.0, HALF_LIFE_S, np.zeros(4), np.zeros(4)) == BAD_LEVELS
