"""Venues without a book: dark crosses at the lit mid with a least execution, dealers who quote and look again.

Source: docs/simulated-markets.md#dark-venues and #dealers.
"""

from __future__ import annotations

import math
from typing import Any

from app.kernels import sim_words as w
from app.kernels.jit import kernel
from app.kernels.sim_book import add_live, best_price, fill_resting, has_price
from app.kernels.sim_noise import exponential, uniform
from app.kernels.sim_tape import emit, print_trade, push_event, push_value

World = Any


@kernel("")
def lit_mid_half_ticks(world: World) -> int:
    """Mean mid of the lit venues that are open and have both sides, in half ticks; 0 where there is none."""
    venues = world[w.VENUES]
    total = 0
    n = 0
    for v in range(venues.shape[0]):
        if venues[v, w.KIND] == w.LIT and venues[v, w.HALTED_UNTIL_NS] == 0:
            bid, ask = best_price(world, v, w.BID), best_price(world, v, w.ASK)
            if has_price(w.BID, bid) and has_price(w.ASK, ask):
                total += bid + ask
                n += 1
    return total // n if n > 0 else 0


@kernel("")
def _may_cross(side: int, limit: int, mid_half: int) -> bool:
    return mid_half > 0 and (mid_half <= 2 * limit if side == w.BID else mid_half >= 2 * limit)


@kernel("")
def _stock(world: World, v: int, side: int) -> int:
    """Hidden lots of the crowd that rest in a dark venue now."""
    venues = world[w.VENUES]
    if venues[v, w.STOCK_END_NS + side] < world[w.HEAD][w.NOW_NS]:
        venues[v, w.STOCK + side] = 0
    return int(venues[v, w.STOCK + side])


@kernel("")
def _is_enough(world: World, v: int, qty: int, least: int, left: int) -> bool:
    """A cross must be of the least execution of venue and order, or of all that is left of the order."""
    return qty > 0 and qty >= world[w.VENUES][v, w.MIN_LOTS] and qty >= min(least, left)


@kernel("")
def arrive_dark(world: World, row: int) -> None:
    """Our order meets what rests hidden on the other side; the remainder rests unless it is immediate."""
    own, head, venues = world[w.OWN], world[w.HEAD], world[w.VENUES]
    v, side = own[row, w.VENUE], own[row, w.SIDE]
    emit(world, w.ACCEPTED, row, 0, 0, 0, -1, w.NO_CODE)
    mid = lit_mid_half_ticks(world)
    if _may_cross(side, own[row, w.PRICE_TICKS], mid):
        qty = min(own[row, w.LEFT_LOTS], _stock(world, v, 1 - side))
        is_whole = own[row, w.FORCE] != w.FOK or qty == own[row, w.LEFT_LOTS]
        if is_whole and _is_enough(world, v, qty, own[row, w.LEAST_LOTS], own[row, w.LEFT_LOTS]):
            venues[v, w.STOCK + 1 - side] -= qty
            own[row, w.LEFT_LOTS] -= qty
            emit(world, w.FILLED, row, mid, qty, 0, head[w.N_PRINTS], w.NO_CODE)
            print_trade(world, v, 0, mid, qty, 0, own[row, w.NUMBER] + 1)
            push_value(world, v, -1 if side == w.BID else 1)
    if own[row, w.LEFT_LOTS] == 0:
        own[row, w.STATE] = w.DONE
    elif own[row, w.FORCE] in (w.IOC, w.FOK):
        own[row, w.STATE] = w.DONE
        emit(world, w.CANCELED, row, 0, 0, 0, -1, w.C_REMAINDER)
    else:
        own[row, w.SHOW_LOTS] = 0
        own[row, w.VISIBLE_LOTS] = 0
        own[row, w.AHEAD_LOTS] = 0
        head[w.SEQ] += 1
        own[row, w.PRIORITY] = head[w.SEQ]
        add_live(world, row)


@kernel("")
def _cross_ours(world: World, v: int, side: int, lots: int, mid: int) -> int:
    """The crowd's hidden lots of `side` meet our resting orders, first come first; returns what is left."""
    own, live, head = world[w.OWN], world[w.LIVE], world[w.HEAD]
    i = 1
    while i <= live[v, 0] and lots > 0:
        row = live[v, i]
        qty = min(lots, own[row, w.LEFT_LOTS])
        is_match = own[row, w.SIDE] == 1 - side and _may_cross(own[row, w.SIDE], own[row, w.PRICE_TICKS], mid)
        if is_match and _is_enough(world, v, qty, own[row, w.LEAST_LOTS], own[row, w.LEFT_LOTS]):
            is_done = qty == own[row, w.LEFT_LOTS]
            fill_resting(world, row, mid, qty, head[w.N_PRINTS])
            print_trade(world, v, 0, mid, qty, qty, 0)
            lots -= qty
            if is_done:
                continue  # the list has moved up
        i += 1
    return lots


