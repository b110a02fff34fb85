"""The queue-reactive family: who trades depends on the queues, and the queues follow a value that some know first.

Orders come, leave and take at rates that depend on the queue's size and distance (Huang, Lehalle, Rosenbaum 2015); a
queue that is empty moves the reference price with some chance. Beyond the paper: the crowd sees a value with each
venue's lag, tilts its rates towards it and pulls quotes that it has passed; informed takers see it at once; takers
move it.
Source: docs/simulated-markets.md#queue-reactive.
"""

# ruff: noqa: PLR0917 - a kernel takes flat arrays by position: Numba has no cheaper way to group them

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from app.kernels import sim_words as w
from app.kernels.jit import CALL, kernel
from app.kernels.sim_book import (
    best_price,
    cancel_crowd,
    clear_crowd,
    crowd_at,
    has_price,
    offer_crowd,
    own_shown,
    put_crowd,
    take,
)
from app.kernels.sim_clocks import CLOCKS_SIGNATURE, FIRST, find_first, fire, first_group, set_rate, start_clock
from app.kernels.sim_desk import deliver
from app.kernels.sim_noise import exponential, normal, uniform
from app.kernels.sim_tape import has_room

Float64 = npt.NDArray[np.float64]
Int64 = npt.NDArray[np.int64]
World = Any
Clocks = Any
Law = Any
State = Any

NEAR: Final = 4  # levels a side with clocks of their own
BUCKETS: Final = 16  # of queue size, in mean orders; bucket 0 is an empty queue

# law: the tuple (venue law float64[n_venues, QUEUE_LAW_SIZE], rates float64[n_venues, 3, NEAR, BUCKETS], value law)
MEAN_LOTS: Final = 0  # of an order
LAG_NS: Final = 1  # the crowd's view of the value
MOVE_FRAC: Final = 2  # chance that an emptied best queue moves the reference
REFILL_ORDERS: Final = 3  # a new best queue begins with so many mean orders
TILT: Final = 4  # exponent a tick of gap, limits and cancels
TAKE_TILT: Final = 5  # and takers
MOST_GAP_TICKS: Final = 6
PULL_PER_S: Final = 7  # a tick of gap beyond PULL_FROM_TICKS
PULL_FROM_TICKS: Final = 8
INFORMED_PER_S: Final = 9  # a tick of gain beyond INFORMED_FROM_TICKS
INFORMED_FROM_TICKS: Final = 10
INFORMED_ORDERS: Final = 11  # mean size
DEEP_PER_S: Final = 12  # repairs of the far levels, a side
N_DEEP: Final = 13  # levels a side, near ones included
DEPTH_ORDERS: Final = 14  # usual queue at the best
DEPTH_SLOPE: Final = 15  # grows so much a level, as a part of it
ICEBERG_FRAC: Final = 16
ICEBERG_ORDERS: Final = 17  # mean reserve
HIDDEN_FRAC: Final = 18
IMPACT_TICKS: Final = 19  # of a mean order that takes, on the value; square root of size
QUEUE_LAW_SIZE: Final = 20
# value law, float64
STEP_NS: Final = 0
STEP_SD_TICKS: Final = 1
JUMP_FRAC: Final = 2  # chance a step
JUMP_SD_TICKS: Final = 3
FADES_FRAC: Final = 4  # of what a taker moves
FADE_FRAC: Final = 5  # of what still fades, a step
VALUE_LAW_SIZE: Final = 6
# kinds of rates
LIMIT, CANCEL, MARKET = 0, 1, 2
# agents of a venue: near x side for limits, then cancels, then one a side of the book each
A_CANCEL: Final = 2 * NEAR
A_TAKER: Final = 4 * NEAR
A_INFORMED: Final = A_TAKER + 2
A_PULL: Final = A_TAKER + 4  # BID: the value fell below the bids
A_DEEP: Final = A_TAKER + 6
QUEUE_AGENTS: Final = A_TAKER + 8
# Agents without clocks.
A_VALUE: Final = 1 << 30
A_EMPTY: Final = 2 << 30
A_FIRST: Final = 3 << 30

# state: the tuple (past float64[PAST + 1], numbers int64[4], base int64[n_venues], was_empty, emptied
# int64[n_venues, 2]); behind the past stands what of the value will fade.
PAST: Final = 1 << 12
N_STEPS: Final = 0
NEXT_NS: Final = 1
LAW_SIGNATURE: Final = "Tuple((float64[:,::1], float64[:,:,:,::1], float64[::1]))"
STATE_SIGNATURE: Final = "Tuple((float64[::1], int64[::1], int64[::1], int64[:,::1], int64[:,::1]))"


