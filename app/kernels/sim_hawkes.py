"""The Hawkes family: orders beget orders over all venues, some takers know where the price will go, makers learn.

Takers, limit orders and cancels of every venue excite one another (Hawkes 1971; Bacry, Mastromatteo, Muzy 2015). The
process is built from its clusters: a founder comes by a constant rate, each event has a Poisson number of children at
exponential delays, drawn from the parent's own address. A part of the takers is informed of a hidden value and trades
only towards it (Glosten, Milgrom 1985); makers move their belief with every taker, whoever he is, and slowly by news.
Source: docs/simulated-markets.md#hawkes.
"""

# ruff: noqa: PLR0917 - a kernel takes flat arrays by position: Numba has no cheaper way to group them

from __future__ import annotations

import math
from typing import Any, Final

from app.kernels import sim_words as w
from app.kernels.jit import CALL, kernel
from app.kernels.sim_book import (
    best_price,
    cancel_crowd,
    clear_crowd,
    crowd_at,
    has_price,
    offer_crowd,
    put_crowd,
    take,
)
from app.kernels.sim_clocks import CLOCKS_SIGNATURE, FIRST, find_first, fire, first_group, set_rate, start_clock
from app.kernels.sim_desk import deliver
from app.kernels.sim_heap import D_ID, D_KIND, D_VENUE, HEAP_SIGNATURE, heir, next_due_ns, pop_due, push_due
from app.kernels.sim_noise import exponential, normal, uniform
from app.kernels.sim_tape import has_room

World = Any
Clocks = Any
Law = Any
State = Any

# streams: kind x 2 + (1 where it presses upwards: a taker who buys, a bid, an offer taken back)
TAKER, LIMIT, CANCEL = 0, 1, 2
HAWKES_AGENTS: Final = 6

# law: (venue law float64[n_venues, HAWKES_LAW_SIZE], children float64[parent kind 3, same or other pressure 2, 3], all)
PER_S: Final = 0  # 0, 1, 2: founders of each kind, a pressure
TAKE_LOTS: Final = 3  # mean
TAKE_LOG_SD: Final = 4
LIMIT_LOTS: Final = 5  # mean
CANCEL_FRAC: Final = 6  # of a level
N_LEVELS: Final = 7
LEVEL_POWER: Final = 8  # above 1: nearer levels more often
LAG_STEPS: Final = 9
LEARN_TICKS: Final = 10  # a mean taker moves the belief
LEARN_POWER: Final = 11  # of size
INFORMED_FRAC: Final = 12
INFORMED_FROM_TICKS: Final = 13
HALF_TICKS: Final = 14  # makers keep so far from their belief
PULL_FRAC: Final = 15  # chance a step that a stale level leaves
HIDDEN_FRAC: Final = 16
USUAL_LOTS: Final = 17  # of a level at the beginning
HAWKES_LAW_SIZE: Final = 18
# all
STEP_NS: Final = 0
STEP_SD_TICKS: Final = 1
JUMP_FRAC: Final = 2  # chance a step
JUMP_SD_TICKS: Final = 3
NEWS_FRAC: Final = 4  # a step: of the gap between value and belief that everybody learns
FAST_S: Final = 5  # mean delays of children
SLOW_S: Final = 6
SLOW_FRAC: Final = 7
CROSS_FRAC: Final = 8  # of children are born at another venue
ALL_SIZE: Final = 9
# Agents without clocks.
A_BORN: Final = 1 << 30
A_VALUE: Final = 2 << 30
A_PULL: Final = 3 << 30
A_FIRST: Final = 4 << 30
A_OURS: Final = 5 << 30

# state: (belief float64[PAST], numbers int64[4], value float64[1])
PAST: Final = 1 << 12
N_STEPS: Final = 0
NEXT_NS: Final = 1
N_OURS: Final = 2
HAWKES_LAW_SIGNATURE: Final = "Tuple((float64[:,::1], float64[:,:,::1], float64[::1]))"
HAWKES_STATE_SIGNATURE: Final = "Tuple((float64[::1], int64[::1], float64[::1]))"
_ARGUMENTS: Final = f"{w.SIGNATURE}, {CLOCKS_SIGNATURE}, {HEAP_SIGNATURE}, {HAWKES_LAW_SIGNATURE}"


