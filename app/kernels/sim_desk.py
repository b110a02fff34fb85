"""What happens at a simulated venue when something is due: our messages arrive, dealers answer, books are published.

`deliver` is the frame's half of every family's event loop. Dark crosses and dealers: app/kernels/sim_unlit.py.
Source: docs/simulated-markets.md#time.
"""

from __future__ import annotations

from typing import Any

from app.kernels import sim_words as w
from app.kernels.jit import CALL, kernel
from app.kernels.sim_book import (
    add_live,
    best_price,
    cancel_crowd,
    crowd_at,
    drop_live,
    has_price,
    is_better,
    lots_within,
    own_shown,
    take,
    top_price,
)
from app.kernels.sim_noise import exponential
from app.kernels.sim_tape import emit, jitter_ns, pop_event, push_event
from app.kernels.sim_unlit import arrive_dark, dark_crowd, look_again, quote, settle

World = Any


@kernel("")
def _reject(world: World, row: int, code: int) -> None:
    world[w.OWN][row, w.STATE] = w.DONE
    emit(world, w.REJECTED, row, 0, 0, 0, -1, code)


@kernel("")
def _fade(world: World, v: int, side: int, limit: int) -> None:
    """Makers who see our order come: a part of what they show within its limit leaves, from the end of the queue."""
    frac = world[w.LAWS][v, w.FADE_FRAC]
    if frac <= 0.0:
        return
    price = world[w.VENUES][v, w.BEST + side]
    step = -1 if side == w.BID else 1
    for _ in range(w.WINDOW):
        if price <= 0 or not has_price(side, price) or is_better(side, limit, price):
            break
        shown = crowd_at(world, v, side, w.SHOWN, price)
        cancel_crowd(world, v, side, w.SHOWN, price, int(frac * shown), 1.0)
        price += step


@kernel("")
def _arrive(world: World, row: int) -> None:
    """One of our orders reaches its venue."""
    own, venues, live = world[w.OWN], world[w.VENUES], world[w.LIVE]
    v = own[row, w.VENUE]
    if venues[v, w.HALTED_UNTIL_NS] != 0:
        _reject(world, row, w.C_HALTED)
    elif own[row, w.QTY_LOTS] < venues[v, w.MIN_LOTS] or venues[v, w.KIND] == w.RFQ or own[row, w.PRICE_TICKS] <= 0:
        _reject(world, row, w.C_BAD)
    elif live[v, 0] == w.MOST_LIVE:
        _reject(world, row, w.C_TOO_MANY)
    elif venues[v, w.KIND] == w.DARK:
        arrive_dark(world, row)
    else:
        _arrive_lit(world, row)


@kernel("")
def _arrive_lit(world: World, row: int) -> None:
    own, head = world[w.OWN], world[w.HEAD]
    v, side, limit, force = own[row, w.VENUE], own[row, w.SIDE], own[row, w.PRICE_TICKS], own[row, w.FORCE]
    other = 1 - side
    if force == w.POST_ONLY:
        top = top_price(world, v, other)
        if has_price(other, top) and not is_better(other, limit, top):
            _reject(world, row, w.C_WOULD_TAKE)
            return
    else:
        _fade(world, v, other, limit)
    emit(world, w.ACCEPTED, row, 0, 0, 0, -1, w.NO_CODE)
    if force == w.FOK and lots_within(world, v, other, limit) < own[row, w.LEFT_LOTS]:
        own[row, w.STATE] = w.DONE
        emit(world, w.CANCELED, row, 0, 0, 0, -1, w.C_NOT_WHOLE)
        return
    take(world, v, 1 if side == w.BID else -1, limit, own[row, w.LEFT_LOTS], row)
    left = own[row, w.LEFT_LOTS]
    if left == 0:
        own[row, w.STATE] = w.DONE
    elif force in (w.IOC, w.FOK):
        own[row, w.STATE] = w.DONE
        emit(world, w.CANCELED, row, 0, 0, 0, -1, w.C_REMAINDER)
    else:
        own[row, w.VISIBLE_LOTS] = min(left, own[row, w.SHOW_LOTS])
        layer = w.SHOWN if own[row, w.SHOW_LOTS] > 0 else w.HIDDEN
        own[row, w.AHEAD_LOTS] = crowd_at(world, v, side, layer, limit)
        head[w.SEQ] += 1
        own[row, w.PRIORITY] = head[w.SEQ]
        add_live(world, row)


