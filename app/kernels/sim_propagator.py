"""The propagator family: the price is noise plus decaying impacts of signed flow, and hidden intentions feed the book.

Every taker moves the reference price by a power of his size, and the move decays as (1 + t / t0)^-decay (Bouchaud,
Gefen, Potters, Wyart 2004), kept as a sum of exponentials. Takers are pieces of metaorders of power law length (Lillo,
Mike, Farmer 2005) and single ones. Behind the shown book lie latent orders, whose density grows linearly with the
distance from the price and relaxes towards that (Toth et al. 2011); they show themselves, and hide again, near it.
Source: docs/simulated-markets.md#propagator.
"""

# ruff: noqa: PLR0917 - a kernel takes flat arrays by position: Numba has no cheaper way to group them

from __future__ import annotations

import math
from typing import Any, Final

from app.kernels import sim_words as w
from app.kernels.jit import CALL, kernel
from app.kernels.sim_book import cancel_crowd, clear_crowd, crowd_at, has_price, offer_crowd, put_crowd, take
from app.kernels.sim_clocks import CLOCKS_SIGNATURE, FIRST, find_first, fire, first_group, set_rate, start_clock
from app.kernels.sim_desk import deliver
from app.kernels.sim_heap import D_A, D_B, D_ID, D_KIND, D_VENUE, HEAP_SIGNATURE, heir, next_due_ns, pop_due, push_due
from app.kernels.sim_noise import exponential, normal, uniform
from app.kernels.sim_tape import has_room

World = Any
Clocks = Any
Law = Any
State = Any

# agents of a venue: kind x 2 + (1 where it buys, or is a bid)
META, SINGLE, SHOW, HIDE = 0, 1, 2, 3
PROPAGATOR_AGENTS: Final = 8

# law: (venue law float64[n_venues, PROPAGATOR_LAW_SIZE], modes float64[N_MODES, 2]: weight, decay a step, all)
PER_S: Final = 0  # 0 to 3: of each kind, a side
TAKE_LOTS: Final = 4  # mean of a single taker or a piece
TAKE_LOG_SD: Final = 5
IMPACT_TICKS: Final = 6  # of a mean taker, at once
IMPACT_POWER: Final = 7
LAG_STEPS: Final = 8
N_LEVELS: Final = 9  # where orders show themselves
LEVEL_POWER: Final = 10
SLOPE_LOTS: Final = 11  # latent lots a tick, each tick further
SHOW_FRAC: Final = 12  # of what is latent at a price
HIDE_FRAC: Final = 13  # of what is shown
RENEW_PER_S: Final = 14  # latent orders come and go
HALF_TICKS: Final = 15
PULL_FRAC: Final = 16  # chance a step
HIDDEN_FRAC: Final = 17
PROPAGATOR_LAW_SIZE: Final = 18
# all
STEP_NS: Final = 0
STEP_SD_TICKS: Final = 1
PIECES_POWER: Final = 2  # a metaorder has more than n pieces with chance n^-power
MOST_PIECES: Final = 3
PIECE_S: Final = 4  # mean time between pieces
STAY_FRAC: Final = 5  # of pieces that go where the metaorder began
ALL_SIZE: Final = 6
N_MODES: Final = 8
# Agents without clocks.
A_PIECE: Final = 1 << 30
A_NOISE: Final = 2 << 30
A_PULL: Final = 3 << 30

# state: (price float64[PAST], numbers int64[4], modes float64[N_MODES + 1] and the noise last,
#         latent float64[n_venues, 2, WINDOW], stamps int64[n_venues, 2, 2, WINDOW]: since ns, the price it stands for)
PAST: Final = 1 << 12
N_STEPS: Final = 0
NEXT_NS: Final = 1
PROPAGATOR_LAW_SIGNATURE: Final = "Tuple((float64[:,::1], float64[:,::1], float64[::1]))"
PROPAGATOR_STATE_SIGNATURE: Final = (
    "Tuple((float64[::1], int64[::1], float64[::1], float64[:,:,::1], int64[:,:,:,::1]))"
)
_ARGUMENTS: Final = f"{w.SIGNATURE}, {CLOCKS_SIGNATURE}, {HEAP_SIGNATURE}, {PROPAGATOR_LAW_SIGNATURE}"