@kernel("")
def dark_crowd(world: World, venue_i: int) -> None:
    """Hidden counter-liquidity comes: it meets us, then the crowd's other side, and rests for a while."""
    head, venues, laws = world[w.HEAD], world[w.VENUES], world[w.LAWS]
    seed, agent, k = head[w.SEED], w.A_DARK + venue_i, venues[venue_i, w.N_DARK]
    venues[venue_i, w.N_DARK] += 1
    wait = exponential(seed, agent, k, 0) / laws[venue_i, w.DARK_PER_S]
    push_event(world, head[w.NOW_NS] + int(wait * 1e9) + 1, w.EV_DARK, venue_i, 0, 0)
    if venues[venue_i, w.HALTED_UNTIL_NS] != 0:
        return
    side = w.BID if uniform(seed, agent, k, 1) < 0.5 else w.ASK
    lots = 1 + int(exponential(seed, agent, k, 2) * laws[venue_i, w.DARK_MEAN_LOTS])
    end = head[w.NOW_NS] + int(exponential(seed, agent, k, 3) * laws[venue_i, w.DARK_LIFE_S] * 1e9)
    mid = lit_mid_half_ticks(world)
    if mid > 0:
        lots = _cross_ours(world, venue_i, side, lots, mid)
        qty = min(lots, _stock(world, venue_i, 1 - side))
        if _is_enough(world, venue_i, qty, 0, 0):
            venues[venue_i, w.STOCK + 1 - side] -= qty
            print_trade(world, venue_i, 0, mid, qty, 0, 0)
            lots -= qty
    venues[venue_i, w.STOCK + side] = _stock(world, venue_i, side) + lots
    venues[venue_i, w.STOCK_END_NS + side] = max(venues[venue_i, w.STOCK_END_NS + side], end)


@kernel("")
def quote(world: World, row: int) -> None:
    """A dealer answers a request on the side that was asked for: mid, half spread, more for size; rounded his way."""
    own, venues, laws, head = world[w.OWN], world[w.VENUES], world[w.LAWS], world[w.HEAD]
    v = own[row, w.VENUE]
    mid = lit_mid_half_ticks(world)
    code = w.C_HALTED if venues[v, w.HALTED_UNTIL_NS] != 0 else (w.C_NO_PRICE if mid == 0 else w.NO_CODE)
    if own[row, w.QTY_LOTS] < venues[v, w.MIN_LOTS] or venues[v, w.KIND] != w.RFQ:
        code = w.C_BAD
    if code != w.NO_CODE:
        own[row, w.STATE] = w.DONE
        emit(world, w.REJECTED, row, 0, 0, 0, -1, code)
        return
    size = own[row, w.QTY_LOTS] / max(1.0, laws[v, w.DARK_MEAN_LOTS])
    away = mid * (laws[v, w.DEALER_HALF_PPM] + laws[v, w.DEALER_SLOPE_PPM] * size) * 1e-6
    price = mid + math.ceil(away) if own[row, w.SIDE] == w.BID else mid - math.ceil(away)
    own[row, w.QUOTE_HALF_TICKS] = int(price)
    own[row, w.QUOTE_MID_HALF_TICKS] = mid
    own[row, w.QUOTE_END_NS] = head[w.NOW_NS] + venues[v, w.QUOTE_NS]
    own[row, w.STATE] = w.QUOTED
    emit(world, w.QUOTE, row, int(price), own[row, w.QTY_LOTS], 0, -1, w.NO_CODE)


@kernel("")
def look_again(world: World, row: int, order_number: int) -> None:
    """Our acceptance reaches the dealer: too late, or he holds it for a while."""
    own, head, venues = world[w.OWN], world[w.HEAD], world[w.VENUES]
    v = own[row, w.VENUE]
    if own[row, w.NUMBER] != order_number or own[row, w.STATE] != w.QUOTED:
        return
    if head[w.NOW_NS] > own[row, w.QUOTE_END_NS]:
        own[row, w.STATE] = w.DONE
        emit(world, w.REJECTED, row, 0, 0, 0, -1, w.C_EXPIRED)
        return
    own[row, w.STATE] = w.LOOKED_AT
    push_event(world, head[w.NOW_NS] + venues[v, w.HOLD_NS], w.EV_LOOK, v, row, order_number)


@kernel("")
def settle(world: World, row: int) -> None:
    """The hold ends: refused where the mid moved against the dealer beyond his tolerance or on a whim, else a trade."""
    own, head, venues, laws = world[w.OWN], world[w.HEAD], world[w.VENUES], world[w.LAWS]
    v, sign = own[row, w.VENUE], 1 if own[row, w.SIDE] == w.BID else -1
    k = venues[v, w.N_LOOKS]
    venues[v, w.N_LOOKS] += 1
    own[row, w.STATE] = w.DONE
    then = own[row, w.QUOTE_MID_HALF_TICKS]
    mid = lit_mid_half_ticks(world)
    moved_ppm = sign * (mid - then) / then * 1e6
    leak = int(sign * laws[v, w.LEAK_PPM] * 1000.0)
    if leak != 0:
        push_event(world, head[w.NOW_NS] + venues[v, w.TOXIC_DELAY_NS], w.EV_PUSH, v, leak, 0)
    if venues[v, w.HALTED_UNTIL_NS] != 0:
        emit(world, w.DECLINED, row, 0, 0, 0, -1, w.C_HALTED)
    elif mid == 0:
        emit(world, w.DECLINED, row, 0, 0, 0, -1, w.C_NO_PRICE)
    elif moved_ppm > laws[v, w.DEALER_TOLERANCE_PPM]:
        emit(world, w.DECLINED, row, 0, 0, 0, -1, w.C_MOVED)
    elif uniform(head[w.SEED], w.A_DEALER + v, k, 0) < laws[v, w.DEALER_REFUSAL_FRAC]:
        emit(world, w.DECLINED, row, 0, 0, 0, -1, w.C_WHIM)
    else:
        lots = own[row, w.LEFT_LOTS]
        own[row, w.LEFT_LOTS] = 0
        emit(world, w.FILLED, row, own[row, w.QUOTE_HALF_TICKS], lots, 0, head[w.N_PRINTS], w.NO_CODE)
        print_trade(world, v, 0, own[row, w.QUOTE_HALF_TICKS], lots, 0, own[row, w.NUMBER] + 1)