@kernel("")
def _cancel(world: World, row: int, number: int) -> None:
    """A wish to cancel reaches its venue: it may find that the order is done."""
    own = world[w.OWN]
    if own[row, w.NUMBER] == number and own[row, w.STATE] == w.RESTING:
        emit(world, w.CANCELED, row, 0, 0, 0, -1, w.C_ASKED)
        drop_live(world, row)
    elif own[row, w.NUMBER] == number:
        emit(world, w.CANCEL_REJECTED, row, 0, 0, 0, -1, w.C_ALREADY_DONE)


@kernel("")
def lay_shot(world: World, venue_i: int, out_shots: Any, shot_venue_i: int, shot_i: int) -> None:
    """Writes what a venue shows now, ours included, best first. out_shots: int64[:, :, SHOT_SIZE]."""
    venues = world[w.VENUES]
    out_shots[shot_venue_i, shot_i, w.S_NS] = world[w.HEAD][w.NOW_NS]
    out_shots[shot_venue_i, shot_i, w.S_NUMBER] = venues[venue_i, w.N_SHOTS]
    out_shots[shot_venue_i, shot_i, w.S_IS_HALTED] = 1 if venues[venue_i, w.HALTED_UNTIL_NS] != 0 else 0
    for side in range(2):
        price = best_price(world, venue_i, side)
        step = -1 if side == w.BID else 1
        first = w.S_LEVELS + 2 * w.SHOT_LEVELS * side
        n = 0
        for _ in range(w.WINDOW):
            if n == w.SHOT_LEVELS or price <= 0 or not has_price(side, price):
                break
            lots = crowd_at(world, venue_i, side, w.SHOWN, price) + own_shown(world, venue_i, side, price)
            if lots > 0:
                out_shots[shot_venue_i, shot_i, first + 2 * n] = price
                out_shots[shot_venue_i, shot_i, first + 2 * n + 1] = lots
                n += 1
            price += step
        out_shots[shot_venue_i, shot_i, w.S_N_BIDS + side] = n


@kernel("")
def _publish(world: World, v: int) -> None:
    """Writes the book that the public will see, if it has changed, and books the next time."""
    head, venues, shots = world[w.HEAD], world[w.VENUES], world[w.SHOTS]
    push_event(world, head[w.NOW_NS] + venues[v, w.PUBLISH_NS], w.EV_PUBLISH, v, 0, 0)
    if venues[v, w.IS_CHANGED] == 0:
        return
    venues[v, w.IS_CHANGED] = 0
    at = venues[v, w.N_SHOTS] % w.SHOT_ROWS
    venues[v, w.N_SHOTS] += 1
    lay_shot(world, v, shots, v, at)


@kernel("")
def _halt(world: World, v: int, length_ns: int) -> None:
    head, venues = world[w.HEAD], world[w.VENUES]
    until = head[w.NOW_NS] + length_ns
    if until <= venues[v, w.HALTED_UNTIL_NS]:
        return
    venues[v, w.HALTED_UNTIL_NS] = until
    venues[v, w.IS_CHANGED] = 1
    push_event(world, until, w.EV_RESUME, v, 0, 0)


@kernel("")
def book_halt(world: World, venue_i: int) -> None:
    """Books the venue's next halt of its own accord, if its law has any."""
    head, venues, laws = world[w.HEAD], world[w.VENUES], world[w.LAWS]
    if laws[venue_i, w.HALTS_PER_S] <= 0.0:
        return
    k = venues[venue_i, w.N_HALTS]
    venues[venue_i, w.N_HALTS] += 1
    wait = exponential(head[w.SEED], w.A_HALT + venue_i, k, 0) / laws[venue_i, w.HALTS_PER_S]
    length = exponential(head[w.SEED], w.A_HALT + venue_i, k, 1) * laws[venue_i, w.HALT_S]
    push_event(world, head[w.NOW_NS] + int(wait * 1e9), w.EV_AMBIENT_HALT, venue_i, int(length * 1e9) + 1, 0)


