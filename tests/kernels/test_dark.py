from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.kernels import dark, status
from tests.reference import dark as twin

seeds = st.integers(0, 2**32)


def any_rounds(rng, most):
    rounds = []
    for _ in range(rng.randint(0, 30)):
        sent = rng.randint(0, most)
        rounds.append((sent, rng.randint(0, sent)))
    return rounds


def count(rounds, most, keep=1.0):
    at_risk, ended = np.zeros((1, most)), np.zeros((1, most))
    for sent, filled in rounds:
        assert dark.count_fills(np.array([sent]), np.array([filled]), keep, at_risk, ended) == status.OK
    return at_risk, ended


@given(seeds)
def test_believed_chances_are_kaplan_and_meiers(seed):
    rng = Random(seed)
    most = rng.randint(1, 8)
    rounds = any_rounds(rng, most)
    law = [rng.uniform(0.1, 10), rng.uniform(0, 0.9), rng.uniform(0, 0.9), rng.choice([0.0, rng.random()])]
    at_risk, ended = count(rounds, most)
    tail = np.empty((1, most))
    assert dark.believe_tails(at_risk, ended, np.array(law), float(len(rounds)), tail) == status.OK
    assert tail[0] == pytest.approx(twin.tails(rounds, most, law), rel=1e-12)
    assert np.all(np.diff(tail[0]) <= 0)
    assert np.all((tail >= 0) & (tail <= 1))


@given(seeds)
def test_the_split_is_the_best_of_all(seed):
    rng = Random(seed)
    n, most, volume = rng.randint(1, 3), rng.randint(1, 5), rng.randint(0, 9)
    tail = np.sort(np.array([[rng.choice([0.0, rng.random()]) for _ in range(most)] for _ in range(n)]))[:, ::-1].copy()
    units = np.empty(n, np.int64)
    placed = dark.allocate_units(tail, volume, units)
    assert placed == units.sum() <= volume
    filled = sum(tail[k, : units[k]].sum() for k in range(n))
    assert filled == pytest.approx(twin.best_fill(tail.tolist(), volume), rel=1e-12)


def test_a_censored_fill_says_only_that_there_was_so_much():
    at_risk, ended = count([(3, 3), (3, 1)], 5)
    assert at_risk.tolist() == [[2, 2, 1, 0, 0]]
    assert ended.tolist() == [[0, 1, 0, 0, 0]]


def test_old_counts_fade():
    at_risk, ended = count([(1, 0), (1, 0), (0, 0)], 2, keep=0.5)
    assert ended[0, 0] == at_risk[0, 0] == 0.75


def test_a_fill_beyond_what_was_sent_is_refused_and_counts_nothing():
    for sent, filled in ((2, 3), (6, 1), (2, -1)):
        at_risk, ended = np.zeros((2, 5)), np.zeros((2, 5))
        found = dark.count_fills(np.array([1, sent]), np.array([1, filled]), 1.0, at_risk, ended)
        assert found == status.BAD_LEVELS
        assert not at_risk.any()
