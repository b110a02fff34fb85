"""What is searched elsewhere comes back as it would have been found here, proven by whoever has the books."""

from dataclasses import replace
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.enums import SolveStatus, Strategy, TimeInForce
from app.domain.errors import InvariantBroken
from app.routing import carry, choose, search
from app.routing.choose import SOLVERS, Panel
from app.routing.rounding import Settled
from app.routing.router import Router
from app.routing.solvers import exact
from tests.routing.scenes import INVERSE, LINEAR, LINEAR_FINE, SPOT, Place, Scene, random_scene


def cut_short(problem, target_units, room_units):
    """A search that ends at its budget: what does not pay is dropped after it."""
    proof = exact.prove(problem, target_units, room_units, max_nodes=1)
    return Settled(proof.units, proof.bound_nano, is_complete=False)


def knows_nothing(problem, target_units, room_units):
    return Settled(np.zeros(problem.n_venues, np.int64))


SEARCHES = (("nothing", knows_nothing), ("cut", cut_short), ("exact", exact.search))
HERE = Panel(SOLVERS, SEARCHES)
ELSEWHERE = Panel(SOLVERS, SEARCHES, search.BLIND.prove)


def posed(seed, symbol=SPOT):
    scene = random_scene(Random(seed), symbol)
    return Router().pose(scene.request(), scene.books())[0]


def with_fixed_costs():
    places = [Place(f"v{i}", asks=[(100 + i, 90)], lot=7 + i, fee_ppm=0, fixed_nano=1_000 + i) for i in range(4)]
    problem, _ = Router().pose((scene := Scene(places, qty_units=150)).request(), scene.books())
    assert problem is not None
    return problem


def told(contest):
    """A contest in values that can be compared."""
    plans = [(plan.name, plan.units.tolist(), plan.objective_nano) for plan in contest.candidates]
    chosen = contest.chosen.units.tolist() if contest.chosen is not None else None
    return plans, contest.walks.tolist(), chosen, contest.wanted_units, contest.proof, contest.finding


@given(st.integers(0, 2**32), st.sampled_from([SPOT, LINEAR, LINEAR_FINE, INVERSE]))
def test_what_was_found_elsewhere_is_judged_and_proven_as_if_it_were_found_here(seed, symbol):
    problem = posed(seed, symbol)
    words = carry.pack(problem) if problem is not None else None
    if problem is None or words is None:
        return
    here = told(choose.decide(problem, HERE))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(search, "BLIND", ELSEWHERE)
        found = search.read_answer(problem, search.answer(search.CONTEST, words), HERE)
    assert found is not None
    assert told(choose.take_up(problem, HERE, *found)) == here


def test_a_search_is_asked_elsewhere_where_greedy_is_not_proven_best(monkeypatch):
    problem = with_fixed_costs()
    monkeypatch.setattr(search, "BLIND", ELSEWHERE)
    found = search.read_answer(problem, search.answer(search.CONTEST, carry.pack(problem)), HERE)
    assert found is not None
    nothing, *rest = found.heard
    assert nothing.bound_nano is None
    assert rest
    contest = choose.take_up(problem, HERE, *found)
    assert contest.finding.is_searched
    assert contest.finding.status is SolveStatus.OPTIMAL


def test_a_bound_above_its_own_plan_is_not_believed(monkeypatch):
    problem = with_fixed_costs()
    monkeypatch.setattr(search, "BLIND", ELSEWHERE)
    plans, (nothing, *rest) = search.read_answer(problem, search.answer(0, carry.pack(problem)), HERE)
    with pytest.raises(InvariantBroken):
        choose.take_up(problem, HERE, plans, (nothing, *[replace(said, bound_nano=2**60) for said in rest]))


def test_an_unknown_search_is_an_error_of_ours():
    words = carry.pack(posed(1))
    with pytest.raises(InvariantBroken):
        search.answer(search.CONTEST + 1, words)


def test_an_answer_that_cannot_be_of_this_problem_is_not_read():
    problem = posed(1)
    n = problem.n_venues
    words = np.zeros(4 * n + 3 + n, np.int64)
    assert search.read_answer(problem, words, HERE) is not None
    assert search.read_answer(problem, words[: 4 * n], HERE) is not None
    assert search.read_answer(problem, words[:-1], HERE) is None
    assert search.read_answer(problem, words[:n], HERE) is None
    assert search.read_answer(problem, words, Panel(SOLVERS, ())) is None, "nobody was to be asked"
    for place, value in ((0, -1), (0, 2**62), (4 * n, 2), (4 * n + 2, -1), (4 * n + 3, -1), (4 * n + 3, 2**62)):
        spoilt = words.copy()
        spoilt[place] = value
        assert search.read_answer(problem, spoilt, HERE) is None


@pytest.mark.parametrize(
    ("changes", "expected"),
    [({}, True), ({"strategy": Strategy.SWEEP}, False), ({"time_in_force": TimeInForce.FOK}, False)],
)
def test_what_is_never_searched_is_not_sent(changes, expected, monkeypatch):
    monkeypatch.setattr(search, "BREAK_EVEN_US", 0.0)
    problem = with_fixed_costs()
    request, listings = problem.request, problem.asked.listings
    asked = replace(request, approved=replace(request.approved, value=replace(request.approved.value, **changes)))
    assert search.may_pay(asked, listings, 20) is expected
    monkeypatch.setattr(search, "BREAK_EVEN_US", 1e9)
    assert not search.may_pay(asked, listings, 20)
    assert not search.pays(problem)


def test_what_may_use_few_of_many_venues_is_sent_and_what_is_plain_stays():
    assert search.expected_us(32, 640, 4, has_fixed=False) > search.BREAK_EVEN_US
    assert search.expected_us(32, 640, 32, has_fixed=False) < search.BREAK_EVEN_US
    assert search.expected_us(64, 6_400, 0, has_fixed=False) < search.BREAK_EVEN_US
    assert search.expected_us(8, 160, 0, has_fixed=True) > search.expected_us(8, 160, 0, has_fixed=False)


def test_what_is_told_before_a_problem_is_posed_is_never_less_than_what_it_says_then():
    problem = with_fixed_costs()
    assert search.problem_us(problem) <= search.expected_us(4, 4 * 20, 0, has_fixed=True)


def test_an_answer_is_judged_by_the_books_that_were_asked(monkeypatch):
    """What own children take while it is searched is cut off the very arrays that the question was posed on."""
    monkeypatch.setattr(search, "BREAK_EVEN_US", 0.0)
    scene = Scene([Place("a", asks=[(100, 9), (101, 5)]), Place("b", asks=[(100, 7)])], qty_units=12)
    request, books, router = scene.request(), scene.books(), Router()
    prepared = router.prepare(request, books)
    assert prepared is not None
    answer = search.answer(prepared.search_number, np.frombuffer(prepared.words, np.int64).copy())
    books.qty_units[:], books.n_levels[:] = 0, 0
    planned = router.adopt(prepared, request, answer.data)
    assert planned is not None
    assert planned.receipt == Router().plan(request, scene.books()).receipt
