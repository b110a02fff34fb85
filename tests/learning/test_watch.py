"""A venue that turns is caught within 200 fills; a healthy one is left alone, whatever its noise looks like."""

from __future__ import annotations

import numpy as np
import pytest

from app.domain.belief import Measure
from app.learning.watch import BETS, LAWS, N_LANES, Law, Watch

S = 1_000_000_000
MARKOUT = LAWS[Measure.MARKOUT]


def first_change(watch: Watch, values, gap_ns=10 * S) -> int | None:
    return next((i for i, v in enumerate(values, 1) if watch.take(float(v), i * gap_ns)), None)


@pytest.mark.parametrize("seed", range(20))
def test_one_bp_of_markout_is_caught_within_200_fills(seed):
    rng = np.random.default_rng((seed, 77))
    found = first_change(Watch(MARKOUT), rng.normal(1.0, 1.21, 400))
    assert found is not None
    assert found <= 200


@pytest.mark.parametrize("measure", list(LAWS))
@pytest.mark.parametrize("shape", ["normal", "cauchy", "skewed"])
def test_healthy_noise_of_any_shape_is_left_alone(measure, shape):
    """The mean of the cut values is within the bound: rare large values, symmetric or not, are no alarm."""
    law, rng = LAWS[measure], np.random.default_rng((3, len(shape)))
    centre = law.max_healthy - 0.03 * (law.max_value - law.min_value)
    width = min(law.max_value - centre, abs(centre - law.min_value)) or 0.01
    values = {
        "normal": np.clip(rng.normal(centre, width / 3, 20_000), centre - width, centre + width),
        "cauchy": np.clip(centre + width * rng.standard_cauchy(20_000) / 5, centre - width, centre + width),
        "skewed": centre + np.where(rng.random(20_000) < 0.1, 0.9 * width, -0.1 * width),
    }[shape]
    assert first_change(Watch(law), values) is None


def test_it_heals_and_can_fall_ill_again():
    rng, watch = np.random.default_rng(5), Watch(MARKOUT)
    assert first_change(watch, rng.normal(1.0, 1.2, 300)) is not None
    assert watch.is_sick
    assert first_change(watch, rng.normal(1.0, 1.2, 1_000)) is None
    assert first_change(watch, rng.normal(0.0, 1.2, 400)) is not None
    assert not watch.is_sick
    assert first_change(watch, rng.normal(1.0, 1.2, 300)) is not None


def test_healing_is_seen_coming():
    watch = Watch(LAWS[Measure.FADE], is_sick=True)
    seen = []
    for i in range(40):
        watch.take(0.0, i)
        seen.append(watch.healing_frac)
    assert seen[0] < seen[10] < seen[20] <= 1.0
    assert Watch(MARKOUT).healing_frac == 0.0


def test_overlapping_fills_are_looked_at_in_their_own_lanes_only():
    watch = Watch(MARKOUT)
    for _ in range(N_LANES + 3):
        watch.take(1.0, 5 * S)
    assert (watch.n_watched, watch.n_unwatched) == (N_LANES, 3)
    watch.take(1.0, 6 * S)
    assert watch.n_watched == N_LANES + 1


def test_what_is_no_number_changes_nothing():
    watch = Watch(MARKOUT)
    for bad in (float("nan"), float("inf")):
        assert not watch.take(bad, 1)
    assert (watch.n_watched, watch.n_unwatched) == (0, 2)


def test_expected_evidence_of_a_healthy_venue_is_at_most_its_observations():
    """The law itself, by all outcomes of a fair coin about the bound: E[M after n] <= n."""
    law, n = Law(-1.0, 1.0, 0.0, 0.5, 1e9, 1e9), 10
    total = 0.0
    for outcome in range(2**n):
        evidence = [0.0] * len(BETS)
        for i in range(n):
            value = 1.0 if outcome >> i & 1 else -1.0
            evidence = [(1.0 + e) * (1.0 + b * value) for e, b in zip(evidence, BETS, strict=True)]
        watch = Watch(law)
        assert not any(watch.take(1.0 if outcome >> i & 1 else -1.0, i) for i in range(n))
        total += sum(evidence) / len(BETS)
    assert total / 2**n == pytest.approx(n)
