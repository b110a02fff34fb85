"""The campaign of placements: every arm does the whole of each slice, and the same seed gives the same figures."""

from __future__ import annotations

import pytest

from loadtests.placement_campaign import ARMS, interval, work


@pytest.mark.parametrize("arm", sorted(ARMS))
def test_every_arm_does_all_of_each_slice(arm: str) -> None:
    slices = work(arm, "queue_reactive", 7, 20_000, 3)
    assert len(slices) == 3
    for one in slices:
        assert 0.0 <= one.made_frac <= 1.0
        assert -100.0 < one.cost_ppm < 2_000.0
    assert arm != "cross" or all(one.made_frac == 0.0 for one in slices)


def test_the_same_seed_gives_the_same_figures() -> None:
    assert work("split", "propagator", 7, 2_000, 2) == work("split", "propagator", 7, 2_000, 2)


def test_an_interval_is_of_its_worlds() -> None:
    middle, half = interval([1.0, 2.0, 3.0])
    assert (middle, round(half, 3)) == (2.0, 1.132)
