"""The searching half of a decision: from a problem to whole lots, nothing proven. It may run in another process."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from app.domain.enums import SolveStatus
from app.kernels import cost
from app.routing import carry, target, verify
from app.routing.problem import RouteProblem
from app.routing.rounding import Solve, drop_what_does_not_pay
from app.routing.solvers import best_single, fee_blind, greedy, pro_rata
from app.routing.verify import Recosted

Int64Array = npt.NDArray[np.int64]
Solvers = Sequence[tuple[str, Solve]]
Search = Callable[[RouteProblem], list[Int64Array]]

# The first is the planner; the rest are the baselines that every plan is verified beside.
SOLVERS: Final[Solvers] = (
    (greedy.NAME, greedy.solve),
    (best_single.NAME, best_single.solve),
    (pro_rata.NAME, pro_rata.solve),
    (fee_blind.NAME, fee_blind.solve),
)


def plans_of(problem: RouteProblem, solvers: Solvers = SOLVERS) -> list[Int64Array]:
    """Each solver's plan in whole lots (int64[n] units); the first without venues whose fixed cost does not pay."""
    wanted = target.target_units(problem)
    plans = [target.settle_within(problem, solve, wanted) for _, solve in solvers]
    if problem.has_fixed:
        candidates, _ = verify.recost(problem, [name for name, _ in solvers], plans)
        best = best_of(problem, candidates)
        thrifty = _without_waste(problem, solvers[0][1], best) if best is not None else None
        if thrifty is not None:
            plans[0] = thrifty
    return plans


def best_of(problem: RouteProblem, candidates: Sequence[Recosted]) -> Recosted | None:
    """The candidate of the most units, of those the cheapest; None where none is feasible."""
    feasible = [p for p in candidates if p.is_feasible and p.qty_units > 0 and target.is_within(problem, p)]
    return min(feasible, key=lambda plan: (-plan.qty_units, plan.objective_nano), default=None)


def _without_waste(problem: RouteProblem, solve: Solve, best: Recosted) -> Int64Array | None:
    """The best plan without venues whose fixed cost does not pay; None where it is proven optimal or stays best."""
    witness = target.witness_upnano(problem, best.qty_units)
    if verify.find(problem, best, witness).status is SolveStatus.OPTIMAL:
        return None
    units = drop_what_does_not_pay(problem, solve, best.units, witness)
    thrifty = verify.recost(problem, ("",), (units,))[0][0]
    is_better = thrifty.objective_nano < best.objective_nano and target.is_within(problem, thrifty)
    return units if is_better else None


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


# By number, as a slot names them: append only, a number is never used again.
SEARCHES: Final[tuple[Search, ...]] = (plans_of,)
CONTEST: Final = 0


def answer(search_number: int, words: Int64Array) -> Int64Array:
    """The plans of a packed problem as flat words, one after another. Raises InvariantBroken for an unknown search."""
    problem = carry.unpack(words)
    return np.concatenate(SEARCHES[search_number](problem))


def read_answer(problem: RouteProblem, words: Int64Array, n_plans: int) -> list[Int64Array] | None:
    """The plans that `answer` gave; None where their number or an amount cannot be of this problem."""
    if words.size != n_plans * problem.n_venues or bool(np.any(words < 0)):
        return None
    plans = words.reshape(n_plans, problem.n_venues)
    if bool(np.any(plans > problem.terms[:, cost.USABLE_UNITS])):
        return None
    return [row.copy() for row in plans]
