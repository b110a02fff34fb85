"""The one bridge from wanted units to whole lots: the sum is kept, minimums met, venues that do not pay dropped.

A solver proposes units per venue in a given room; here its proposal becomes lots, and the solver is asked again with
a smaller room where a minimum, the number of venues or a fixed cost says so.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import numpy.typing as npt

from app.kernels import cost, lots
from app.routing.costs import walk_plans
from app.routing.problem import RouteProblem

Int64Array = npt.NDArray[np.int64]
# (problem, target units, room units per venue) -> (wanted units per venue, room in which a remainder may be placed)
Solve = Callable[[RouteProblem, int, Int64Array], tuple[Int64Array, Int64Array]]


@dataclass(frozen=True, slots=True)
class Settled:
    """A whole-lot search's answer: units (int64[n]) that keep every venue's rules, and what it knows about them.

    `bound_nano`: no plan of the same quantity costs less, fixed costs and estimates included; None where it knows none.
    `is_complete`: the search ended by itself and not at its budget.
    """

    units: Int64Array
    bound_nano: int | None = None
    is_complete: bool = True


# (problem, target units, room units per venue) -> whole lots
Search = Callable[[RouteProblem, int, Int64Array], Settled]

# The marginal venues are the doubtful ones; trying more of them costs a solve each and finds next to nothing.
MAX_DOUBTFUL: Final = 8
# So many venues above the order's bound are left out one by one, each tried; further ones go by their size.
N_TRIED_OUT: Final = 3


@dataclass(frozen=True, slots=True)
class _Trial:
    """Whole lots found in a room, venues lifted to a forced quantity included; a key orders trials, least is best."""

    units: Int64Array
    room: Int64Array
    forced: dict[int, int]
    n_low: int
    key: tuple[int, int] = (0, 0)


def settle(problem: RouteProblem, solve: Solve, target_units: int) -> Int64Array:
    """Whole lots per venue (int64[n] units, sum at most `target_units`) that keep every venue's constraints.

    What no lot or minimum can hold stays unplaced. Allocates the most first, at the least cost second.
    """
    trial = _try(problem, solve, target_units, problem.room_units, {})
    if trial.n_low:
        trial = _repair(problem, solve, target_units, trial)
    max_venues = problem.request.approved.value.venues.max_venues
    while max_venues and np.count_nonzero(trial.units) > max_venues + N_TRIED_OUT:
        trial = _without_the_smallest(problem, solve, target_units, trial)
    while max_venues and np.count_nonzero(trial.units) > max_venues:
        trial = _best_without_one(problem, solve, target_units, trial)
    return trial.units


def _try(problem: RouteProblem, solve: Solve, target_units: int, room: Int64Array, forced: dict[int, int]) -> _Trial:
    """One proposal in whole lots; venues in `forced` get at least that much."""
    if forced:
        free = room.copy()
        free[list(forced)] = 0
        units, rounding_room = solve(problem, max(0, target_units - sum(forced.values())), free)
        rounding_room = rounding_room.copy()
        for venue_i, quantity in forced.items():
            units[venue_i] = quantity
            rounding_room[venue_i] = room[venue_i]
    else:
        units, rounding_room = solve(problem, target_units, room)
    n_low = lots.round_to_lots(
        problem.first, problem.unit_nano, problem.qty_units, problem.terms, rounding_room, target_units, units
    )
    return _Trial(units, room, forced, n_low)


def _with_key(problem: RouteProblem, trial: _Trial) -> _Trial:
    """The trial with its rank: most units first, then least exact cost."""
    objective, _, quantity, _, _, estimated = walk_plans(problem, trial.units.reshape(1, -1))[1][0]
    return replace(trial, key=(-quantity, objective + estimated))


def _repair(problem: RouteProblem, solve: Solve, target_units: int, trial: _Trial) -> _Trial:
    """Drops or lifts, one at a time, each venue left below its minimum, whichever places more or costs less."""
    least = problem.terms[:, cost.MIN_UNITS]
    while trial.n_low:
        low = np.flatnonzero((trial.units > 0) & (trial.units < least)).tolist()
        venue_i = min(low, key=lambda v: (trial.units[v] / least[v], v))
        room = trial.room.copy()
        room[venue_i] = 0
        dropped_forced = {v: quantity for v, quantity in trial.forced.items() if v != venue_i}
        trials = [_try(problem, solve, target_units, room, dropped_forced)]
        quantity = int(least[venue_i])
        can_lift = quantity <= trial.room[venue_i] and venue_i not in trial.forced
        if can_lift and quantity + sum(trial.forced.values()) <= target_units:
            forced = {**trial.forced, venue_i: quantity}
            trials.append(_try(problem, solve, target_units, trial.room, forced))
        ranked = (_with_key(problem, candidate) for candidate in trials)
        # A trial that mends is preferred to one that spreads: one low venue more may be the next one's repair.
        trial = min(ranked, key=lambda candidate: (max(0, candidate.n_low - 1), candidate.key))
    return trial


def _without(problem: RouteProblem, solve: Solve, target_units: int, trial: _Trial, venue_i: int) -> _Trial:
    room = trial.room.copy()
    room[venue_i] = 0
    forced = {v: quantity for v, quantity in trial.forced.items() if v != venue_i}
    mended = _repair(problem, solve, target_units, _try(problem, solve, target_units, room, forced))
    return _with_key(problem, mended)


def _without_the_smallest(problem: RouteProblem, solve: Solve, target_units: int, trial: _Trial) -> _Trial:
    """Bars half of the venues in excess, those with the least units: a coarse step while far from the bound."""
    used = np.flatnonzero(trial.units)
    excess = used.size - problem.request.approved.value.venues.max_venues
    smallest = used[np.argsort(trial.units[used], kind="stable")][: (excess + 1) // 2].tolist()
    room = trial.room.copy()
    room[smallest] = 0
    forced = {v: quantity for v, quantity in trial.forced.items() if v not in smallest}
    return _repair(problem, solve, target_units, _try(problem, solve, target_units, room, forced))


def _best_without_one(problem: RouteProblem, solve: Solve, target_units: int, trial: _Trial) -> _Trial:
    used = np.flatnonzero(trial.units).tolist()
    return min(
        (_without(problem, solve, target_units, trial, venue_i) for venue_i in used),
        key=lambda candidate: (np.count_nonzero(candidate.units), candidate.key),
    )


def drop_what_does_not_pay(problem: RouteProblem, solve: Solve, units: Int64Array, witness_upnano: int) -> Int64Array:
    """Removes the venue whose absence saves most, again and again, while the same quantity stays placed.

    Tried are the few venues that gain least at the witness price (1e-6 nano per unit), fixed cost included.
    """
    target = int(units.sum())
    max_venues = problem.request.approved.value.venues.max_venues or problem.n_venues
    best = _with_key(problem, _Trial(units, problem.room_units, {}, 0))
    while True:
        doubtful = _doubtful_venues(problem, best.units, witness_upnano)
        if np.count_nonzero(best.units) < 2 or not doubtful:
            return best.units
        candidates = [_without(problem, solve, target, best, venue_i) for venue_i in doubtful]
        allowed = [candidate for candidate in candidates if np.count_nonzero(candidate.units) <= max_venues]
        better = min(allowed, key=lambda candidate: candidate.key, default=best)
        if better.key >= best.key:
            return best.units
        best = better


def _doubtful_venues(problem: RouteProblem, units: Int64Array, witness_upnano: int) -> list[int]:
    """Used venues with a fixed cost, those first whose cost exceeds the witness price of their units the most."""
    walk = walk_plans(problem, units.reshape(1, -1))[0][0]
    fixed = problem.terms[:, cost.FIXED_NANO]
    spent = problem.sign * walk[:, 0] + walk[:, 1] + fixed
    excess = spent.astype(np.float64) - units * (witness_upnano * 1e-6)
    used = np.flatnonzero((units > 0) & (fixed > 0))
    doubtful: list[int] = used[np.argsort(-excess[used], kind="stable")][:MAX_DOUBTFUL].tolist()
    return doubtful