@kernel("")
def _edge(law: Law, state: State, v: int, side: int) -> int:
    """The best price at which the venue's book would stand, by the reference price as late as it is known there."""
    step = max(0, state[1][N_STEPS] - int(law[0][v, LAG_STEPS]))
    price: float = state[0][step & (PAST - 1)]
    half: float = law[0][v, HALF_TICKS]
    return math.floor(price - half) if side == w.BID else math.ceil(price + half)


@kernel("")
def _move(world: World, law: Law, state: State, v: int) -> None:
    """The reference price moves with a taker's signed lots; every mode of the decay takes its part."""
    price, numbers, modes, _latent, _stamps = state
    flow = world[w.VENUES][v, w.FLOW_LOTS]
    if flow != 0:
        moved = law[0][v, IMPACT_TICKS] * (abs(flow) / law[0][v, TAKE_LOTS]) ** law[0][v, IMPACT_POWER]
        moved = moved if flow > 0 else -moved
        for mode in range(N_MODES):
            modes[mode] += moved * law[1][mode, 0]
        price[numbers[N_STEPS] & (PAST - 1)] += moved
    world[w.VENUES][v, w.FLOW_LOTS] = 0
    world[w.VENUES][v, w.TAKES] = 0


@kernel("")
def _latent_now(world: World, law: Law, state: State, v: int, side: int, price: int) -> float:
    """What is latent at a price now: it went towards the linear density since it was last looked at. Keeps it."""
    latent, stamps = state[3], state[4]
    slot, now = price & w.MASK, world[w.HEAD][w.NOW_NS]
    away = 1.0 + abs(price - _edge(law, state, v, side))
    usual = law[0][v, SLOPE_LOTS] * away
    if stamps[v, side, 1, slot] != price:
        stamps[v, side, 1, slot] = price
        latent[v, side, slot] = usual
    else:
        passed_s = (now - stamps[v, side, 0, slot]) * 1e-9
        left = math.exp(-law[0][v, RENEW_PER_S] * passed_s)
        latent[v, side, slot] = usual + (latent[v, side, slot] - usual) * left
    stamps[v, side, 0, slot] = now
    return float(latent[v, side, slot])


@kernel("")
def _show(world: World, law: Law, state: State, v: int, side: int, number: int, k: int) -> None:
    """A part of what is latent at a price becomes an order."""
    venue_law, seed = law[0], world[w.HEAD][w.SEED]
    level = int(venue_law[v, N_LEVELS] * uniform(seed, number, k, 1) ** venue_law[v, LEVEL_POWER])
    price = _edge(law, state, v, side) + (-level if side == w.BID else level)
    there = _latent_now(world, law, state, v, side, price)
    lots = int(min(there, 1.0 + there * venue_law[v, SHOW_FRAC] * exponential(seed, number, k, 2)))
    if lots > 0:
        state[3][v, side, price & w.MASK] -= lots
        layer = w.HIDDEN if uniform(seed, number, k, 3) < venue_law[v, HIDDEN_FRAC] else w.SHOWN
        offer_crowd(world, v, side, layer, price, lots)
        world[w.VENUES][v, w.FLOW_LOTS] = 0  # what meets a stale quote follows the price and does not move it


@kernel("")
def _hide(world: World, law: Law, state: State, v: int, side: int, number: int, k: int) -> None:
    """A part of what is shown at a price is latent again."""
    venue_law, seed = law[0], world[w.HEAD][w.SEED]
    level = int(venue_law[v, N_LEVELS] * uniform(seed, number, k, 1) ** venue_law[v, LEVEL_POWER])
    price = _edge(law, state, v, side) + (-level if side == w.BID else level)
    gone = 0
    for layer in range(2):
        lots = math.ceil(crowd_at(world, v, side, layer, price) * venue_law[v, HIDE_FRAC])
        gone += cancel_crowd(world, v, side, layer, price, lots, uniform(seed, number, k, 3 + layer))
    if gone > 0:
        _latent_now(world, law, state, v, side, price)
        state[3][v, side, price & w.MASK] += gone


