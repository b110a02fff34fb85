"""How much is wanted, in units: of a quantity order as asked, of a notional order as the merged book allows.

Also the marginal price of a quantity, which proves its lower bound.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from app.domain.units import MAX_UNITS, PPM, div_up
from app.kernels import cost, greedy
from app.routing.costs import walk_plans
from app.routing.findings import Recosted
from app.routing.problem import RouteProblem
from app.routing.rounding import Solve, settle
from app.routing.verify import plan_notional_nano

Int64Array = npt.NDArray[np.int64]
Float64Array = npt.NDArray[np.float64]

# Each pass removes the whole excess at the dearest price, so a few are enough; the count only guards against a bug.
_MAX_PASSES = 64


def target_units(problem: RouteProblem) -> int:
    """Units to place: the request's, or as many as its gross notional buys in all-in order on the merged book."""
    request = problem.request
    if request.qty_units is not None:
        return request.qty_units
    notional = request.notional_nano or 0
    if request.symbol.fungible.is_inverse:
        scale: int = 10**request.symbol.qty_scale
        return notional * scale // request.symbol.fungible.multiplier_nano
    depth = min(sum(problem.room_units.tolist()), MAX_UNITS)
    units, _ = _merge(problem, problem.unit_nano, problem.room_units, depth, float(notional))
    return int(units.sum())


def alone_units(problem: RouteProblem) -> list[int]:
    """Units by which each venue alone would fill the whole request, 0 where it cannot.

    A notional is filled when what is left of it does not pay for one more of the venue's lots.
    """
    usable, lots = problem.room_units.tolist(), problem.terms[:, cost.LOT_UNITS].tolist()
    least = problem.terms[:, cost.MIN_UNITS].tolist()
    request = problem.request
    if request.notional_nano is None or problem.symbol.fungible.is_inverse:
        wanted = target_units(problem)
        if request.notional_nano is not None:
            wanted_of = [wanted // lot * lot for lot in lots]
        else:
            wanted_of = [wanted if wanted % lot == 0 else 0 for lot in lots]
        return [w if least[v] <= w <= usable[v] else 0 for v, w in enumerate(wanted_of)]
    found = []
    for v in range(problem.n_venues):
        room = np.zeros(problem.n_venues, dtype=np.int64)
        room[v] = usable[v]
        units = int(_merge(problem, problem.unit_nano, room, usable[v], float(request.notional_nano))[0][v])
        units = units // lots[v] * lots[v]
        found.append(units if units + lots[v] <= usable[v] and units >= least[v] else 0)
    return found


def is_within(problem: RouteProblem, plan: Recosted) -> bool:
    """Whether the plan stays within the request: at most its quantity, or at most its gross notional."""
    notional = problem.request.notional_nano
    if notional is None:
        return plan.qty_units <= (problem.request.qty_units or 0)
    return plan_notional_nano(problem.symbol, plan.qty_units, plan.money_nano) <= notional


def settle_within(problem: RouteProblem, solve: Solve, wanted_units: int) -> Int64Array:
    """Whole lots by one solver; for a notional order, as many as keep the plan's own gross notional within it."""
    units = settle(problem, solve, wanted_units)
    notional = problem.request.notional_nano
    if notional is None or problem.symbol.fungible.is_inverse:
        return units
    for _ in range(_MAX_PASSES):
        walks, totals = walk_plans(problem, units.reshape(1, -1))
        excess = totals[0][1] - notional
        if excess <= 0:
            return units
        dearest = int(walks[0, :, 2].max()) * problem.ratio
        less = max(1, math.ceil(excess / dearest))
        units = settle(problem, solve, max(0, int(units.sum()) - less))
    return np.zeros(problem.n_venues, dtype=np.int64)


def witness_upnano(problem: RouteProblem, qty_units: int) -> int:
    """The marginal all-in price of `qty_units` in the relaxation, in 1e-6 nano per unit: the bound's witness."""
    if qty_units <= 0 or problem.price_units.size == 0:
        return 0
    key = problem.unit_nano
    if problem.has_fixed:
        key = np.empty_like(problem.unit_nano)
        greedy.envelope_costs(problem.first, problem.unit_nano, problem.qty_units, problem.terms, qty_units, key)
    room = problem.terms[:, cost.CEILING_UNITS].copy()
    _, last = _merge(problem, key, room, qty_units, -1.0)
    if last < 0:
        return 0
    if key[last] != problem.unit_nano[last]:
        return round(float(key[last]) * PPM)
    venue_i = int(np.searchsorted(problem.first, last, side="right")) - 1
    return unit_upnano(problem, venue_i, int(problem.price_units[last]))


def unit_upnano(problem: RouteProblem, venue_i: int, price_units: int) -> int:
    """All-in cost of one unit at a venue's price, in 1e-6 nano; exact where money is, else rounded up."""
    num, den = problem.num_den
    factor = problem.sign * PPM + int(problem.terms[venue_i, cost.FEE_PPM] + problem.terms[venue_i, cost.EST_PPM])
    if problem.symbol.fungible.is_inverse:
        return div_up(factor * num, price_units * den)
    return div_up(factor * num * price_units, den)


def _merge(
    problem: RouteProblem, key: Float64Array, room_units: Int64Array, wanted_units: int, budget_nano: float
) -> tuple[Int64Array, int]:
    """(units per venue, index of the last level taken or -1) of the merge in order of `key`."""
    units = np.empty(problem.n_venues, dtype=np.int64)
    heap, heap_key = problem.scratch
    last = greedy.merge_levels(
        problem.first,
        key,
        problem.price_units,
        problem.qty_units,
        room_units,
        wanted_units,
        problem.ratio,
        budget_nano,
        heap,
        heap_key,
        units,
    )
    return units, int(last)
