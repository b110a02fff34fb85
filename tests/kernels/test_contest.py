"""The kernel's contest gives what the solvers and the rounding give one by one in Python."""

from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.kernels import contest
from app.routing import choose, target, verify
from app.routing.choose import SOLVERS, Panel
from app.routing.router import Router
from tests.routing.scenes import INVERSE, LINEAR, LINEAR_FINE, SPOT, random_scene


@settings(max_examples=60)
@given(st.integers(0, 2**32), st.sampled_from([SPOT, LINEAR, LINEAR_FINE, INVERSE]))
def test_it_proposes_what_python_proposes(seed, symbol):
    scene = random_scene(Random(seed), symbol)
    problem, _ = Router().pose(scene.request(), scene.books())
    if problem is None or not problem.is_narrow:
        return
    panel = Panel(SOLVERS)
    candidates, walks, wanted = choose._candidates(problem, panel)
    assert wanted == target.target_units(problem)
    plans = [target.settle_within(problem, solve, wanted) for solve in panel.solves]
    twins, twin_walks = verify.recost(problem, panel.names, plans)
    assert [c.units.tolist() for c in candidates] == [plan.tolist() for plan in plans]
    assert [c._replace(units=None, walk=None) for c in candidates] == [t._replace(units=None, walk=None) for t in twins]
    assert np.array_equal(walks, twin_walks)


@pytest.mark.parametrize(("money", "less"), [(100, 0), (101, 1), (140, 1), (201, 3)])
def test_what_is_taken_off_removes_the_excess_at_the_dearest_price(money, less):
    walk = np.array([[money, 0, 20, 1], [0, 0, 10, 1]], np.int64)
    assert contest.less_for(walk, np.array([0, money, 5, 1, 1, 0], np.int64), 100, 2.0) == less
