"""Draws are functions of their address, spread as they should be, and not akin to their neighbours'."""

from random import Random

import numpy as np
import pytest

from app.kernels import sim_noise
from tests.reference import sim_noise as twin


def drawn(seed, agent, first, n):
    arrays = [np.empty(n) for _ in range(3)]
    assert sim_noise.fill_noise(seed, agent, first, *arrays) == n
    return arrays


def test_draws_are_the_twins():
    rng = Random(1)
    for _ in range(300):
        seed, agent, event = rng.randrange(2**62), rng.randrange(2**42), rng.randrange(2**40)
        uniform, wait, normal = (float(one[0]) for one in drawn(seed, agent, event, 1))
        assert uniform == twin.uniform(seed, agent, event, 0)
        assert wait == pytest.approx(twin.exponential(seed, agent, event, 0), rel=1e-14)
        assert normal == pytest.approx(twin.normal(seed, agent, event, 0), rel=1e-12, abs=1e-12)


def test_a_draw_does_not_depend_on_where_reading_began():
    whole, part = drawn(7, 3, 0, 100), drawn(7, 3, 40, 60)
    for all_of_it, end_of_it in zip(whole, part, strict=True):
        assert np.array_equal(all_of_it[40:], end_of_it)


def test_draws_are_spread_as_they_should_be():
    n = 200_000
    uniform, wait, normal = drawn(11, 5, 0, n)
    counts = np.histogram(uniform, 100, (0, 1))[0]
    assert ((counts - n / 100) ** 2 / (n / 100)).sum() < 160  # chi-square of 99 degrees: 1 in 10,000
    assert abs(wait.mean() - 1) < 0.01
    assert abs(wait.var() - 1) < 0.03
    assert abs(normal.mean()) < 0.01
    assert abs(normal.var() - 1) < 0.015
    assert abs((normal**4).mean() - 3) < 0.15


@pytest.mark.parametrize("step", [(0, 0, 1), (0, 1, 0), (1, 0, 0)])
def test_neighbours_are_strangers(step):
    """Seeds, agents and events that follow each other give draws without correlation."""
    n = 100_000
    here = drawn(3, 9, 0, n)[0]
    there = drawn(3 + step[0], 9 + step[1], step[2], n)[0]
    assert abs(np.corrcoef(here, there)[0, 1]) < 0.013
