"""The plainest family: agents with constant rates around a price that moves only when it is pushed.

A placebo and a template: nobody is informed, nothing is learned, no venue leads. Its loop is that of every family.
Source: docs/simulated-markets.md#steady.
"""

# ruff: noqa: PLR0917 - a kernel takes flat arrays by position: Numba has no cheaper way to group them

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from app.kernels import sim_words as w
from app.kernels.jit import CALL, kernel
from app.kernels.sim_book import cancel_crowd, offer_crowd, put_crowd, take
from app.kernels.sim_clocks import CLOCKS_SIGNATURE, FIRST, find_first, fire, first_group, set_rate, start_clock
from app.kernels.sim_desk import deliver
from app.kernels.sim_noise import exponential, uniform
from app.kernels.sim_tape import has_room

Float64 = npt.NDArray[np.float64]
World = Any
Clocks = Any

# law, one row a venue
LIMIT_PER_S: Final = 0  # each of these a side
CANCEL_PER_S: Final = 1
MARKET_PER_S: Final = 2
MEAN_LOTS: Final = 3
N_LEVELS: Final = 4
START_TICKS: Final = 5  # the price; bids are below, asks at it and above
STEADY_LAW_SIZE: Final = 6
# agents of a venue: kind x 2 + side
LIMIT, CANCEL, MARKET = 0, 1, 2
STEADY_AGENTS: Final = 6


@kernel("")
def _price(law: Float64, value: Float64, v: int, side: int, level: int) -> int:
    middle = int(law[v, START_TICKS] * (1.0 + value[0]))
    return middle - 1 - level if side == w.BID else middle + level


@kernel("")
def _act(world: World, clocks: Clocks, law: Float64, value: Float64, v: int, agent: int) -> None:
    """One event of an agent: where, how much and from which place of the queue are its own draws."""
    head = world[w.HEAD]
    seed = head[w.SEED]
    k = fire(clocks, seed, v, agent, head[w.NOW_NS])
    number = v * STEADY_AGENTS + agent
    kind, side = agent // 2, agent % 2
    lots = 1 + int(exponential(seed, number, k, 1) * law[v, MEAN_LOTS])
    level = int(uniform(seed, number, k, 2) * law[v, N_LEVELS])
    price = _price(law, value, v, side, level)
    if kind == LIMIT:
        offer_crowd(world, v, side, w.SHOWN, price, lots)
    elif kind == CANCEL:
        cancel_crowd(world, v, side, w.SHOWN, price, lots, uniform(seed, number, k, 3))
    else:
        take(world, v, -1 if side == w.BID else 1, w.NO_BID if side == w.BID else w.NO_ASK, lots, -1)


@kernel(f"int64({w.SIGNATURE}, {CLOCKS_SIGNATURE}, float64[:,::1], float64[::1])", CALL)
def open_steady(world_inplace: World, clocks_inplace: Clocks, law: Float64, value: Float64) -> int:
    """Lays the first books and starts the clocks. law: float64[n_venues, STEADY_LAW_SIZE]; value: float64[1]."""
    seed = world_inplace[w.HEAD][w.SEED]
    for v in range(law.shape[0]):
        is_lit = world_inplace[w.VENUES][v, w.KIND] == w.LIT
        for agent in range(STEADY_AGENTS):
            start_clock(clocks_inplace, seed, v, agent, 0)
            set_rate(clocks_inplace, v, agent, law[v, agent // 2] if is_lit else 0.0, 0)
        find_first(clocks_inplace, v)
        for side in range(2 if is_lit else 0):
            for level in range(int(law[v, N_LEVELS])):
                lots = 1 + int(2.0 * law[v, MEAN_LOTS])
                put_crowd(world_inplace, v, side, w.SHOWN, _price(law, value, v, side, level), lots)
    return int(law.shape[0])


@kernel("")
def _refresh(world: World, clocks: Clocks, law: Float64, v: int) -> None:
    """A halted venue's agents stand still."""
    venues, now = world[w.VENUES], world[w.HEAD][w.NOW_NS]
    is_open = venues[v, w.KIND] == w.LIT and venues[v, w.HALTED_UNTIL_NS] == 0
    for agent in range(STEADY_AGENTS):
        set_rate(clocks, v, agent, law[v, agent // 2] if is_open else 0.0, now)
    find_first(clocks, v)


@kernel(f"int64({w.SIGNATURE}, {CLOCKS_SIGNATURE}, float64[:,::1], float64[::1])", CALL)
def run_steady(world_inplace: World, clocks_inplace: Clocks, law: Float64, value_inplace: Float64) -> int:
    """Lets events happen up to the head's STOP_NS. Returns 0 there, 1 where reports or prints must be read first."""
    head, first = world_inplace[w.HEAD], clocks_inplace[FIRST]
    while has_room(world_inplace):
        g = first_group(clocks_inplace)
        if min(first[g, 0], head[w.DUE_NS]) > head[w.STOP_NS]:
            head[w.NOW_NS] = head[w.STOP_NS]
            return 0
        if head[w.DUE_NS] <= first[g, 0]:
            v = deliver(world_inplace)
            value_inplace[0] += world_inplace[w.FORCES][w.PUSH_FRAC]
            world_inplace[w.FORCES][w.PUSH_FRAC] = 0.0
            if world_inplace[w.EVENT][w.Q_KIND] != w.EV_PUBLISH:
                _refresh(world_inplace, clocks_inplace, law, v)
        else:
            head[w.NOW_NS] = first[g, 0]
            _act(world_inplace, clocks_inplace, law, value_inplace, g, first[g, 1])
            find_first(clocks_inplace, g)
    return 1
