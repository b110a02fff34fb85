"""The comparison with the integer programme means something only while both solve the same problem."""

from __future__ import annotations

import numpy as np
import pytest

from loadtests.exact import SHAPES, compare, make_problem, objective_of, report, row_of, solve_milp


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("fixed_bps", [0.0, 40.0])
def test_neither_beats_the_other_where_both_are_proven(fixed_bps, seed):
    for shape in SHAPES[:2]:
        item = compare(shape, fixed_bps, seed)
        assert item.has_milp
        assert item.is_proven
        assert item.n_broken == 0
        assert not item.is_bound_above
        assert item.excess_bps < 1e-6
        assert 0.0 <= item.gap_bps < 1e-6


def test_the_programmes_answer_is_a_plan_of_whole_lots():
    problem, target = make_problem((8, 10), 8.0, 3)
    units, bound, is_optimal = solve_milp(problem, target, 20.0)
    assert is_optimal
    objective, placed, is_sound = objective_of(problem, units)
    assert (placed, is_sound) == (target, True)
    assert bound <= objective * (1 + np.sign(objective) * 1e-9)


def test_a_target_without_lots_has_no_answer():
    problem, _ = make_problem((3, 5), 0.0, 0)
    assert solve_milp(problem, int(problem.room_units.sum()) + 1, 5.0)[0] is None


def test_a_row_and_the_page_hold_every_figure():
    found = [compare((3, 5), 8.0, seed) for seed in range(3)]
    row = row_of("3x5", found)
    assert (row["n"], row["programme"], row["broken"], row["bound_above"]) == (3, 3, 0, 0)
    page = report(found)
    for word in ("## By shape", "| 3x5 | 3 |", "up to 8 bps", "| all | 3 |"):
        assert word in page
