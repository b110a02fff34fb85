"""A problem that travels is searched as if it had stayed."""

from dataclasses import fields
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.errors import InvariantBroken
from app.routing import carry, search
from app.routing.problem import RouteProblem
from app.routing.router import Router
from tests.routing.scenes import INVERSE, LINEAR, LINEAR_FINE, SPOT, random_scene

symbols = st.sampled_from([SPOT, LINEAR, LINEAR_FINE, INVERSE])


def posed(seed, symbol=SPOT):
    scene = random_scene(Random(seed), symbol)
    return Router().pose(scene.request(), scene.books())[0]


@given(st.integers(0, 2**32), symbols)
def test_a_packed_problem_gets_the_plans_of_the_original(seed, symbol):
    problem = posed(seed, symbol)
    words = carry.pack(problem) if problem is not None else None
    if problem is None or words is None:
        return
    assert words.size == carry.carried_size(problem)
    expected = search.plans_of(problem)
    found = search.read_answer(problem, search.answer(search.CONTEST, words), len(expected))
    assert found is not None
    for ours, theirs in zip(expected, found, strict=True):
        assert ours.tolist() == theirs.tolist()


def test_every_field_of_a_problem_is_accounted_for():
    """A field that is added must either travel or be known to stay."""
    named = [*carry.ARRAYS, *carry.SCALARS, *carry.KEPT]
    assert sorted(named) == sorted(field.name for field in fields(RouteProblem))


def test_a_search_elsewhere_does_not_write_into_the_words_it_was_given():
    problem = next(problem for seed in range(50) if (problem := posed(seed)) is not None and problem.has_fixed)
    words = carry.pack(problem)
    assert words is not None
    before = words.copy()
    search.answer(search.CONTEST, words)
    assert np.array_equal(words, before)


@pytest.mark.parametrize(
    "spoil", [lambda w: w[:10], lambda w: w[:-1], lambda w: np.where(np.arange(w.size) == 0, 9, w)]
)
def test_words_that_are_no_problem_are_refused(spoil):
    words = carry.pack(posed(1))
    assert words is not None
    with pytest.raises(InvariantBroken):
        carry.unpack(spoil(words))


def test_a_problem_beyond_int64_stays():
    scene = random_scene(Random(3))
    problem = Router().pose(scene.request(), scene.books())[0]
    assert problem is not None
    wide = RouteProblem(**{f.name: getattr(problem, f.name) for f in fields(RouteProblem)} | {"is_narrow": False})
    assert carry.pack(wide) is None