@kernel("")
def _value(state: State, back_steps: int) -> float:
    past, numbers, _base, _was, _emptied = state
    step = max(0, numbers[N_STEPS] - back_steps)
    return float(past[step & (PAST - 1)])


@kernel("")
def _level_price(base: int, side: int, level: int) -> int:
    """Bids begin at the base, asks a tick above it."""
    return base - level if side == w.BID else base + 1 + level


@kernel("")
def _usual_lots(venue_law: Float64, v: int, level: int, noise: float) -> int:
    usual = venue_law[v, DEPTH_ORDERS] * (1.0 + venue_law[v, DEPTH_SLOPE] * level)
    return 1 + int(usual * venue_law[v, MEAN_LOTS] * noise)


@kernel("")
def _refresh(world: World, clocks: Clocks, law: Law, state: State, v: int) -> None:
    """All rates of a venue from its queues and its gap to the value."""
    venues, now = world[w.VENUES], world[w.HEAD][w.NOW_NS]
    if venues[v, w.KIND] != w.LIT or venues[v, w.HALTED_UNTIL_NS] != 0:
        for agent in range(QUEUE_AGENTS):
            set_rate(clocks, v, agent, 0.0, now)
        find_first(clocks, v)
        return
    venue_law, rates, value_law = law
    base = state[2][v]
    gap = _value(state, int(venue_law[v, LAG_NS] / value_law[STEP_NS])) - (base + 0.5)
    most = venue_law[v, MOST_GAP_TICKS]
    bounded = max(-most, min(most, gap))
    for side in range(2):
        sign = 1.0 if side == w.BID else -1.0
        towards = math.exp(venue_law[v, TILT] * sign * bounded)
        for level in range(NEAR):
            price = _level_price(base, side, level)
            crowd = crowd_at(world, v, side, w.SHOWN, price)
            shown = crowd + own_shown(world, v, side, price)
            bucket = min(BUCKETS - 1, math.ceil(shown / venue_law[v, MEAN_LOTS]))
            set_rate(clocks, v, side * NEAR + level, rates[v, LIMIT, level, bucket] * towards, now)
            # Of what leaves, our part of the queue does not.
            leaving = rates[v, CANCEL, level, bucket] / towards * crowd / max(1, shown)
            set_rate(clocks, v, A_CANCEL + side * NEAR + level, leaving, now)
            if level == 0:
                takers = rates[v, MARKET, 0, bucket] * math.exp(-venue_law[v, TAKE_TILT] * sign * bounded)
                set_rate(clocks, v, A_TAKER + side, takers, now)
        beyond = max(0.0, min(most, -sign * gap - venue_law[v, PULL_FROM_TICKS]))
        set_rate(clocks, v, A_PULL + side, venue_law[v, PULL_PER_S] * beyond, now)
        best = best_price(world, v, side)
        gain = sign * (best - _value(state, 0)) - venue_law[v, INFORMED_FROM_TICKS] if has_price(side, best) else 0.0
        set_rate(clocks, v, A_INFORMED + side, venue_law[v, INFORMED_PER_S] * max(0.0, min(most, gain)), now)
        set_rate(clocks, v, A_DEEP + side, venue_law[v, DEEP_PER_S], now)
    find_first(clocks, v)


@kernel("")
def _shift(world: World, law: Law, state: State, v: int, sign: int, noise: float) -> None:
    """The reference moves a tick: the crowd leaves the level that it passes, and stands there on the other side."""
    venue_law, base = law[0], state[2]
    passed = w.ASK if sign > 0 else w.BID
    other = 1 - passed
    n_deep = int(venue_law[v, N_DEEP])
    price = _level_price(base[v], passed, 0)
    clear_crowd(world, v, passed, price)
    clear_crowd(world, v, other, _level_price(base[v], other, n_deep - 1))
    base[v] += sign
    far = _level_price(base[v], passed, n_deep - 1)
    put_crowd(world, v, passed, w.SHOWN, far, _usual_lots(venue_law, v, n_deep - 1, noise))
    offer_crowd(world, v, other, w.SHOWN, price, 1 + int(venue_law[v, REFILL_ORDERS] * venue_law[v, MEAN_LOTS] * noise))


