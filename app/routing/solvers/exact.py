"""The exact split: most units first, then least cost, with whole lots, fixed costs, minimums and a bound on venues."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from app.domain.enums import SolveStatus
from app.kernels import branch, cost, jit, ladder
from app.routing.listings import NARROW
from app.routing.problem import RouteProblem
from app.routing.rounding import Settled

Int64Array = npt.NDArray[np.int64]
Float64Array = npt.NDArray[np.float64]
NAME: Final = "exact"

# A node costs about 0.07 us of CPU a venue (fixed costs and mixed lots, 32 and 64 venues; loadtests/exact.py makes such
# problems), so this many take about 12 ms at 32 venues; few problems need 1,000.
MAX_NODES: Final = 5_000
US_PER_NODE_AND_VENUE: Final = 0.08
# So many nodes a venue may pass without any plan before the most units that can be placed are asked for first.
N_BLIND: Final = 4
# Unit costs carry three roundings of 2^-53, and sums of steps one each; the share covers both with room to spare.
FLOAT_FRAC: Final = 2.0**-50
HALF_UNIT: Final = 0.5


@dataclass(frozen=True, slots=True)
class Proof:
    """The best plan found (int64[n] units, whole lots, within every size) and what is proven of it.

    `bound_nano` is below the exact objective of every plan that places as many units. OPTIMAL: nothing was left out of
    the search, so that the plan is cheapest up to a tie of floats and no plan places more. DEADLINE: the budget of
    nodes ended it; the gap to the bound is true, and more units may be possible.
    """

    units: Int64Array
    qty_units: int
    cost_nano: float
    bound_nano: int
    status: SolveStatus
    n_nodes: int


@dataclass(frozen=True, slots=True)
class _Field:
    """The arrays of one search (kernels/ladder.py)."""

    place: Int64Array
    own_nano: Float64Array
    start_units: Int64Array
    step_nano: Float64Array
    tally: Int64Array
    best_nano: Float64Array


def nodes_within(budget_us: float, n_venues: int) -> int:
    """How many nodes fit a time: a cost per node measured on the slowest kind of problem, never fewer than one."""
    return max(1, int(budget_us / (US_PER_NODE_AND_VENUE * max(n_venues, 8))))


def solve(problem: RouteProblem, target_units: int, room_units: Int64Array) -> tuple[Int64Array, Int64Array]:
    """Whole lots per venue within `room_units` (int64[n]); the room for a remainder is what they are: none is left."""
    units = prove(problem, target_units, room_units).units
    return units, units.copy()


def is_ready() -> bool:
    """Whether the search can run without compiling; from a cold start's first seconds on it is so for ever."""
    return jit.is_compiled(ladder.lay_split, ladder.lay_volume, branch.search_splits)


def search(problem: RouteProblem, target_units: int, room_units: Int64Array) -> Settled:
    """The exact split as the contest takes it: units, bound and how it ended; nothing where sums of units leave int64.

    Its budget of nodes is the one of `prove`; a cut search gives its best plan with the gap that is left. Nothing, too,
    before `is_ready`: compiling here would stop everything else for seconds.
    """
    if not is_ready():
        return Settled(np.zeros(problem.n_venues, np.int64), is_complete=False)
    depth = float(problem.qty_units.sum(dtype=np.float64))
    if depth >= NARROW or int(problem.terms[:, cost.FIXED_NANO].max(initial=0)) >= NARROW:
        return Settled(np.zeros(problem.n_venues, np.int64), is_complete=False)
    proof = prove(problem, target_units, room_units)
    return Settled(proof.units, proof.bound_nano, proof.status is SolveStatus.OPTIMAL)


def prove(problem: RouteProblem, target_units: int, room_units: Int64Array, max_nodes: int = MAX_NODES) -> Proof:
    """The exact split of `target_units` within `room_units` (int64[n]) with its bound, in at most about `max_nodes`.

    The number of venues is bounded by the order; what no lots can hold stays unplaced.
    """
    n, n_levels = problem.n_venues, problem.unit_nano.size
    max_venues = problem.request.approved.value.venues.max_venues
    field = _field(n, 3 * (n_levels + n) + 4)
    pool = (np.empty((2, 16 * (n_levels + n) + 64), dtype=np.int64), np.empty(16 * (n_levels + n) + 64))
    left, is_most, n_nodes, seed = target_units, True, 0, None
    while True:
        left = _lay(problem, room_units, left, max_venues, field)
        if left == 0:
            return Proof(np.zeros(n, np.int64), 0, 0.0, 0, _status(is_done=is_most), n_nodes)
        if seed is not None:
            _plant(field, seed)
        complete = _search(field, pool, N_BLIND * n + 64, max_nodes)
        n_nodes += int(field.tally[ladder.N_NODES])
        if field.tally[ladder.HAS_PLAN]:
            break
        seed, is_most, spent = _most_units(field, pool, left, max_venues, max_nodes)
        left, n_nodes = int(seed.sum()), n_nodes + spent
    units = field.place[:n, ladder.BEST_UNITS].copy()
    found, bound = field.best_nano[[ladder.LEAST_NANO, ladder.BOUND_NANO]].tolist()
    status = _status(is_done=complete and is_most)
    return Proof(units, left, found, _safe_bound(problem, bound, units), status, n_nodes)


