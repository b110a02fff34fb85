"""Sweep, then post: what of a limit order nothing within its cap is left for rests in a book at the cap itself.

One child at one venue: the least maker fee, then the shortest queue. While it rests it is taken back when its parent
may not trade any more, when its cap has changed, and when another venue offers within the cap: that is swept first.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from app.domain.enums import ChildState, KillScope, Side
from app.domain.errors import BadRequest
from app.domain.instrument import Instrument
from app.domain.orders import ParentOrder
from app.domain.posting import OneTouch
from app.domain.records import ChildRecord, ParentRecord
from app.domain.sweeps import SweepStyle
from app.domain.units import PPM, div_up
from app.execution import posting
from app.execution.context import Context, remaining_qty_units, side_price
from app.execution.posting import Post, pull, write_post
from app.execution.stakes import account_fees, gate_view
from app.execution.toxicity import weigh
from app.risk import gate
from app.risk.exposure import GateView, room_lots

# Good till canceled: beyond any clock, within an int64.
FOR_EVER_NS: Final = 2**62
# A book that runs away refuses post-only children: so many are sent a second, then the order waits.
MAX_POSTS_PER_S: Final = 5
_NS_PER_S: Final = 1_000_000_000


def posts_rest(order: ParentOrder) -> bool:
    """Whether what is left of the order rests in a book."""
    return order.sweep is not None and order.sweep.style is SweepStyle.SWEEP_POST


def require_posting(ctx: Context, order: ParentOrder) -> None:
    """Raises BadRequest where the order's rest could rest nowhere."""
    if posts_rest(order) and ctx.world.posting is None:
        hint = "Only simulated venues take them; use sweep_style sweep, or none."
        pointer = "/strategy_params/sweep_style"
        raise BadRequest("invalid_request", "No venue takes children that rest.", pointer=pointer, hint=hint)


def post_rest(ctx: Context, parent: ParentRecord) -> bool:
    """Writes SlicePosted and its child for what is left, where a venue takes it; whether it did."""
    order, left_units = parent.accepted.order, remaining_qty_units(parent)
    if not posts_rest(order) or not left_units or ctx.world.posting is None or ctx.memory.is_draining:
        return False
    since_ns = ctx.now_ns - _NS_PER_S
    n_posts = [c.sent_ts_ns > since_ns for c in parent.children.values() if c.child.rests]
    if sum(n_posts) >= MAX_POSTS_PER_S or gate.is_halted(order, ctx.ledger.kills):
        return False
    view = gate_view(ctx, order, parent.mode, parent=parent)
    if view.account.limits is None:
        return False
    venues = [v for v in view.eligible if v in ctx.world.posting.venues and v not in ctx.world.child_cap_nano]
    found = [_post(ctx, parent, view, venue, (left_units, len(n_posts))) for venue in venues]
    best = min((post for post in found if post is not None), key=lambda post: post.rank, default=None)
    if best is None:
        return False
    write_post(ctx, parent, best)
    return True