@kernel("")
def deliver(world: World) -> int:
    """Lets the event that is due first happen, at its time; returns the venue, whose book may have changed.

    What happened is in the world's EVENT; what pushes the value is added to the world's forces.
    """
    pop_event(world)
    head, venues, forces, event = world[w.HEAD], world[w.VENUES], world[w.FORCES], world[w.EVENT]
    head[w.NOW_NS] = event[w.Q_NS]
    kind, v, a, b = event[w.Q_KIND], event[w.Q_VENUE], event[w.Q_A], event[w.Q_B]
    if kind == w.EV_PUBLISH:
        _publish(world, v)
    elif kind == w.EV_ORDER:
        _arrive(world, a)
    elif kind == w.EV_CANCEL:
        _cancel(world, a, b)
    elif kind == w.EV_DARK:
        dark_crowd(world, v)
    elif kind == w.EV_PUSH:
        forces[w.PUSH_FRAC] += a * 1e-9
    elif kind == w.EV_REQUEST:
        quote(world, a)
    elif kind == w.EV_ACCEPT:
        look_again(world, a, b)
    elif kind == w.EV_LOOK:
        settle(world, a)
    elif kind == w.EV_HALT:
        _halt(world, v, a)
    elif kind == w.EV_AMBIENT_HALT:
        _halt(world, v, a)
        book_halt(world, v)
    elif venues[v, w.HALTED_UNTIL_NS] <= head[w.NOW_NS]:  # EV_RESUME of the last halt
        venues[v, w.HALTED_UNTIL_NS] = 0
        venues[v, w.IS_CHANGED] = 1
    return int(v)


@kernel(f"int64({w.SIGNATURE})", CALL)
def open_world(out_world: World) -> int:
    """Books the first events of every venue: publications, hidden counter-liquidity, halts. Returns the number."""
    head, venues, laws = out_world[w.HEAD], out_world[w.VENUES], out_world[w.LAWS]
    head[w.DUE_NS] = w.NEVER_NS
    for v in range(venues.shape[0]):
        if venues[v, w.KIND] == w.LIT:
            push_event(out_world, venues[v, w.PUBLISH_PHASE_NS], w.EV_PUBLISH, v, 0, 0)
        if venues[v, w.KIND] == w.DARK and laws[v, w.DARK_PER_S] > 0.0:
            push_event(out_world, 0, w.EV_DARK, v, 0, 0)
        book_halt(out_world, v)
    return int(head[w.N_QUEUED])


@kernel(f"int64({w.SIGNATURE}, int64, int64, int64)", CALL)
def send_message(world_inplace: World, kind_number: int, venue_i: int, row: int) -> int:
    """Puts a message of ours on its way (EV_ORDER, EV_CANCEL, EV_REQUEST, EV_ACCEPT); returns when it arrives.

    It never overtakes an earlier one to the same venue.
    """
    head, venues, own = world_inplace[w.HEAD], world_inplace[w.VENUES], world_inplace[w.OWN]
    at = head[w.NOW_NS] + venues[venue_i, w.LATENCY_IN_NS]
    at += jitter_ns(world_inplace, venue_i, w.A_LATENCY_IN, head[w.N_MESSAGES])
    head[w.N_MESSAGES] += 1
    at = max(at, venues[venue_i, w.LAST_IN_NS])
    venues[venue_i, w.LAST_IN_NS] = at
    push_event(world_inplace, at, kind_number, venue_i, row, own[row, w.NUMBER])
    return int(at)


@kernel(f"int64({w.SIGNATURE}, int64, int64, int64)", CALL)
def order_halt(world_inplace: World, venue_i: int, at_ns: int, length_ns: int) -> int:
    """Books a halt of a venue. Returns the number of events that are due."""
    push_event(world_inplace, at_ns, w.EV_HALT, venue_i, length_ns, 0)
    return int(world_inplace[w.HEAD][w.N_QUEUED])


@kernel(f"int64({w.SIGNATURE}, int64, int64[:,:,::1])", CALL)
def peek(world: World, venue_i: int, out_shot: Any) -> int:
    """What a venue shows at this instant. out_shot: int64[1, 1, SHOT_SIZE]. Returns the number of levels."""
    lay_shot(world, venue_i, out_shot, 0, 0)
    return int(out_shot[0, 0, w.S_N_BIDS] + out_shot[0, 0, w.S_N_ASKS])


@kernel(f"int64({w.SIGNATURE}, int64, int64, int64, int64)", CALL)
def crowd_lots(world: World, venue_i: int, side: int, layer_i: int, price_ticks: int) -> int:
    """The crowd's lots of a layer at a price: for scores and tests; no participant sees more than what is published."""
    return crowd_at(world, venue_i, side, layer_i, price_ticks)