@kernel("")
def _belief(law: Law, state: State, v: int) -> float:
    """What the makers of a venue believe: the common belief, as late as they are."""
    step = max(0, state[1][N_STEPS] - int(law[0][v, LAG_STEPS]))
    return float(state[0][step & (PAST - 1)])


@kernel("")
def _edge(law: Law, state: State, v: int, side: int) -> int:
    """The best price at which makers would quote now."""
    half: float = law[0][v, HALF_TICKS]
    belief = _belief(law, state, v)
    return math.floor(belief - half) if side == w.BID else math.ceil(belief + half)


@kernel("")
def _weight(law: Law, v: int, flow_lots: int) -> float:
    """How much a taker counts, a mean one once."""
    return float((abs(flow_lots) / law[0][v, TAKE_LOTS]) ** law[0][v, LEARN_POWER])


@kernel("")
def _fertility(law: Law, v: int, flow_lots: int) -> float:
    """A taker's children, beside those of the mean over takers: by the power of size that makers learn by."""
    power, sd = law[0][v, LEARN_POWER], law[0][v, TAKE_LOG_SD]
    return _weight(law, v, flow_lots) * math.exp(0.5 * sd * sd * power * (1.0 - power))


@kernel("")
def _learn(world: World, law: Law, state: State, v: int) -> None:
    """The belief moves with a taker's signed lots, by a power of size."""
    flow = world[w.VENUES][v, w.FLOW_LOTS]
    if flow != 0:
        moved = law[0][v, LEARN_TICKS] * _weight(law, v, flow)
        state[0][state[1][N_STEPS] & (PAST - 1)] += moved if flow > 0 else -moved
    world[w.VENUES][v, w.FLOW_LOTS] = 0
    world[w.VENUES][v, w.TAKES] = 0


@kernel("")
def _poisson(mean: float, noise: float) -> int:
    """The number whose Poisson distribution function first exceeds `noise`."""
    n = 0
    part = math.exp(-mean)
    total = part
    while noise > total and n < 64:
        n += 1
        part *= mean / n
        total += part
    return n


@kernel("")
def _beget(world: World, heap: Any, law: Law, v: int, stream: int, agent: int, k: int, scale: float) -> None:
    """Children of an event, `scale` times the usual number, each at its own time and perhaps at another venue."""
    children, overall = law[1], law[2]
    head, n_venues = world[w.HEAD], world[w.VENUES].shape[0]
    seed, now = head[w.SEED], head[w.NOW_NS]
    kind, is_up = stream // 2, stream % 2
    child_i = 0
    for is_other in range(2):
        for born in range(3):
            mean = scale * children[kind, is_other, born]
            n = _poisson(mean, uniform(seed, agent, k, 20 + 3 * is_other + born)) if mean > 0.0 else 0
            for _ in range(n):
                own = heir(seed, agent, k, child_i)
                child_i += 1
                is_slow = uniform(seed, A_BORN, own, 1) < overall[SLOW_FRAC]
                delay_s = exponential(seed, A_BORN, own, 0) * (overall[SLOW_S] if is_slow else overall[FAST_S])
                where = v
                if uniform(seed, A_BORN, own, 2) < overall[CROSS_FRAC]:
                    where = int(uniform(seed, A_BORN, own, 3) * n_venues)
                    if world[w.VENUES][where, w.KIND] != w.LIT:
                        where = v
                at = now + 1 + int(delay_s * 1e9)
                if not push_due(heap, at, own, where, 2 * born + (is_up ^ is_other), 0, 0):
                    head[w.IS_FULL] = 1


