"""Errors see autocorrelation, pairing and smallness; hand-computed where a hand can."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from app.services.replay_protocol import load_protocol
from app.services.replay_stats import autocorrelation_time, compare, holm, summarise

RULES = replace(load_protocol().errors, n_replications=500)


def ar1(n: int, phi: float, seed: int) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(size=n)
    series = np.empty(n)
    series[0] = noise[0]
    for i in range(1, n):
        series[i] = phi * series[i - 1] + noise[i]
    return series


def test_autocorrelation_time_of_known_processes() -> None:
    assert autocorrelation_time(np.ones(50)) == 1.0
    assert autocorrelation_time(np.array([1.0, 2.0])) == 1.0
    assert autocorrelation_time(ar1(20_000, 0.0, 1)) == pytest.approx(1.0, abs=0.15)
    assert autocorrelation_time(ar1(20_000, 0.8, 1)) == pytest.approx(9.0, rel=0.25)  # (1 + phi) / (1 - phi)
    assert autocorrelation_time(np.array([1.0, -1.0] * 20)) == 1.0


def test_errors_of_autocorrelated_costs_are_wider_than_independent_ones() -> None:
    series = ar1(400, 0.8, 2)
    (difference,) = compare(np.zeros(400), [series], RULES)
    naive = series.std(ddof=1) / 20
    assert difference.se > 2 * naive
    assert difference.block >= 2 * difference.iat
    assert difference.n_eff == pytest.approx(400 / difference.iat)
    assert difference.low < difference.mean < difference.high


def test_the_same_costs_are_identical_and_equivalent() -> None:
    (difference,) = compare([float(i) for i in range(8)], [[float(i) for i in range(8)]], RULES)
    assert difference.is_identical
    assert difference.is_equivalent
    assert not difference.is_underpowered
    assert difference.p_value == 1.0


@pytest.mark.parametrize(("n", "is_enough"), [(7, False), (8, True)])
def test_three_blocks_prove_nothing(n: int, is_enough: bool) -> None:
    (difference,) = compare([1.0] * n, [[1.0] * n], RULES)
    assert difference.is_equivalent is is_enough
    assert difference.is_underpowered is not is_enough


def test_pairing_removes_what_both_arms_share() -> None:
    shared = np.random.default_rng(3).normal(scale=50, size=200)
    gain = np.random.default_rng(4).normal(0.3, 0.05, size=200)
    (difference,) = compare(shared, [shared + gain], RULES)
    assert difference.mean == pytest.approx(0.3, abs=0.02)
    assert difference.p_value < 1e-6
    assert not difference.is_underpowered
    assert not difference.is_equivalent


def test_a_noisy_small_difference_is_underpowered_not_equivalent() -> None:
    noise = np.random.default_rng(5).normal(0.0, 5.0, size=40)
    (difference,) = compare(np.zeros(40), [noise], RULES)
    assert difference.is_underpowered
    assert not difference.is_equivalent


def test_the_same_input_gives_the_same_error() -> None:
    rivals = [ar1(60, 0.5, 6), ar1(60, 0.2, 7)]
    assert compare(np.zeros(60), rivals, RULES) == compare(np.zeros(60), rivals, RULES)


def test_fewer_blocks_widen_the_interval() -> None:
    series = np.random.default_rng(8).normal(size=20)
    wide, narrow = (compare(np.zeros(20), [series], replace(RULES, t_below_blocks=k))[0] for k in (30, 0))
    assert wide.se == narrow.se
    assert wide.high - wide.low > narrow.high - narrow.low


def test_holm_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03, 0.5]) == pytest.approx([0.04, 0.09, 0.09, 0.5])
    assert holm([]) == []
    assert holm([0.9, 0.8]) == [1.0, 1.0]


def test_the_tail_is_the_mean_of_the_dearest_twentieth() -> None:
    summary = summarise([float(i) for i in range(1, 101)])
    assert (summary.mean, summary.median) == (50.5, 50.5)
    assert summary.q95 == pytest.approx(95.05)
    assert summary.cvar95 == pytest.approx(98.0)
