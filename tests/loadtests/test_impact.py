"""A comparison means something only while both sides give the same numbers."""

from __future__ import annotations

import numpy as np
import pytest

from loadtests.impact import contest, prediction_contest, root_contest, schedule_contest


@pytest.mark.parametrize(
    ("made", "size"), [(root_contest, 5), (schedule_contest, 7), (prediction_contest, 20), (prediction_contest, 3)]
)
def test_both_sides_agree(made, size):
    contestants, _ = made(size)
    assert np.allclose(contestants["own"](), contestants["rival"](), rtol=1e-9, atol=1e-9)


def test_a_row_has_both_costs_and_their_ratio():
    row = contest("root", *root_contest(4), 1)
    assert set(row) == {"what", "own_us", "rival", "rival_us", "rival_over_own"}


def test_a_contest_of_different_numbers_is_none():
    with pytest.raises(AssertionError):
        contest("odd", {"own": lambda: [1.0], "rival": lambda: [2.0]}, "nobody", 1)