@kernel("")
def _take(world: World, law: Law, state: State, v: int, is_up: int, agent: int, k: int) -> bool:
    """A taker; an informed one turns towards the value, and stays away where it does not pay. Children only follow."""
    venue_law, seed = law[0], world[w.HEAD][w.SEED]
    sd = venue_law[v, TAKE_LOG_SD]
    lots = 1 + int(venue_law[v, TAKE_LOTS] * math.exp(sd * normal(seed, agent, k, 5) - 0.5 * sd * sd))
    sign = 1 if is_up else -1
    limit = w.NO_ASK if sign > 0 else w.NO_BID
    if agent != A_BORN and uniform(seed, agent, k, 7) < venue_law[v, INFORMED_FRAC]:
        value, least = state[2][0], venue_law[v, INFORMED_FROM_TICKS]
        sign = 1 if value > _belief(law, state, v) else -1
        best = best_price(world, v, w.ASK if sign > 0 else w.BID)
        if not has_price(w.ASK if sign > 0 else w.BID, best) or sign * (value - best) < least:
            return False
        limit = math.floor(value) if sign > 0 else math.ceil(value)
    take(world, v, sign, limit, lots, -1)
    return True


@kernel("")
def _act(world: World, heap: Any, law: Law, state: State, v: int, stream: int, agent: int, k: int) -> None:
    """One event of a stream, named (agent, k) in the noise; what did not happen has no children."""
    venues, seed = world[w.VENUES], world[w.HEAD][w.SEED]
    if venues[v, w.KIND] != w.LIT or venues[v, w.HALTED_UNTIL_NS] != 0:
        return
    venue_law = law[0]
    kind, is_up = stream // 2, stream % 2
    scale = 1.0
    if kind == TAKER:
        if not _take(world, law, state, v, is_up, agent, k):
            return
        scale = _fertility(law, v, venues[v, w.FLOW_LOTS])
    else:
        level = int(venue_law[v, N_LEVELS] * uniform(seed, agent, k, 1) ** venue_law[v, LEVEL_POWER])
        side = w.BID if (kind == LIMIT) == (is_up == 1) else w.ASK
        price = _edge(law, state, v, side) + (-level if side == w.BID else level)
        if kind == LIMIT:
            lots = 1 + int(venue_law[v, LIMIT_LOTS] * exponential(seed, agent, k, 2))
            layer = w.HIDDEN if uniform(seed, agent, k, 3) < venue_law[v, HIDDEN_FRAC] else w.SHOWN
            offer_crowd(world, v, side, layer, price, lots)
            venues[v, w.FLOW_LOTS] = 0  # makers who meet a stale quote tell nobody anything new
        else:
            for layer in range(2):
                there = crowd_at(world, v, side, layer, price)
                lots = math.ceil(there * venue_law[v, CANCEL_FRAC])
                cancel_crowd(world, v, side, layer, price, lots, uniform(seed, agent, k, 3 + layer))
    _learn(world, law, state, v)
    _beget(world, heap, law, v, stream, agent, k, scale)


@kernel("")
def _step(world: World, law: Law, state: State) -> None:
    """The value walks on, news reach the belief, and quotes on the wrong side of it leave."""
    overall, seed = law[2], world[w.HEAD][w.SEED]
    belief, numbers, value = state
    venues = world[w.VENUES]
    k = numbers[N_STEPS]
    value[0] += overall[STEP_SD_TICKS] * normal(seed, A_VALUE, k, 0)
    if uniform(seed, A_VALUE, k, 2) < overall[JUMP_FRAC]:
        value[0] += overall[JUMP_SD_TICKS] * normal(seed, A_VALUE, k, 3)
    now = belief[k & (PAST - 1)]
    numbers[N_STEPS] = k + 1
    belief[(k + 1) & (PAST - 1)] = now + overall[NEWS_FRAC] * (value[0] - now)
    numbers[NEXT_NS] += int(overall[STEP_NS])
    for v in range(venues.shape[0]):
        if venues[v, w.KIND] != w.LIT or venues[v, w.HALTED_UNTIL_NS] != 0:
            continue
        for side in range(2):
            edge, step = _edge(law, state, v, side), -1 if side == w.BID else 1
            price = venues[v, w.TOP + side]
            for lane in range(w.WINDOW):
                if not has_price(side, price) or (edge - price) * step <= 0:
                    break
                if uniform(seed, A_PULL + 2 * v + side, k, lane) < law[0][v, PULL_FRAC]:
                    clear_crowd(world, v, side, price)
                price += step