@kernel("")
def _lots(world: World, law: Law, v: int, number: int, k: int) -> int:
    sd = law[0][v, TAKE_LOG_SD]
    noise = math.exp(sd * normal(world[w.HEAD][w.SEED], number, k, 5) - 0.5 * sd * sd)
    return 1 + int(law[0][v, TAKE_LOTS] * noise)


@kernel("")
def _piece(world: World, heap: Any, law: Law, state: State, side: int, number: int, k: int) -> None:
    """A metaorder's next piece goes out, and the one after it is booked. heap[1] holds venue, lots and pieces left."""
    head, overall, row = world[w.HEAD], law[2], heap[1]
    seed, home, lots, left = head[w.SEED], row[D_VENUE], row[D_A], row[D_B]
    v = home
    if uniform(seed, number, k, 1) >= overall[STAY_FRAC]:
        v = int(uniform(seed, number, k, 2) * world[w.VENUES].shape[0])
        if world[w.VENUES][v, w.KIND] != w.LIT:
            v = home
    venues = world[w.VENUES]
    if venues[v, w.KIND] == w.LIT and venues[v, w.HALTED_UNTIL_NS] == 0:
        take(world, v, 1 if side == w.BID else -1, w.NO_ASK if side == w.BID else w.NO_BID, lots, -1)
        _move(world, law, state, v)
    if left > 1:
        at = head[w.NOW_NS] + 1 + int(exponential(seed, number, k, 0) * overall[PIECE_S] * 1e9)
        if not push_due(heap, at, heir(seed, number, k, 0), home, row[D_KIND], lots, left - 1):
            head[w.IS_FULL] = 1


@kernel("")
def _act(world: World, heap: Any, law: Law, state: State, v: int, agent: int, k: int) -> None:
    """One event of one agent of a venue."""
    head, venues, overall = world[w.HEAD], world[w.VENUES], law[2]
    seed, number = head[w.SEED], v * PROPAGATOR_AGENTS + agent
    if venues[v, w.KIND] != w.LIT or venues[v, w.HALTED_UNTIL_NS] != 0:
        return
    kind, side = agent // 2, w.BID if agent % 2 == 1 else w.ASK
    if kind == SHOW:
        _show(world, law, state, v, side, number, k)
    elif kind == HIDE:
        _hide(world, law, state, v, side, number, k)
    elif kind == SINGLE:
        sign = 1 if side == w.BID else -1
        take(world, v, sign, w.NO_ASK if sign > 0 else w.NO_BID, _lots(world, law, v, number, k), -1)
    else:
        n = int(min(overall[MOST_PIECES], uniform(seed, number, k, 1) ** (-1.0 / overall[PIECES_POWER])))
        own = heir(seed, number, k, 0)
        if not push_due(heap, head[w.NOW_NS], own, v, side, _lots(world, law, v, number, k), n):
            head[w.IS_FULL] = 1
    _move(world, law, state, v)


@kernel("")
def _step(world: World, law: Law, state: State) -> None:
    """Noise goes on, impacts decay, and quotes on the wrong side of the reference leave."""
    overall, seed, venues = law[2], world[w.HEAD][w.SEED], world[w.VENUES]
    price, numbers, modes, _latent, _stamps = state
    k = numbers[N_STEPS]
    modes[N_MODES] += overall[STEP_SD_TICKS] * normal(seed, A_NOISE, k, 0)
    now = modes[N_MODES]
    for mode in range(N_MODES):
        modes[mode] *= law[1][mode, 1]
        now += modes[mode]
    numbers[N_STEPS] = k + 1
    price[(k + 1) & (PAST - 1)] = now
    numbers[NEXT_NS] += int(overall[STEP_NS])
    for v in range(venues.shape[0]):
        if venues[v, w.KIND] != w.LIT or venues[v, w.HALTED_UNTIL_NS] != 0:
            continue
        for side in range(2):
            edge, step = _edge(law, state, v, side), -1 if side == w.BID else 1
            at = venues[v, w.TOP + side]
            for lane in range(w.WINDOW):
                if not has_price(side, at) or (edge - at) * step <= 0:
                    break
                if uniform(seed, A_PULL + 2 * v + side, k, lane) < law[0][v, PULL_FRAC]:
                    clear_crowd(world, v, side, at)
                at += step


