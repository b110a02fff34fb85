"""The one bridge from wanted units to whole lots: the sum is kept, minimums met, venues that do not pay dropped.

A solver proposes units per venue in a given room; here its proposal becomes lots, and the solver is asked again with
a smaller room where a minimum, the number of venues or a fixed cost says so.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from app.kernels import cost, lots
from app.routing.costs import objective_nano, walk_plans
from app.routing.problem import RouteProblem

Int64Array = npt.NDArray[np.int64]
# (problem, target units, room units per venue) -> (wanted units per venue, room in which a remainder may be placed)
Solve = Callable[[RouteProblem, int, Int64Array], tuple[Int64Array, Int64Array]]


@dataclass(frozen=True, slots=True)
class _Trial:
    """Whole lots found in a room, venues lifted to a forced quantity included; a key orders trials, least is best."""

    units: Int64Array
    room: Int64Array
    forced: dict[int, int]
    key: tuple[int, int]


def settle(problem: RouteProblem, solve: Solve, target_units: int) -> Int64Array:
    """Whole lots per venue (int64[n] units, sum at most `target_units`) that keep every venue's constraints.

    What no lot or minimum can hold stays unplaced. Allocates the most first, at the least cost second.
    """
    room = problem.usable_units.copy()
    room[room < problem.terms[:, cost.MIN_UNITS]] = 0
    trial = _repair(problem, solve, target_units, _try(problem, solve, target_units, room, {}))
    max_venues = problem.request.approved.value.venues.max_venues
    while max_venues and np.count_nonzero(trial.units) > max_venues:
        trial = _best_without_one(problem, solve, target_units, trial)
    if bool((problem.terms[:, cost.FIXED_NANO] > 0).any()):
        trial = _drop_what_does_not_pay(problem, solve, target_units, trial)
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
    lots.round_to_lots(
        problem.first, problem.unit_nano, problem.qty_units, problem.terms, rounding_room, target_units, units
    )
    return _Trial(units, room, forced, (0, 0))


def _with_key(problem: RouteProblem, trial: _Trial) -> _Trial:
    """The trial with its rank: most units first, then least exact cost."""
    walk = walk_plans(problem, [trial.units])[0]
    quantities = trial.units.tolist()
    key = (-sum(quantities), objective_nano(problem, quantities, walk))
    return _Trial(trial.units, trial.room, trial.forced, key)


def _below_minimum(problem: RouteProblem, units: Int64Array) -> list[int]:
    least = problem.terms[:, cost.MIN_UNITS]
    found: list[int] = np.flatnonzero((units > 0) & (units < least)).tolist()
    return found


def _repair(problem: RouteProblem, solve: Solve, target_units: int, trial: _Trial) -> _Trial:
    """Drops or lifts, one at a time, each venue left below its minimum, whichever places more or costs less."""
    while low := _below_minimum(problem, trial.units):
        least = problem.terms[:, cost.MIN_UNITS]
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
        trial = min((_with_key(problem, candidate) for candidate in trials), key=lambda t: (_n_low(problem, t), t.key))
    return trial


def _n_low(problem: RouteProblem, trial: _Trial) -> int:
    """Venues below their minimum beyond the first: a trial that mends is preferred to one that spreads."""
    return max(0, len(_below_minimum(problem, trial.units)) - 1)


def _without(problem: RouteProblem, solve: Solve, target_units: int, trial: _Trial, venue_i: int) -> _Trial:
    room = trial.room.copy()
    room[venue_i] = 0
    forced = {v: quantity for v, quantity in trial.forced.items() if v != venue_i}
    mended = _repair(problem, solve, target_units, _try(problem, solve, target_units, room, forced))
    return _with_key(problem, mended)


def _best_without_one(problem: RouteProblem, solve: Solve, target_units: int, trial: _Trial) -> _Trial:
    used = np.flatnonzero(trial.units).tolist()
    return min(
        (_without(problem, solve, target_units, trial, venue_i) for venue_i in used),
        key=lambda candidate: (np.count_nonzero(candidate.units), candidate.key),
    )


def _drop_what_does_not_pay(problem: RouteProblem, solve: Solve, target_units: int, trial: _Trial) -> _Trial:
    """Removes the venue whose absence saves most, again and again, while the same quantity stays placed."""
    best = _with_key(problem, trial)
    max_venues = problem.request.approved.value.venues.max_venues or problem.n_venues
    while True:
        used = np.flatnonzero(best.units).tolist()
        candidates = [
            candidate
            for venue_i in used
            if len(used) > 1
            for candidate in [_without(problem, solve, target_units, best, venue_i)]
            if np.count_nonzero(candidate.units) <= max_venues
        ]
        better = min(candidates, key=lambda candidate: candidate.key, default=best)
        if better.key >= best.key:
            return best
        best = better
