"""Venue mechanics on a simulated book: the crowd's lots by price, our orders inside its queues, price-time priority.

Parts that a family's event loop is made of. At one price the order is: shown lots by time, icebergs' reserves as they
come up, hidden lots by time. Twin: tests/reference/sim_book.py, order by order. Source: docs/simulated-markets.md#book.
"""

# ruff: noqa: PLR0917 - a kernel takes flat arrays by position: Numba has no cheaper way to group them

from __future__ import annotations

from typing import Any

from app.kernels import sim_words as w
from app.kernels.jit import kernel
from app.kernels.sim_tape import emit, print_trade, push_value

World = Any


@kernel("")
def crowd_at(world: World, venue_i: int, side: int, layer_i: int, price_ticks: int) -> int:
    """The crowd's lots of one layer at a price."""
    book = world[w.BOOK]
    slot = price_ticks & w.MASK
    if book[venue_i, side, w.TAG, slot] != price_ticks:
        return 0
    return int(book[venue_i, side, layer_i, slot])


@kernel("")
def is_better(side: int, price_ticks: int, than_ticks: int) -> bool:
    """Whether a price of this side comes before another."""
    return price_ticks > than_ticks if side == w.BID else price_ticks < than_ticks


@kernel("")
def has_price(side: int, price_ticks: int) -> bool:
    """Whether it is a price and not the absence of one."""
    return price_ticks != w.NO_BID if side == w.BID else price_ticks != w.NO_ASK


@kernel("")
def _rescan(world: World, v: int, side: int, price: int) -> None:
    """Finds BEST and TOP again, from `price` outward: nothing is better than it."""
    venues = world[w.VENUES]
    step = -1 if side == w.BID else 1
    best = top = w.NO_BID if side == w.BID else w.NO_ASK
    for _ in range(w.WINDOW):
        if price <= 0:
            break
        shown = crowd_at(world, v, side, w.SHOWN, price)
        if not has_price(side, top) and (
            shown + crowd_at(world, v, side, w.HIDDEN, price) + crowd_at(world, v, side, w.RESERVE, price) > 0
        ):
            top = price
        if shown > 0:
            best = price
            break
        price += step
    venues[v, w.BEST + side] = best
    venues[v, w.TOP + side] = top


@kernel("")
def put_crowd(world: World, venue_i: int, side: int, layer_i: int, price_ticks: int, qty_lots: int) -> None:
    """Adds lots of the crowd at the end of their queue. The price must not cross: see `offer_crowd`."""
    if qty_lots <= 0 or price_ticks <= 0:
        return
    book, venues = world[w.BOOK], world[w.VENUES]
    slot = price_ticks & w.MASK
    if book[venue_i, side, w.TAG, slot] != price_ticks:
        # A level a whole window away falls out of the world.
        for layer in range(w.TAG):
            book[venue_i, side, layer, slot] = 0
        book[venue_i, side, w.TAG, slot] = price_ticks
    book[venue_i, side, layer_i, slot] += qty_lots
    if is_better(side, price_ticks, venues[venue_i, w.TOP + side]):
        venues[venue_i, w.TOP + side] = price_ticks
    if layer_i == w.SHOWN and is_better(side, price_ticks, venues[venue_i, w.BEST + side]):
        venues[venue_i, w.BEST + side] = price_ticks
    venues[venue_i, w.IS_CHANGED] = 1


@kernel("")
def _lower(world: World, v: int, side: int, layer: int, price: int, lots: int) -> None:
    """Takes lots off a layer that has them, and keeps BEST and TOP true."""
    book, venues = world[w.BOOK], world[w.VENUES]
    slot = price & w.MASK
    book[v, side, layer, slot] -= lots
    venues[v, w.IS_CHANGED] = 1
    if book[v, side, layer, slot] == 0 and (price == venues[v, w.BEST + side] or price == venues[v, w.TOP + side]):
        _rescan(world, v, side, venues[v, w.TOP + side])


@kernel("")
def _stands_in(own: Any, row: int, side: int, layer: int, price: int) -> bool:
    """Whether our order is in the shown (or the hidden) queue of a price."""
    if own[row, w.SIDE] != side or own[row, w.PRICE_TICKS] != price:
        return False
    return bool((own[row, w.SHOW_LOTS] > 0) == (layer == w.SHOWN))


@kernel("")
def cancel_crowd(
    world: World, venue_i: int, side: int, layer_i: int, price_ticks: int, qty_lots: int, place_frac: float
) -> int:
    """The crowd takes lots back, a stretch of its queue from `place_frac` on (0 first, 1 last); returns them.

    Each order of ours moves up by what of the stretch was ahead of it.
    """
    there = crowd_at(world, venue_i, side, layer_i, price_ticks)
    qty = min(qty_lots, there)
    if qty <= 0:
        return 0
    if layer_i != w.RESERVE:
        begin = int(place_frac * (there - qty + 1))
        begin = min(begin, there - qty)
        own, live = world[w.OWN], world[w.LIVE]
        for i in range(1, live[venue_i, 0] + 1):
            row = live[venue_i, i]
            if _stands_in(own, row, side, layer_i, price_ticks):
                ahead = own[row, w.AHEAD_LOTS]
                own[row, w.AHEAD_LOTS] = ahead - max(0, min(ahead, begin + qty) - begin)
    _lower(world, venue_i, side, layer_i, price_ticks, qty)
    return qty


