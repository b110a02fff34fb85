"""The searching half of a decision: from a problem to whole lots, nothing proven. It may run in another process."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from app.domain.enums import Strategy
from app.domain.errors import InvariantBroken
from app.domain.plan import PlanRequest
from app.kernels import cost
from app.routing import carry, choose
from app.routing.choose import SOLVERS, Panel
from app.routing.findings import NO_PROOF
from app.routing.listings import Listings
from app.routing.problem import RouteProblem
from app.routing.rounding import Settled

Int64Array = npt.NDArray[np.int64]

# Who searches without books: the same solvers and searches, and bounds from the flat problem instead of proofs.
BLIND: Final = Panel(SOLVERS, prove=lambda *_: NO_PROOF)

# What the engine pays in CPU to send a problem away, take its answer back and prove it, and a margin, for that answer
# also comes later than one made here. This and what follows: loadtests/rings.py, as docs/results/shm.md tells.
BREAK_EVEN_US: Final = 200.0
_BASE_US: Final = 30.0
_LEVEL_US: Final = 0.015
_FIXED_US: Final = 20.0
_FIXED_VENUE_US: Final = 0.5
_BOUND_US: Final = 120.0
_BOUND_VENUE_US: Final = 5.0


def expected_us(n_venues: int, n_levels: int, max_venues: int, *, has_fixed: bool) -> float:
    """About what a decision takes in CPU: most of it where fewer venues than there are may be used.

    With fixed costs alone the exact search is short. `max_venues`: 0 without a bound.
    """
    found = _BASE_US + _LEVEL_US * n_levels
    if has_fixed:
        found += _FIXED_US + _FIXED_VENUE_US * n_venues
    if 0 < max_venues < n_venues:
        found += _BOUND_US + _BOUND_VENUE_US * n_venues
    return found


def may_pay(request: PlanRequest, listings: Listings, depth: int) -> bool:
    """Whether the request's problem, up to `depth` levels a venue, may be worth sending away: told before it is posed.

    What one venue must fill and what is swept is never searched.
    """
    order, n = request.approved.value, len(listings.venues)
    if choose.is_whole_only(request) or order.strategy is Strategy.SWEEP:
        return False
    return expected_us(n, n * depth, order.venues.max_venues, has_fixed=listings.has_fixed) >= BREAK_EVEN_US


def pays(problem: RouteProblem) -> bool:
    """Whether deciding it here would cost more than sending it away and taking the answer back."""
    return problem_us(problem) >= BREAK_EVEN_US


def problem_us(problem: RouteProblem) -> float:
    """`expected_us` of a problem."""
    max_venues = problem.request.approved.value.venues.max_venues
    return expected_us(problem.n_venues, problem.price_units.size, max_venues, has_fixed=problem.has_fixed)


class Found(NamedTuple):
    """An answer: each solver's plan (int64[n_solvers, n] units), and what was heard when these were to be improved."""

    plans: Int64Array
    heard: tuple[Settled, ...]


# By number, as a slot names them: a number is never used again.
CONTEST: Final = 0
# Before an improvement's units: whether it knows a bound, the bound, whether it ended by itself.
_N_SAID: Final = 3


def answer(search_number: int, words: Int64Array) -> Int64Array:
    """A packed problem's `Found` as flat words. Raises InvariantBroken for an unknown number and for other words."""
    if search_number != CONTEST:
        raise InvariantBroken(reason="a search of no known number", search_number=search_number)
    problem = carry.unpack(words)
    first = choose.begin(problem, BLIND)
    parts = [plan.units for plan in first.candidates]
    for said in choose.improve(problem, BLIND, first).answers:
        head = (said.bound_nano is not None, said.bound_nano or 0, said.is_complete)
        parts += [np.array(head, np.int64), said.units]
    return np.concatenate(parts)


def read_answer(problem: RouteProblem, words: Int64Array, panel: Panel) -> Found | None:
    """What `answer` said; None where its length or a number cannot be of this problem and such a panel."""
    n, n_plans = problem.n_venues, len(panel.names)
    n_answers, n_over = divmod(words.size - n_plans * n, _N_SAID + n)
    if n_over or not 0 <= n_answers <= len(panel.searches) + problem.has_fixed:
        return None
    plans = words[: n_plans * n].reshape(n_plans, n).copy()
    said = words[n_plans * n :].reshape(n_answers, _N_SAID + n)
    units = np.concatenate([plans, said[:, _N_SAID:]])
    if bool(np.any(units < 0)) or bool(np.any(units > problem.terms[:, cost.USABLE_UNITS])):
        return None
    if not np.isin(said[:, [0, 2]], (0, 1)).all():
        return None
    heads = said[:, :_N_SAID].tolist()
    heard = [
        Settled(row, bound_nano if has_bound else None, bool(is_complete))
        for row, (has_bound, bound_nano, is_complete) in zip(units[n_plans:], heads, strict=True)
    ]
    return Found(plans, tuple(heard))
