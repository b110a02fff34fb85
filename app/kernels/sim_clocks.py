"""Clocks of agents whose rates change: each waits for a unit of its own hazard, whoever else acts meanwhile.

An agent's k-th event comes when the integral of its rate reaches its k-th exponential draw (a random change of time),
so two runs that differ in our orders give it the same draws. A rate that did not change moves nothing, not even by
rounding. Clocks are the tuple (left, rate, since_ns, fire_ns, fired, first): of group g and agent a, in arrays
[n_groups, n_agents]; `first` is int64[n_groups, 2], the group's next time and its agent.
Source: docs/simulated-markets.md#noise.
"""

from __future__ import annotations

import math
from typing import Any, Final

from app.kernels import sim_words as w
from app.kernels.jit import kernel
from app.kernels.sim_noise import exponential

LEFT: Final = 0  # float64: hazard until the next event, as of SINCE_NS
RATE: Final = 1  # float64: a second
SINCE_NS: Final = 2  # int64
FIRE_NS: Final = 3  # int64
FIRED: Final = 4  # int64: events so far
FIRST: Final = 5  # int64[n_groups, 2]
CLOCKS_SIGNATURE: Final = (
    "Tuple((float64[:,::1], float64[:,::1], int64[:,::1], int64[:,::1], int64[:,::1], int64[:,::1]))"
)

Clocks = Any


@kernel("")
def _schedule(clocks: Clocks, g: int, a: int) -> None:
    rate = clocks[RATE][g, a]
    if rate > 0.0:
        wait_ns = math.ceil(clocks[LEFT][g, a] / rate * 1e9)
        clocks[FIRE_NS][g, a] = clocks[SINCE_NS][g, a] + int(min(wait_ns, 4e18))
    else:
        clocks[FIRE_NS][g, a] = w.NEVER_NS


@kernel("")
def start_clock(clocks: Clocks, seed_number: int, group_i: int, agent_i: int, now_ns: int) -> None:
    """Draws what the agent waits for next; agent numbers in the noise are group x n_agents + agent."""
    agent_number = group_i * clocks[LEFT].shape[1] + agent_i
    clocks[LEFT][group_i, agent_i] = exponential(seed_number, agent_number, clocks[FIRED][group_i, agent_i], 0)
    clocks[SINCE_NS][group_i, agent_i] = now_ns
    _schedule(clocks, group_i, agent_i)


@kernel("")
def set_rate(clocks: Clocks, group_i: int, agent_i: int, rate_per_s: float, now_ns: int) -> None:
    """The agent's rate from now on. Afterwards `find_first` must be called for the group."""
    old = clocks[RATE][group_i, agent_i]
    if rate_per_s == old:
        return
    passed = (now_ns - clocks[SINCE_NS][group_i, agent_i]) * 1e-9 * old
    clocks[LEFT][group_i, agent_i] = max(0.0, clocks[LEFT][group_i, agent_i] - passed)
    clocks[SINCE_NS][group_i, agent_i] = now_ns
    clocks[RATE][group_i, agent_i] = rate_per_s
    _schedule(clocks, group_i, agent_i)


@kernel("")
def fire(clocks: Clocks, seed_number: int, group_i: int, agent_i: int, now_ns: int) -> int:
    """The agent acts now: returns which event of its own this is, and starts its clock again."""
    event_number = clocks[FIRED][group_i, agent_i]
    clocks[FIRED][group_i, agent_i] = event_number + 1
    start_clock(clocks, seed_number, group_i, agent_i, now_ns)
    return int(event_number)


@kernel("")
def find_first(clocks: Clocks, group_i: int) -> None:
    """Finds who of the group is next."""
    fire_ns, first = clocks[FIRE_NS], clocks[FIRST]
    best = w.NEVER_NS
    who = 0
    for a in range(fire_ns.shape[1]):
        if fire_ns[group_i, a] < best:
            best = fire_ns[group_i, a]
            who = a
    first[group_i, 0] = best
    first[group_i, 1] = who


@kernel("")
def first_group(clocks: Clocks) -> int:
    """The group whose next event comes first; of equals the lower."""
    first = clocks[FIRST]
    best = 0
    for g in range(1, first.shape[0]):
        if first[g, 0] < first[best, 0]:
            best = g
    return best