@kernel("")
def clear_crowd(world: World, venue_i: int, side: int, price_ticks: int) -> int:
    """The crowd leaves a price altogether; returns the lots of all layers."""
    gone = 0
    for layer in range(w.TAG):
        gone += cancel_crowd(world, venue_i, side, layer, price_ticks, 1 << 60, 0.0)
    return gone


@kernel("")
def own_shown(world: World, venue_i: int, side: int, price_ticks: int) -> int:
    """What we show at a price."""
    own, live = world[w.OWN], world[w.LIVE]
    total = 0
    for i in range(1, live[venue_i, 0] + 1):
        row = live[venue_i, i]
        if own[row, w.SIDE] == side and own[row, w.PRICE_TICKS] == price_ticks:
            total += own[row, w.VISIBLE_LOTS]
    return total


@kernel("")
def best_price(world: World, venue_i: int, side: int) -> int:
    """Best price that is shown, ours included; NO_BID or NO_ASK."""
    own, live = world[w.OWN], world[w.LIVE]
    best = world[w.VENUES][venue_i, w.BEST + side]
    for i in range(1, live[venue_i, 0] + 1):
        row = live[venue_i, i]
        price = own[row, w.PRICE_TICKS]
        if own[row, w.SIDE] == side and own[row, w.VISIBLE_LOTS] > 0 and is_better(side, price, best):
            best = price
    return int(best)


@kernel("")
def top_price(world: World, venue_i: int, side: int) -> int:
    """Best price at which anything rests, shown or not, ours included; NO_BID or NO_ASK."""
    own, live = world[w.OWN], world[w.LIVE]
    best = world[w.VENUES][venue_i, w.TOP + side]
    for i in range(1, live[venue_i, 0] + 1):
        row = live[venue_i, i]
        if own[row, w.SIDE] == side and is_better(side, own[row, w.PRICE_TICKS], best):
            best = own[row, w.PRICE_TICKS]
    return int(best)


@kernel("")
def lots_within(world: World, venue_i: int, side: int, limit_ticks: int) -> int:
    """The crowd's lots at the limit or better, all layers."""
    price = world[w.VENUES][venue_i, w.TOP + side]
    step = -1 if side == w.BID else 1
    total = 0
    for _ in range(w.WINDOW):
        if price <= 0 or not has_price(side, price) or is_better(side, limit_ticks, price):
            break
        for layer in range(w.TAG):
            total += crowd_at(world, venue_i, side, layer, price)
        price += step
    return total


@kernel("")
def add_live(world: World, row: int) -> None:
    """Puts one of our orders at the end of its venue's list."""
    own, live = world[w.OWN], world[w.LIVE]
    v = own[row, w.VENUE]
    live[v, 0] += 1
    live[v, live[v, 0]] = row
    own[row, w.STATE] = w.RESTING
    world[w.VENUES][v, w.IS_CHANGED] = 1


@kernel("")
def drop_live(world: World, row: int) -> None:
    """Takes one of our orders off its venue's list; the others keep their order."""
    own, live = world[w.OWN], world[w.LIVE]
    v = own[row, w.VENUE]
    n = live[v, 0]
    at = 1
    while at <= n and live[v, at] != row:
        at += 1
    if at > n:
        return
    for i in range(at, n):
        live[v, i] = live[v, i + 1]
    live[v, 0] = n - 1
    own[row, w.VISIBLE_LOTS] = 0
    own[row, w.STATE] = w.DONE
    world[w.VENUES][v, w.IS_CHANGED] = 1


@kernel("")
def _first_own(world: World, v: int, side: int, price: int, layer: int) -> int:
    """Row of our order that comes first in the queue of its kind at a price, or -1."""
    own, live = world[w.OWN], world[w.LIVE]
    first = -1
    ahead = priority = w.NEVER_NS
    for i in range(1, live[v, 0] + 1):
        row = live[v, i]
        if _stands_in(own, row, side, layer, price):
            mine = own[row, w.AHEAD_LOTS]
            if mine < ahead or (mine == ahead and own[row, w.PRIORITY] < priority):
                first, ahead, priority = row, mine, own[row, w.PRIORITY]
    return first


@kernel("")
def _take_front(world: World, v: int, side: int, layer: int, price: int, lots: int) -> None:
    """The crowd's first lots are traded; ours move up."""
    own, live = world[w.OWN], world[w.LIVE]
    for i in range(1, live[v, 0] + 1):
        row = live[v, i]
        if _stands_in(own, row, side, layer, price):
            own[row, w.AHEAD_LOTS] = max(0, own[row, w.AHEAD_LOTS] - lots)
    _lower(world, v, side, layer, price, lots)