@kernel("")
def _settle(world: World, law: Law, state: State, v: int) -> None:
    """Takers' effect on the value, and best queues that have just become empty: each moves the reference by chance."""
    venues, seed = world[w.VENUES], world[w.HEAD][w.SEED]
    venue_law = law[0]
    past, numbers, base, was_empty, emptied = state
    flow = venues[v, w.FLOW_LOTS]
    if flow != 0:
        size = math.sqrt(abs(flow) / venue_law[v, MEAN_LOTS])
        moved = venue_law[v, IMPACT_TICKS] * (size if flow > 0 else -size)
        past[numbers[N_STEPS] & (PAST - 1)] += moved
        past[PAST] += law[2][FADES_FRAC] * moved
        venues[v, w.FLOW_LOTS] = 0
    for side in range(2):
        for _ in range(w.WINDOW):
            price = _level_price(base[v], side, 0)
            if crowd_at(world, v, side, w.SHOWN, price) + own_shown(world, v, side, price) > 0:
                was_empty[v, side] = 0
                break
            if was_empty[v, side] == 1:
                break
            k = emptied[v, side]
            emptied[v, side] += 1
            agent = A_EMPTY + 2 * v + side
            if uniform(seed, agent, k, 0) >= venue_law[v, MOVE_FRAC]:
                was_empty[v, side] = 1
                break
            _shift(world, law, state, v, 1 if side == w.ASK else -1, exponential(seed, agent, k, 1))


@kernel("")
def _limit(world: World, law: Law, state: State, v: int, side: int, level: int, number: int, k: int) -> None:
    """An order of the crowd: shown, shown with a reserve behind it, or hidden."""
    venue_law, seed = law[0], world[w.HEAD][w.SEED]
    price = _level_price(state[2][v], side, level)
    lots = 1 + int(exponential(seed, number, k, 1) * (venue_law[v, MEAN_LOTS] - 0.5))
    kind = uniform(seed, number, k, 2)
    if kind < venue_law[v, HIDDEN_FRAC]:
        offer_crowd(world, v, side, w.HIDDEN, price, lots)
        return
    offer_crowd(world, v, side, w.SHOWN, price, lots)
    is_iceberg = kind < venue_law[v, HIDDEN_FRAC] + venue_law[v, ICEBERG_FRAC]
    if is_iceberg and crowd_at(world, v, side, w.SHOWN, price) > 0:
        reserve = int(exponential(seed, number, k, 3) * venue_law[v, ICEBERG_ORDERS] * venue_law[v, MEAN_LOTS])
        put_crowd(world, v, side, w.RESERVE, price, reserve)


@kernel("")
def _informed(world: World, law: Law, state: State, v: int, side: int, number: int, k: int) -> None:
    """Takes what is on the wrong side of the value, up to its own size; the value does not move for it."""
    venue_law, seed = law[0], world[w.HEAD][w.SEED]
    lots = 1 + int(exponential(seed, number, k, 1) * venue_law[v, INFORMED_ORDERS] * venue_law[v, MEAN_LOTS])
    worth = _value(state, 0)
    least = venue_law[v, INFORMED_FROM_TICKS]
    limit = math.floor(worth - least) if side == w.ASK else math.ceil(worth + least)
    before = world[w.VENUES][v, w.FLOW_LOTS]
    take(world, v, 1 if side == w.ASK else -1, int(limit), lots, -1)
    world[w.VENUES][v, w.FLOW_LOTS] = before


@kernel("")
def _repair(world: World, law: Law, state: State, v: int, side: int, number: int, k: int) -> None:
    """A far level goes back to its usual size, as that noise has it now."""
    venue_law, seed = law[0], world[w.HEAD][w.SEED]
    far = int(venue_law[v, N_DEEP]) - NEAR
    level = NEAR + int(uniform(seed, number, k, 1) * far)
    price = _level_price(state[2][v], side, level)
    wanted = _usual_lots(venue_law, v, level, math.exp(0.5 * normal(seed, number, k, 2) - 0.125))
    there = crowd_at(world, v, side, w.SHOWN, price)
    if wanted > there:
        offer_crowd(world, v, side, w.SHOWN, price, wanted - there)
    else:
        cancel_crowd(world, v, side, w.SHOWN, price, there - wanted, uniform(seed, number, k, 4))