@kernel(f"int64({_ARGUMENTS}, {PROPAGATOR_STATE_SIGNATURE})", CALL)
def open_propagator(world_inplace: World, clocks_inplace: Clocks, heap: Any, law: Law, state_inplace: State) -> int:
    """Lays the first books and starts the clocks. state: price[0] and the noise (last of the modes) as they begin."""
    seed = world_inplace[w.HEAD][w.SEED]
    for v in range(law[0].shape[0]):
        is_lit = world_inplace[w.VENUES][v, w.KIND] == w.LIT
        for agent in range(PROPAGATOR_AGENTS):
            start_clock(clocks_inplace, seed, v, agent, 0)
            set_rate(clocks_inplace, v, agent, law[0][v, PER_S + agent // 2] if is_lit else 0.0, 0)
        find_first(clocks_inplace, v)
        for side in range(2 if is_lit else 0):
            edge = _edge(law, state_inplace, v, side)
            for level in range(int(law[0][v, N_LEVELS])):
                price = edge - level if side == w.BID else edge + level
                there = _latent_now(world_inplace, law, state_inplace, v, side, price)
                shows = there * law[0][v, SHOW_FRAC] / law[0][v, HIDE_FRAC]
                put_crowd(world_inplace, v, side, w.SHOWN, price, 1 + int(shows))
    state_inplace[1][NEXT_NS] = int(law[2][STEP_NS])
    return int(law[0].shape[0])


@kernel("")
def _ours(world: World, law: Law, state: State, v: int) -> None:
    """Whatever came of a message of ours: a push moves the price for good; our taker's impact is as any other's."""
    forces, venues = world[w.FORCES], world[w.VENUES]
    price, numbers, modes, _latent, _stamps = state
    if forces[w.PUSH_FRAC] != 0.0:
        now = numbers[N_STEPS] & (PAST - 1)
        moved = price[now] * forces[w.PUSH_FRAC]
        price[now] += moved
        modes[N_MODES] += moved
        forces[w.PUSH_FRAC] = 0.0
    if venues[v, w.KIND] == w.LIT:
        _move(world, law, state, v)


@kernel(f"int64({_ARGUMENTS}, {PROPAGATOR_STATE_SIGNATURE})", CALL)
def run_propagator(
    world_inplace: World, clocks_inplace: Clocks, heap_inplace: Any, law: Law, state_inplace: State
) -> int:
    """Lets events happen up to the head's STOP_NS. Returns 0 there, 1 where reports or prints must be read first."""
    head, first, numbers = world_inplace[w.HEAD], clocks_inplace[FIRST], state_inplace[1]
    seed = head[w.SEED]
    while has_room(world_inplace):
        g = first_group(clocks_inplace)
        piece_ns = next_due_ns(heap_inplace, w.NEVER_NS)
        crowd_ns = min(first[g, 0], piece_ns)
        frame_ns = min(head[w.DUE_NS], numbers[NEXT_NS])
        if min(crowd_ns, frame_ns) > head[w.STOP_NS]:
            head[w.NOW_NS] = head[w.STOP_NS]
            return 0
        if frame_ns <= crowd_ns and head[w.DUE_NS] <= numbers[NEXT_NS]:
            _ours(world_inplace, law, state_inplace, deliver(world_inplace))
        elif frame_ns <= crowd_ns:
            head[w.NOW_NS] = numbers[NEXT_NS]
            _step(world_inplace, law, state_inplace)
        elif first[g, 0] <= piece_ns:
            head[w.NOW_NS] = first[g, 0]
            agent = first[g, 1]
            k = fire(clocks_inplace, seed, g, agent, head[w.NOW_NS])
            find_first(clocks_inplace, g)
            _act(world_inplace, heap_inplace, law, state_inplace, g, agent, k)
        else:
            pop_due(heap_inplace)
            row = heap_inplace[1]
            head[w.NOW_NS] = piece_ns
            _piece(world_inplace, heap_inplace, law, state_inplace, row[D_KIND], A_PIECE, row[D_ID])
    return 1
