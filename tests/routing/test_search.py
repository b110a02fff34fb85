from random import Random

import numpy as np
import pytest

from app.routing import carry, search, verify
from app.routing.router import Router
from tests.routing.scenes import random_scene


def posed(seed):
    scene = random_scene(Random(seed))
    return Router().pose(scene.request(), scene.books())[0]


def test_there_is_one_plan_a_solver_and_the_best_is_feasible():
    for seed in range(40):
        problem = posed(seed)
        if problem is None:
            continue
        plans = search.plans_of(problem)
        assert len(plans) == len(search.SOLVERS)
        found, _ = verify.recost(problem, [name for name, _ in search.SOLVERS], plans)
        best = search.best_of(problem, found)
        assert best is None or (best.is_feasible and best.qty_units == max(p.qty_units for p in found if p.is_feasible))


def test_an_unknown_search_is_an_error_of_ours():
    words = carry.pack(posed(1))
    with pytest.raises(IndexError):
        search.answer(len(search.SEARCHES), words)


def test_an_answer_that_cannot_be_of_this_problem_is_not_read():
    problem = posed(1)
    n = problem.n_venues
    words = np.zeros(4 * n, np.int64)
    assert search.read_answer(problem, words, 4) is not None
    assert search.read_answer(problem, words[:-1], 4) is None
    words[0] = -1
    assert search.read_answer(problem, words, 4) is None
    words[0] = 2**62
    assert search.read_answer(problem, words, 4) is None