@kernel("")
def _act(world: World, clocks: Clocks, law: Law, state: State, v: int, agent: int) -> None:
    """One event of one agent, then what it changes."""
    head, venue_law = world[w.HEAD], law[0]
    seed, number = head[w.SEED], v * QUEUE_AGENTS + agent
    k = fire(clocks, seed, v, agent, head[w.NOW_NS])
    side = agent % 2
    if agent < A_CANCEL:
        _limit(world, law, state, v, agent // NEAR, agent % NEAR, number, k)
    elif agent < A_TAKER:
        side, level = (agent - A_CANCEL) // NEAR, (agent - A_CANCEL) % NEAR
        lots = 1 + int(exponential(seed, number, k, 1) * (venue_law[v, MEAN_LOTS] - 0.5))
        price = _level_price(state[2][v], side, level)
        cancel_crowd(world, v, side, w.SHOWN, price, lots, uniform(seed, number, k, 2))
    elif agent < A_INFORMED:
        lots = 1 + int(exponential(seed, number, k, 1) * (venue_law[v, MEAN_LOTS] - 0.5))
        take(world, v, 1 if side == w.ASK else -1, w.NO_ASK if side == w.ASK else w.NO_BID, lots, -1)
    elif agent < A_PULL:
        _informed(world, law, state, v, side, number, k)
    elif agent < A_DEEP:
        _shift(world, law, state, v, -1 if side == w.BID else 1, exponential(seed, number, k, 1))
    else:
        _repair(world, law, state, v, side, number, k)
    _settle(world, law, state, v)


@kernel("")
def _step_value(world: World, law: Law, state: State) -> None:
    """The value walks on; a jump is news; a part of what takers moved fades."""
    value_law, seed = law[2], world[w.HEAD][w.SEED]
    past, numbers, _base, _was, _emptied = state
    k = numbers[N_STEPS]
    value = past[k & (PAST - 1)] + value_law[STEP_SD_TICKS] * normal(seed, A_VALUE, k, 0)
    if uniform(seed, A_VALUE, k, 2) < value_law[JUMP_FRAC]:
        value += value_law[JUMP_SD_TICKS] * normal(seed, A_VALUE, k, 3)
    faded = value_law[FADE_FRAC] * past[PAST]
    past[PAST] -= faded
    numbers[N_STEPS] = k + 1
    past[(k + 1) & (PAST - 1)] = value - faded
    numbers[NEXT_NS] += int(value_law[STEP_NS])


@kernel(f"int64({w.SIGNATURE}, {CLOCKS_SIGNATURE}, {LAW_SIGNATURE}, {STATE_SIGNATURE})", CALL)
def open_queue(world_inplace: World, clocks_inplace: Clocks, law: Law, state_inplace: State) -> int:
    """Lays every lit venue's first queues about the base and starts the clocks. Returns the number of venues.

    state_inplace: past[0] the first value, base as it shall begin, the rest zero.
    """
    seed = world_inplace[w.HEAD][w.SEED]
    base = state_inplace[2]
    for v in range(base.size):
        is_lit = world_inplace[w.VENUES][v, w.KIND] == w.LIT
        for side in range(2 if is_lit else 0):
            for level in range(int(law[0][v, N_DEEP])):
                noise = exponential(seed, A_FIRST + 2 * v + side, level, 0)
                lots = _usual_lots(law[0], v, level, noise)
                put_crowd(world_inplace, v, side, w.SHOWN, _level_price(base[v], side, level), lots)
        for agent in range(QUEUE_AGENTS):
            start_clock(clocks_inplace, seed, v, agent, 0)
        _refresh(world_inplace, clocks_inplace, law, state_inplace, v)
    state_inplace[1][NEXT_NS] = int(law[2][STEP_NS])
    return int(base.size)


@kernel(f"int64({w.SIGNATURE}, {CLOCKS_SIGNATURE}, {LAW_SIGNATURE}, {STATE_SIGNATURE})", CALL)
def run_queue(world_inplace: World, clocks_inplace: Clocks, law: Law, state_inplace: State) -> int:
    """Lets events happen up to the head's STOP_NS. Returns 0 there, 1 where reports or prints must be read first."""
    head, forces, first = world_inplace[w.HEAD], world_inplace[w.FORCES], clocks_inplace[FIRST]
    past, numbers, base, _was, _emptied = state_inplace
    while has_room(world_inplace):
        g = first_group(clocks_inplace)
        due = min(head[w.DUE_NS], numbers[NEXT_NS])
        if min(first[g, 0], due) > head[w.STOP_NS]:
            head[w.NOW_NS] = head[w.STOP_NS]
            return 0
        if due <= first[g, 0] and head[w.DUE_NS] <= numbers[NEXT_NS]:
            v = deliver(world_inplace)
            if forces[w.PUSH_FRAC] != 0.0:
                past[numbers[N_STEPS] & (PAST - 1)] *= 1.0 + forces[w.PUSH_FRAC]
                forces[w.PUSH_FRAC] = 0.0
            kind = world_inplace[w.EVENT][w.Q_KIND]
            if kind != w.EV_PUBLISH and world_inplace[w.VENUES][v, w.KIND] == w.LIT:
                _settle(world_inplace, law, state_inplace, v)
                _refresh(world_inplace, clocks_inplace, law, state_inplace, v)
        elif due <= first[g, 0]:
            head[w.NOW_NS] = numbers[NEXT_NS]
            _step_value(world_inplace, law, state_inplace)
            for v in range(base.size):
                _refresh(world_inplace, clocks_inplace, law, state_inplace, v)
        else:
            head[w.NOW_NS] = first[g, 0]
            _act(world_inplace, clocks_inplace, law, state_inplace, g, first[g, 1])
            _refresh(world_inplace, clocks_inplace, law, state_inplace, g)
    return 1
