"""Post, cross or split one slice over venues: what rests at each queue and what crosses now, at least expected cost.

The polite shell of kernels/placement.py (Cont and Kukanov). Quantities are integers of one unit, costs ppm of the
price. What each queue will lose before the deadline is a belief, given as quantiles; the plan is as good as they are.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from app.domain.errors import BadRequest
from app.domain.placement import Placed, PlacementAsk
from app.domain.units import MAX_UNITS
from app.kernels import placement as kernel

Float64Array = npt.NDArray[np.float64]

N_DRAWS: Final = 16_384
N_FIRST: Final = 512
MAX_VENUES: Final = 12


@dataclass(frozen=True, slots=True)
class Queue:
    """One venue where a limit order may rest at the touch.

    `ahead_units`: what trades or leaves before us. `rebate_ppm`: earned by a maker, negative for a fee.
    `outflow_units`: what the queue loses before the deadline, as quantiles at (i + 1/2) / n; float64[n], rising.
    """

    venue: str
    ahead_units: float
    rebate_ppm: float
    outflow_units: Float64Array


@dataclass(frozen=True, slots=True)
class PlacementProblem:
    """What is placed and what it costs. `cross_ppm`: the taker's fee; crossing also pays `half_spread_ppm`, which a
    filled limit earns. `impact_ppm`: of every unit sent. `short_ppm`, `over_ppm`: of each unit missing at the deadline
    (crossed then, at a worse price) or bought too many.
    """

    qty_units: int
    half_spread_ppm: float
    cross_ppm: float
    impact_ppm: float
    short_ppm: float
    over_ppm: float
    queues: tuple[Queue, ...]


@dataclass(frozen=True, slots=True)
class Placement:
    """Units that cross now and that rest at each queue, in the problem's order. Limits may sum to more than is left:
    over-filling is priced. `cost_ppm`: expected cost of the whole, per unit of the quantity, on the problem's beliefs.
    """

    market_units: int
    limit_units: tuple[int, ...]
    cost_ppm: float


def place(problem: PlacementProblem, n_draws: int = N_DRAWS) -> Placement:
    """The best placement found on `n_draws` joint draws (fewer are faster and coarser); the same problem always gives
    the same. Raises BadRequest for what cannot be meant.
    """
    _check(problem)
    n_queues = len(problem.queues)
    terms = np.empty(kernel.N_TERMS)
    terms[kernel.CROSS] = problem.half_spread_ppm + problem.cross_ppm
    terms[kernel.SENT] = problem.impact_ppm
    terms[kernel.SHORT] = problem.short_ppm + problem.impact_ppm
    terms[kernel.OVER] = problem.over_ppm
    gain = np.array([problem.half_spread_ppm + queue.rebate_ppm for queue in problem.queues], dtype=np.float64)
    qty = float(problem.qty_units)
    units = np.empty(n_queues + 1)
    cost = kernel.place_quantity(reaches(problem.queues, n_draws), min(N_FIRST, n_draws), gain, terms, qty, units)
    whole = [round(value) for value in units.tolist()]
    return Placement(whole[-1], tuple(whole[:-1]), cost / qty)


def place_within(ask: PlacementAsk) -> Placed:
    """The best placement that can never fill more than the quantity: limits and crossing sum to it. Exact, no search.

    Without over-filling the cost falls apart into queues. The next unit at a queue is worth the chance that it trades
    times what it earns and what being short would cost; crossing is worth the same whatever crosses. The dearest parts
    of all queues are taken first, and what no queue beats crosses. Raises BadRequest for what cannot be meant.
    """
    if not 0 < ask.qty_units < MAX_UNITS or ask.short_ppm <= 0.0:
        raise BadRequest("invalid_request", "a placement has a quantity, and being short costs something")
    cross_worth_ppm = ask.short_ppm - ask.half_spread_ppm - ask.cross_ppm
    parts: list[tuple[float, int, int]] = []
    for i, queue in enumerate(ask.queues):
        worth_ppm = ask.half_spread_ppm + queue.gain_ppm + ask.short_ppm
        n, before = len(queue.outflow_units), 0
        for j, lost in enumerate(queue.outflow_units):
            reach = max(lost - queue.ahead_units, 0)
            if reach < before:
                raise BadRequest("invalid_request", f"{queue.venue}: quantiles rise")
            parts.append((worth_ppm * (n - j) / n, i, reach - before))
            before = reach
    left, limits, saved_ppm = ask.qty_units, [0] * len(ask.queues), 0.0
    for value_ppm, i, units in sorted(parts, key=lambda part: (-part[0], part[1])):
        if value_ppm <= cross_worth_ppm or not left:
            break
        taken = min(units, left)
        limits[i] += taken
        left -= taken
        saved_ppm += value_ppm * taken
    saved_ppm += cross_worth_ppm * left
    return Placed(left, tuple(limits), ask.short_ppm - saved_ppm / ask.qty_units)


def reaches(queues: tuple[Queue, ...], n_draws: int) -> Float64Array:
    """Joint draws of what trades beyond each queue, float64[n_draws, n_queues]: independent, evenly spread, no chance.

    Points of the additive sequence with the powers of the root of x**(d + 1) = x + 1 (d queues): their means are closer
    than those of random points.
    """
    n = len(queues)
    root = 2.0
    for _ in range(60):
        root = (1.0 + root) ** (1.0 / (n + 1))
    points = np.arange(1, n_draws + 1, dtype=np.float64)
    drawn = np.empty((n_draws, n))
    for i, queue in enumerate(queues):
        level = (0.5 + points * root ** -(i + 1)) % 1.0
        quantiles = queue.outflow_units
        lost = np.interp(level * quantiles.size - 0.5, np.arange(quantiles.size), quantiles)
        drawn[:, i] = np.maximum(lost - queue.ahead_units, 0.0)
    return drawn


def _check(problem: PlacementProblem) -> None:
    if not (0 < problem.qty_units < MAX_UNITS and 1 <= len(problem.queues) <= MAX_VENUES):
        raise BadRequest("invalid_request", f"a placement has a quantity and 1 to {MAX_VENUES} queues")
    if not (problem.short_ppm > 0.0 and problem.over_ppm > 0.0 and problem.impact_ppm >= 0.0):
        raise BadRequest("invalid_request", "missing and excess units cost something, impact never pays")
    for queue in problem.queues:
        flow = queue.outflow_units
        if flow.size == 0 or not np.all(np.isfinite(flow)) or np.any(np.diff(flow) < 0.0) or queue.ahead_units < 0.0:
            raise BadRequest("invalid_request", f"{queue.venue}: quantiles rise, and a queue is not negative")