@kernel("")
def fill_resting(world: World, row: int, price_half_ticks: int, qty_lots: int, trade_number: int) -> None:
    """Fills one of our resting orders and tells us; an iceberg that shows nothing shows again, last in the queue."""
    own, head = world[w.OWN], world[w.HEAD]
    v = own[row, w.VENUE]
    own[row, w.LEFT_LOTS] -= qty_lots
    left = own[row, w.LEFT_LOTS]
    emit(world, w.FILLED, row, price_half_ticks, qty_lots, 1, trade_number, w.NO_CODE)
    push_value(world, v, -1 if own[row, w.SIDE] == w.BID else 1)
    if left == 0:
        drop_live(world, row)
        return
    if own[row, w.SHOW_LOTS] == 0:
        return
    own[row, w.VISIBLE_LOTS] -= qty_lots
    if own[row, w.VISIBLE_LOTS] <= 0:
        own[row, w.VISIBLE_LOTS] = min(own[row, w.SHOW_LOTS], left)
        own[row, w.AHEAD_LOTS] = crowd_at(world, v, own[row, w.SIDE], w.SHOWN, own[row, w.PRICE_TICKS])
        head[w.SEQ] += 1
        own[row, w.PRIORITY] = head[w.SEQ]


@kernel("")
def _take_kind(world: World, v: int, side: int, price: int, lots: int, layer: int, is_by_us: bool) -> Any:
    """Trades `lots` with the shown (or the hidden) queue at a price; returns (all, ours among them)."""
    own, head = world[w.OWN], world[w.HEAD]
    is_shown = layer == w.SHOWN
    left = lots
    ours = 0
    while left > 0:
        row = _first_own(world, v, side, price, layer)
        there = crowd_at(world, v, side, layer, price)
        ahead = there if row < 0 else min(there, own[row, w.AHEAD_LOTS])
        qty = min(left, ahead)
        if qty > 0:
            _take_front(world, v, side, layer, price, qty)
            left -= qty
        elif row >= 0 and is_by_us:
            emit(world, w.CANCELED, row, 0, 0, 1, -1, w.C_SELF)
            drop_live(world, row)
        elif row >= 0:
            qty = min(left, own[row, w.VISIBLE_LOTS] if is_shown else own[row, w.LEFT_LOTS])
            fill_resting(world, row, 2 * price, qty, head[w.N_PRINTS])
            left -= qty
            ours += qty
        else:
            kept = crowd_at(world, v, side, w.RESERVE, price) if is_shown else 0
            if kept == 0:
                break
            shows = min(kept, max(1, world[w.VENUES][v, w.PEAK_LOTS]))
            put_crowd(world, v, side, w.SHOWN, price, shows)
            _lower(world, v, side, w.RESERVE, price, shows)
    return lots - left, ours


@kernel("")
def take(world: World, venue_i: int, sign: int, limit_ticks: int, qty_lots: int, taker_row: int) -> int:
    """A taker trades up to `qty_lots` at the limit or better, best price first; returns the lots traded.

    sign: +1 buys. taker_row: row of our order, -1 for the crowd. Prints one trade a price; tells us of our fills.
    """
    own, head, venues = world[w.OWN], world[w.HEAD], world[w.VENUES]
    side = w.ASK if sign > 0 else w.BID
    left = qty_lots
    while left > 0:
        price = top_price(world, venue_i, side)
        if not has_price(side, price) or is_better(side, limit_ticks, price):
            break
        done, ours = _take_kind(world, venue_i, side, price, left, w.SHOWN, taker_row >= 0)
        more, hidden_ours = _take_kind(world, venue_i, side, price, left - done, w.HIDDEN, taker_row >= 0)
        done += more
        left -= done
        if done == 0:
            continue
        if taker_row >= 0:
            own[taker_row, w.LEFT_LOTS] -= done
            emit(world, w.FILLED, taker_row, 2 * price, done, 0, head[w.N_PRINTS], w.NO_CODE)
        number = own[taker_row, w.NUMBER] + 1 if taker_row >= 0 else 0
        print_trade(world, venue_i, sign, 2 * price, done, ours + hidden_ours, number)
    if left < qty_lots:
        venues[venue_i, w.FLOW_LOTS] += sign * (qty_lots - left)
        venues[venue_i, w.TAKES] += 1
    return qty_lots - left


@kernel("")
def offer_crowd(world: World, venue_i: int, side: int, layer_i: int, price_ticks: int, qty_lots: int) -> int:
    """A limit order of the crowd: trades what crosses, rests the remainder; returns the lots traded."""
    sign = 1 if side == w.BID else -1
    done = take(world, venue_i, sign, price_ticks, qty_lots, -1)
    put_crowd(world, venue_i, side, layer_i, price_ticks, qty_lots - done)
    return done
