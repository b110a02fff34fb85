"""A slice between queues and the crossing: what is asked of a placement, and what it answers."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class QueueSeen:
    """One venue where a limit order may rest. `ahead_units`: what trades or leaves before us. `gain_ppm`: what a filled
    unit earns beside half the spread: a rebate, less what resting there loses. `outflow_units`: what the queue loses
    before the deadline, as quantiles at (i + 1/2) / n, rising.
    """

    venue: str
    ahead_units: int
    gain_ppm: float
    outflow_units: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class PlacementAsk:
    """`cross_ppm`: the taker's fee; crossing also pays `half_spread_ppm`, which a filled limit earns. `short_ppm`: what
    a unit costs that has not traded at the deadline, crossed then.
    """

    qty_units: int
    half_spread_ppm: float
    cross_ppm: float
    short_ppm: float
    queues: tuple[QueueSeen, ...]


@dataclass(frozen=True, slots=True)
class Placed:
    """Units that cross now and that rest at each queue, in the ask's order: together the quantity.

    `cost_ppm`: expected cost of the whole against the mid, on the ask's beliefs.
    """

    cross_units: int
    limit_units: tuple[int, ...]
    cost_ppm: float


def filled_frac(queue: QueueSeen, limit_units: int) -> float:
    """The part of a limit at a queue's end that is expected to trade; 0 for none."""
    if limit_units <= 0:
        return 0.0
    filled_units = sum(min(max(lost - queue.ahead_units, 0), limit_units) for lost in queue.outflow_units)
    return filled_units / (len(queue.outflow_units) * limit_units)