def _status(*, is_done: bool) -> SolveStatus:
    return SolveStatus.OPTIMAL if is_done else SolveStatus.DEADLINE


def _field(n_venues: int, n_steps: int) -> _Field:
    return _Field(
        np.empty((n_venues + 1, ladder.N_PLACE), dtype=np.int64),
        np.empty((n_venues + 1, ladder.N_OWN)),
        np.empty(n_steps, dtype=np.int64),
        np.empty((2, n_steps)),
        np.empty(ladder.N_TALLY, dtype=np.int64),
        np.empty(ladder.N_BEST),
    )


def _lay(problem: RouteProblem, room_units: Int64Array, target_units: int, max_venues: int, field: _Field) -> int:
    """Lays the problem; gives the units that the venues' sums allow."""
    return int(
        ladder.lay_split(
            problem.first,
            problem.unit_nano,
            problem.qty_units,
            problem.terms,
            room_units,
            target_units,
            max_venues,
            field.place,
            field.own_nano,
            field.start_units,
            field.step_nano,
            field.tally,
            field.best_nano,
        )
    )


def _search(field: _Field, pool: tuple[Int64Array, Float64Array], blind_nodes: int, max_nodes: int) -> bool:
    """Searches within the budget; whether nothing was left out."""
    field.tally[ladder.BLIND_NODES] = min(blind_nodes, max_nodes)
    field.tally[ladder.MAX_NODES] = max_nodes
    branch.search_splits(
        field.start_units, field.step_nano, field.place, field.own_nano, *pool, field.tally, field.best_nano
    )
    return bool(field.tally[ladder.IS_COMPLETE])


def _plant(field: _Field, units: Int64Array) -> None:
    """Makes a plan that is known to be feasible the search's first best."""
    n = units.size
    total = 0.0
    for v in np.flatnonzero(units).tolist():
        floor, end = int(field.place[v, ladder.FLOOR]), int(field.place[v, ladder.END])
        starts = field.start_units[floor : end + 1]
        step = floor + max(int(np.searchsorted(starts, units[v], side="right")) - 1, 0)
        rest = int(units[v]) - int(field.start_units[step])
        total += float(field.own_nano[v, ladder.ENTRY_NANO] + field.step_nano[1, step])
        total += rest * float(field.step_nano[0, step]) if rest else 0.0
    field.place[:n, ladder.BEST_UNITS] = units
    field.best_nano[ladder.LEAST_NANO] = total
    field.tally[ladder.HAS_PLAN] = 1


def _most_units(
    field: _Field, pool: tuple[Int64Array, Float64Array], target_units: int, max_venues: int, max_nodes: int
) -> tuple[Int64Array, bool, int]:
    """(a plan of the most units up to the target, whether more are proven impossible, nodes).

    A first search without leasts bounds what must be missing, so that the second may stop at a plan missing no more.
    Money is missing units here, whole numbers.
    """
    n = field.place.shape[0] - 1
    volume = _field(n + 1, 3 * n + 8)
    enough, n_nodes, is_done = -math.inf, 0, False
    for is_loose in (True, False):
        ladder.lay_volume(
            field.place,
            target_units,
            max_venues if max_venues < n else 0,
            is_loose,
            volume.place,
            volume.own_nano,
            volume.start_units,
            volume.step_nano,
            volume.tally,
            volume.best_nano,
        )
        volume.best_nano[ladder.TIE_NANO] = HALF_UNIT
        volume.best_nano[ladder.ENOUGH_NANO] = enough
        is_done = _search(volume, pool, max_nodes, max_nodes)
        n_nodes += int(volume.tally[ladder.N_NODES])
        enough = math.floor(float(volume.best_nano[ladder.BOUND_NANO]) + HALF_UNIT) + HALF_UNIT
    if not volume.tally[ladder.HAS_PLAN]:
        return np.zeros(n, np.int64), False, n_nodes
    is_done = is_done or float(volume.best_nano[ladder.LEAST_NANO]) <= float(volume.best_nano[ladder.ENOUGH_NANO])
    return volume.place[:n, ladder.BEST_UNITS].copy(), is_done, n_nodes


def _safe_bound(problem: RouteProblem, bound_nano: float, units: Int64Array) -> int:
    """The ladder's bound as a bound in settled money: less what floats, and money rounded per level, may owe."""
    # Objectives are whole nano, so the next whole one above the bound is one too.
    return math.ceil(bound_nano - _owed_nano(problem, units))


def _owed_nano(problem: RouteProblem, units: Int64Array) -> float:
    """What floats and money rounded per level may owe.

    A plan's float cost is off by at most FLOAT_FRAC of its gross, a level's settled money by half a nano and its fee
    (below its money), a fee only by being rounded up.
    """
    gross = float(np.abs(problem.unit_nano).max(initial=0.0)) * int(units.sum())
    gross += float(problem.terms[:, cost.FIXED_NANO].sum())
    is_exact = not problem.symbol.fungible.is_inverse and problem.num_den[1] == 1
    return gross * FLOAT_FRAC * 8 + (0 if is_exact else problem.unit_nano.size)
