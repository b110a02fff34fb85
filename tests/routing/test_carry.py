"""A problem that travels is searched as if it had stayed."""

from dataclasses import replace
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.enums import TimeInForce
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
def test_a_packed_problem_arrives_as_it_left(seed, symbol):
    problem = posed(seed, symbol)
    words = carry.pack(problem) if problem is not None else None
    if problem is None or words is None:
        return
    assert words.size == carry.carried_size(problem)
    there = carry.unpack(words)
    for name in carry.ARRAYS:
        assert np.array_equal(getattr(there, name), getattr(problem, name))
    for name in ("side", "sign", "num_den", "ratio", "is_narrow", "has_fixed", "n_venues"):
        assert getattr(there, name) == getattr(problem, name)
    assert there.symbol.qty_scale == problem.symbol.qty_scale
    assert there.scratch[0].shape == problem.scratch[0].shape


def test_every_field_of_a_problem_is_accounted_for():
    """A field that is added must either travel or be known to stay."""
    named = [*carry.ARRAYS, *carry.SCALARS, *carry.KEPT]
    assert sorted(named) == sorted(RouteProblem._fields)


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
    assert carry.pack(problem._replace(is_narrow=False)) is None


def test_what_one_venue_must_fill_stays():
    scene = random_scene(Random(3))
    problem = Router().pose(replace(scene, time_in_force=TimeInForce.FOK).request(), scene.books())[0]
    assert problem is not None
    assert carry.pack(problem) is None
