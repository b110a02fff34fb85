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

# Twice what the engine pays in CPU to send a problem away and take its plans back, for a worker's answer also comes
# later than one made here. Measured by loadtests/rings.py, see docs/results/shm.md.
BREAK_EVEN_US: Final = 250.0
_BASE_US: Final = 30.0
_LEVEL_US: Final = 0.015
_FIXED_US: Final = 180.0
_FIXED_VENUE_US: Final = 10.0


def expected_us(problem: RouteProblem) -> float:
    """About what `plans_of` will take in CPU: with fixed costs venues are left out one by one, as far as that pays."""
    fixed_us = _FIXED_US + _FIXED_VENUE_US * problem.n_venues if problem.has_fixed else 0.0
    return _BASE_US + _LEVEL_US * problem.price_units.size + fixed_us


def may_pay(request: PlanRequest, listings: Listings) -> bool:
    """Whether the request's problem may be worth sending away, told before it is posed.

    What one venue must fill and what is swept is never searched; without fixed costs no search is that long.
    """
    return (
        listings.has_fixed
        and request.approved.value.strategy is not Strategy.SWEEP
        and not choose.is_whole_only(request)
    )


def pays(problem: RouteProblem) -> bool:
    """Whether searching it here would cost more than sending it away and taking the answer back."""
    return expected_us(problem) >= BREAK_EVEN_US


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