@kernel(f"int64({_ARGUMENTS}, {HAWKES_STATE_SIGNATURE})", CALL)
def open_hawkes(world_inplace: World, clocks_inplace: Clocks, heap: Any, law: Law, state_inplace: State) -> int:
    """Lays the first books and starts the founders' clocks. state: belief[0] and value begin at the first price."""
    seed = world_inplace[w.HEAD][w.SEED]
    for v in range(law[0].shape[0]):
        is_lit = world_inplace[w.VENUES][v, w.KIND] == w.LIT
        for agent in range(HAWKES_AGENTS):
            start_clock(clocks_inplace, seed, v, agent, 0)
            set_rate(clocks_inplace, v, agent, law[0][v, PER_S + agent // 2] if is_lit else 0.0, 0)
        find_first(clocks_inplace, v)
        for side in range(2 if is_lit else 0):
            edge = _edge(law, state_inplace, v, side)
            for level in range(int(law[0][v, N_LEVELS])):
                lots = 1 + int(law[0][v, USUAL_LOTS] * exponential(seed, A_FIRST + 2 * v + side, level, 0))
                put_crowd(world_inplace, v, side, w.SHOWN, edge - level if side == w.BID else edge + level, lots)
    state_inplace[1][NEXT_NS] = int(law[2][STEP_NS])
    return int(law[0].shape[0])


@kernel("")
def _ours(world: World, heap: Any, law: Law, state: State, v: int) -> None:
    """Whatever came of a message of ours: a push moves value and belief; our taker excites and teaches as any other."""
    forces, venues = world[w.FORCES], world[w.VENUES]
    belief, numbers, value = state
    if forces[w.PUSH_FRAC] != 0.0:
        now = numbers[N_STEPS] & (PAST - 1)
        belief[now] *= 1.0 + forces[w.PUSH_FRAC]
        value[0] *= 1.0 + forces[w.PUSH_FRAC]
        forces[w.PUSH_FRAC] = 0.0
    flow = venues[v, w.FLOW_LOTS]
    if flow != 0 and venues[v, w.KIND] == w.LIT:
        stream, scale = 2 * TAKER + (1 if flow > 0 else 0), _fertility(law, v, flow)
        _beget(world, heap, law, v, stream, A_OURS + v, numbers[N_OURS], scale)
        numbers[N_OURS] += 1
        _learn(world, law, state, v)


@kernel(f"int64({_ARGUMENTS}, {HAWKES_STATE_SIGNATURE})", CALL)
def run_hawkes(world_inplace: World, clocks_inplace: Clocks, heap_inplace: Any, law: Law, state_inplace: State) -> int:
    """Lets events happen up to the head's STOP_NS. Returns 0 there, 1 where reports or prints must be read first."""
    head, first, numbers = world_inplace[w.HEAD], clocks_inplace[FIRST], state_inplace[1]
    seed = head[w.SEED]
    while has_room(world_inplace):
        g = first_group(clocks_inplace)
        child_ns = next_due_ns(heap_inplace, w.NEVER_NS)
        crowd_ns = min(first[g, 0], child_ns)
        frame_ns = min(head[w.DUE_NS], numbers[NEXT_NS])
        if min(crowd_ns, frame_ns) > head[w.STOP_NS]:
            head[w.NOW_NS] = head[w.STOP_NS]
            return 0
        if frame_ns <= crowd_ns and head[w.DUE_NS] <= numbers[NEXT_NS]:
            _ours(world_inplace, heap_inplace, law, state_inplace, deliver(world_inplace))
        elif frame_ns <= crowd_ns:
            head[w.NOW_NS] = numbers[NEXT_NS]
            _step(world_inplace, law, state_inplace)
        elif first[g, 0] <= child_ns:
            head[w.NOW_NS] = first[g, 0]
            stream = first[g, 1]
            k = fire(clocks_inplace, seed, g, stream, head[w.NOW_NS])
            find_first(clocks_inplace, g)
            _act(world_inplace, heap_inplace, law, state_inplace, g, stream, g * HAWKES_AGENTS + stream, k)
        else:
            pop_due(heap_inplace)
            row = heap_inplace[1]
            head[w.NOW_NS] = child_ns
            _act(world_inplace, heap_inplace, law, state_inplace, row[D_VENUE], row[D_KIND], A_BORN, row[D_ID])
    return 1