def _post(ctx: Context, parent: ParentRecord, view: GateView, venue: str, asked: tuple[int, int]) -> Post | None:
    """The child that `venue` would get of (quantity, posts before), None where it takes none so small, or offers."""
    left_units, n_posts = asked
    order, listing = parent.accepted.order, view.instruments[venue]
    near, far = posting.sides_at(ctx, order.symbol, venue, order.side)
    price_ticks, sign = _price_ticks(parent, listing), order.side.sign
    price_units = price_ticks * listing.tick_units
    if price_ticks < 1 or (far and sign * (far[0][0] - price_units) <= 0):
        return None
    lots = min(left_units // listing.lot_units, listing.max_qty_lots, room_lots(view, listing, price_units))
    is_least = lots >= listing.min_qty_lots
    if not is_least or view.symbol.notional_nano(price_units, lots * listing.lot_units) < listing.min_notional_nano:
        return None
    best_units = view.reference.best_bid_units if order.side is Side.BUY else view.reference.best_ask_units
    return Post(
        listing=listing,
        price_ticks=price_ticks,
        qty_lots=lots,
        near_price_units=near[0][0] if near else 0,
        far_price_units=far[0][0] if far else 0,
        ahead_qty_units=sum(qty for level_units, qty in near if sign * (level_units - price_units) >= 0),
        maker_fee_ppm=account_fees(ctx, parent.account, view.symbol)[venue].maker_fee_ppm,
        behind_ppm=max(0, sign * (best_units - price_units)) * PPM // price_units,
        rest_until_ns=order.expire_ts_ns or FOR_EVER_NS,
        n_posts=n_posts,
        least_lots=listing.min_qty_lots,
        cross_ppm=0,
        toxic=weigh(ctx, parent.order_id, (venue, order.symbol, order.side), 0),
        rule=OneTouch.AT_CAP,
    )


def _price_ticks(parent: ParentRecord, listing: Instrument) -> int:
    """The cap in whole ticks, none beyond it; 0 for an order without one."""
    cap_units, side = parent.accepted.price_cap_units, parent.accepted.order.side
    return cap_units // listing.tick_units if side is Side.BUY else div_up(cap_units, listing.tick_units)


def watch(ctx: Context, records: Iterable[ChildRecord]) -> None:
    """Takes back what may not rest any more: slices of orders in time, and rests of sweeps."""
    slices = []
    for record in records:
        parent = ctx.ledger.parents[record.child.order_id]
        if not record.child.rests or not posts_rest(parent.accepted.order):
            slices.append(record)
        elif not record.is_canceling:
            reason = _why_pulled(ctx, parent, record)
            if reason:
                pull(ctx, parent, record, reason)
    posting.watch(ctx, slices)


def _why_pulled(ctx: Context, parent: ParentRecord, record: ChildRecord) -> str:
    child, order, ledger = record.child, parent.accepted.order, ctx.ledger
    if any(target in ledger.kills for target in (*gate.kill_targets(child), (KillScope.SYMBOL, order.symbol))):
        return "kill_switch"
    if child.venue in ledger.disabled_venues or (child.account, child.venue) in ledger.n_broken:
        return "venue_barred"
    if ctx.memory.is_draining or ctx.world.posting is None:
        return "draining"
    if ctx.now_ns >= child.rest_until_ns:
        return "rest_over"
    listing = ctx.world.universe.instruments[(child.venue, child.symbol)]
    if child.price_ticks != _price_ticks(parent, listing):
        return "amended"
    is_taken = record.state in (ChildState.ACKED, ChildState.PARTIALLY_FILLED)
    has_rested = ctx.now_ns - record.sent_ts_ns >= ctx.world.posting.min_reprice_ns
    rest_units = child.qty_units - record.cum_qty_units
    is_crossable = is_taken and has_rested and _is_offered_elsewhere(ctx, parent, child.venue, rest_units)
    return "crossable" if is_crossable else ""


def _is_offered_elsewhere(ctx: Context, parent: ParentRecord, own_venue: str, rest_units: int) -> bool:
    """Whether a venue that the order may use and the account can pay at, other than where `rest_units` of it rest, has
    something within the cap, and takes so little.
    """
    order, cap_units = parent.accepted.order, parent.accepted.price_cap_units
    books, reference = ctx.market(order.symbol)
    touch_units = side_price(reference, order.side)
    if not touch_units or order.side.sign * (touch_units - cap_units) > 0:
        return False
    view, far_i = gate_view(ctx, order, parent.mode, parent=parent), 1 if order.side is Side.BUY else 0
    for row, venue in enumerate(books.venues):
        if venue == own_venue or venue not in view.eligible or not int(books.n_levels[row, far_i]):
            continue
        price_units, listing = int(books.price_units[row, far_i, 0]), view.instruments[venue]
        is_within = order.side.sign * (price_units - cap_units) <= 0
        most_lots = min(rest_units // listing.lot_units, room_lots(view, listing, price_units))
        if is_within and most_lots >= max(1, listing.min_qty_lots):
            return True
    return False
