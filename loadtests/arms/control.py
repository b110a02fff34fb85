"""The control variate: what a parent's cost owes to chance that no arm could know, with mean zero by construction.

Every family's price rests on a walk whose steps are draws of the world's seed, one each `step_s`, whatever anybody
does (app/kernels/sim_*.py: the value's or the noise's normal, lane 0). The step of an instant is independent of
everything before it, and what a parent still has to trade then was decided before it. So the sum over steps of (part
still to trade x step) has mean zero whatever the arm does, and it is most of an arm's luck. A difference of costs less
a fixed multiple of the difference of these sums has the same mean and less noise; tuning worlds gave the multiple.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from math import sqrt
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from app.kernels.sim_hawkes import A_VALUE as A_HAWKES
from app.kernels.sim_noise import fill_noise
from app.kernels.sim_propagator import A_NOISE as A_PROPAGATOR
from app.kernels.sim_queue import A_VALUE as A_QUEUE
from app.venues.markets.families import family_of
from app.venues.markets.hawkes import HawkesValue
from app.venues.markets.propagator import PropagatorPrice
from app.venues.markets.queue_reactive import QueueValue
from app.venues.markets.spec import built, drawn, ns_of_s, read_world
from loadtests.arms.desk import Paid

Floats = npt.NDArray[np.float64]

# By family: the walk's agent in the noise, the table that has its size, and what the table is built into.
_WALKS: Final = {
    "queue_reactive": (A_QUEUE, "value", QueueValue),
    "hawkes": (A_HAWKES, "value", HawkesValue),
    "propagator": (A_PROPAGATOR, "price", PropagatorPrice),
}


@lru_cache(maxsize=8)
def steps_of(family: str, seed: int, n_steps: int) -> tuple[int, Floats]:
    """(ns between steps, float64[n_steps] ticks): step k happens at (k + 1) times the first, in every copy of a world.

    Jumps of a value are left out: they are rare, and without them the sum's mean is zero as well.
    """
    agent, name, kind = _WALKS[family]
    table = drawn(read_world(family_of(family).path)[name], seed, name)
    walk: Any = built(kind, table)
    sd = walk.noise_ticks if isinstance(walk, PropagatorPrice) else walk.volatility_ticks
    noise = np.empty((3, n_steps))
    fill_noise(seed, agent, 0, noise[0], noise[1], noise[2])
    return ns_of_s(walk.step_s), sd * sqrt(walk.step_s) * noise[2]


def control_bps(
    family: str, seed: int, sign: int, start_ns: int, fills: Sequence[Paid], mid_half_ticks: float
) -> float:
    """Sum over the walk's steps from `start_ns` of (part not yet filled) x (step against us), bps of the arrival mid.

    A fill of the same instant as a step comes after it: the part that met the step had been decided before.
    """
    lots = sum(paid.lots for paid in fills)
    last_ns = max(paid.ts_ns for paid in fills)
    step_ns, _ = steps_of(family, seed, 1)
    first, n_steps = start_ns // step_ns, last_ns // step_ns
    _, steps = steps_of(family, seed, -(-max(n_steps, 1) // 1000) * 1000)
    walked = np.concatenate(([0.0], np.cumsum(steps)))  # after so many steps
    total = 0.0
    for paid in fills:
        # Steps at or before the fill: the lots were still open then.
        total += paid.lots / lots * (walked[paid.ts_ns // step_ns] - walked[first])
    return sign * total / (mid_half_ticks / 2) * 1e4
