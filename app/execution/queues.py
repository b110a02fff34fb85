"""A slice over several queues and the crossing, by what each queue was seen to lose: Cont and Kukanov's placement.

The problem is routing/placement.py's; here it meets the venues' books, the fees, the beliefs and the children. Unlike
theirs it never posts more than the slice: a parent is not overfilled. Where too little was seen of every queue, and for
what no tape can tell (a price between the touches, an iceberg), the slice rests at one touch (execution/posting.py).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from app.domain.placement import Placed, PlacementAsk, QueueSeen, filled_frac
from app.domain.placement_facts import QueueWeighed, SliceSplit
from app.domain.posting import OneTouch, Peg
from app.domain.records import ParentRecord
from app.domain.scheduled import ScheduleState
from app.domain.units import PPM
from app.execution.context import Context
from app.execution.posting import Post, candidates, find_post, possible, rest_until_ns, send_post, terms_of, write_post
from app.risk import gate

# What a unit that has not traded in time costs beyond crossing at once: the loop's own price of a child that must be
# filled elsewhere later (execution/loop.py, REFILL_PPM).
LATE_PPM: Final = 100


@dataclass(frozen=True, slots=True)
class Split:
    """What rests where, and what of the slice crosses now; units of the symbol."""

    posts: tuple[Post, ...]
    cross_units: int
    fact: SliceSplit


def find_split(ctx: Context, parent: ParentRecord, state: ScheduleState, slice_lots: int) -> Split | OneTouch:
    """How `slice_lots` of the schedule are spread, or why they rest at one touch."""
    return _spread(ctx, parent, slice_lots * state.lot_units, candidates(ctx, parent, state, slice_lots))


def foresee_rest(ctx: Context, parent: ParentRecord, state: ScheduleState, slice_lots: int) -> tuple[Post, ...]:
    """Where `slice_lots` of the schedule would rest now; none where they would cross. Changes nothing."""
    posts = [post for post in possible(ctx, parent, state, slice_lots) if not post.toxic.is_barred]
    found = _spread(ctx, parent, slice_lots * state.lot_units, posts)
    if isinstance(found, Split):
        return found.posts
    return (min(posts, key=lambda post: post.rank),) if posts else ()


def _spread(ctx: Context, parent: ParentRecord, slice_units: int, posts: list[Post]) -> Split | OneTouch:
    terms = terms_of(parent)
    if terms.peg is Peg.MID or terms.display_units:
        return OneTouch.ICEBERG if terms.display_units else OneTouch.PEGGED
    outflows, place = ctx.world.outflows, ctx.world.place
    if outflows is None or place is None or not posts:
        return OneTouch.UNMEASURED
    if posts[0].n_posts:
        return OneTouch.AGAIN
    order, horizon_ns = parent.accepted.order, posts[0].rest_until_ns - ctx.now_ns
    asked = (order.symbol, order.side, horizon_ns)
    seen = [outflows.quantiles_units(p.listing.venue, *asked, p.ahead_qty_units) for p in posts]
    pairs = [(post, quantiles) for post, quantiles in zip(posts, seen, strict=True) if quantiles]
    if not pairs:
        return OneTouch.UNMEASURED
    ask = _ask(ctx, parent, slice_units, pairs)
    return _split(parent, ask, place(ask), pairs, tuple(p.listing.venue for p in posts))


def _ask(ctx: Context, parent: ParentRecord, qty_units: int, pairs: list[tuple[Post, tuple[int, ...]]]) -> PlacementAsk:
    reference = ctx.market(parent.accepted.order.symbol)[1]
    bid_units, ask_units = reference.best_bid_units, reference.best_ask_units
    half_spread_ppm = max(0, ask_units - bid_units) * PPM / max(1, ask_units + bid_units)
    # The cheapest venue to cross at now, its far touch against the best one counted.
    cross_ppm = float(min(post.cross_ppm for post, _ in pairs))
    queues = tuple(
        QueueSeen(
            post.listing.venue,
            post.ahead_qty_units,
            float(-post.maker_fee_ppm - post.behind_ppm - post.toxic_ppm),
            quantiles,
        )
        for post, quantiles in pairs
    )
    short_ppm = max(half_spread_ppm + cross_ppm, 0.0) + LATE_PPM
    return PlacementAsk(qty_units, half_spread_ppm, cross_ppm, short_ppm, queues)


def _split(
    parent: ParentRecord,
    ask: PlacementAsk,
    placed: Placed,
    pairs: list[tuple[Post, tuple[int, ...]]],
    venues: tuple[str, ...],
) -> Split:
    """Whole lots of what was placed; what a venue does not take crosses."""
    posts, rows, resting_units = [], [], 0
    for (post, quantiles), queue, units in zip(pairs, ask.queues, placed.limit_units, strict=True):
        lots = min(units // post.listing.lot_units, post.qty_lots)
        posted_units = lots * post.listing.lot_units if lots >= post.least_lots else 0
        resting_units += posted_units
        if posted_units:
            posts.append(replace(post, qty_lots=lots))
        rows.append(_row(post, quantiles, posted_units, filled_frac(queue, posted_units)))
    first, cross_units = pairs[0][0], ask.qty_units - resting_units
    fact = SliceSplit(
        account=parent.account,
        order_id=parent.order_id,
        qty_units=ask.qty_units,
        cross_qty_units=cross_units,
        half_spread_ppm=round(ask.half_spread_ppm),
        cross_ppm=round(ask.cross_ppm),
        short_ppm=round(ask.short_ppm),
        cost_ppm=round(placed.cost_ppm),
        rest_until_ns=first.rest_until_ns,
        queues=tuple(rows),
        unmeasured=tuple(v for v in venues if v not in {post.listing.venue for post, _ in pairs}),
    )
    return Split(tuple(posts), cross_units, fact)


def _row(post: Post, quantiles: tuple[int, ...], posted_units: int, expected_frac: float) -> QueueWeighed:
    return QueueWeighed(
        venue=post.listing.venue,
        price_units=post.price_ticks * post.listing.tick_units,
        ahead_qty_units=post.ahead_qty_units,
        maker_fee_ppm=post.maker_fee_ppm,
        behind_ppm=post.behind_ppm,
        toxic_ppm=post.toxic_ppm,
        outflow_units=quantiles,
        limit_qty_units=posted_units,
        filled_ppm=round(expected_frac * PPM),
    )


def write_split(ctx: Context, parent: ParentRecord, split: Split) -> None:
    """SliceSplit and its children that rest, past the last gate."""
    ctx.emit(split.fact)
    for post in split.posts:
        send_post(ctx, parent, post)


def post_again(ctx: Context, parent: ParentRecord) -> None:
    """What was taken back of a slice to follow a price, or refused, rests anew while its siblings rest on.

    It was given out and still is: no lots of the schedule move. What does not fit anywhere waits for the crossing.
    """
    state = parent.schedule
    if state is None or state.progress.is_paused or parent.is_canceling or ctx.memory.is_draining:
        return
    until_ns = rest_until_ns(ctx, state.schedule)
    mine = [c for c in parent.children.values() if until_ns and c.child.rest_until_ns == until_ns]
    if not any(not c.state.is_terminal for c in mine) or gate.is_halted(parent.accepted.order, ctx.ledger.kills):
        return
    first_wave = mine[0].child.wave
    free_units = sum(c.child.qty_units - c.cum_qty_units for c in mine if c.state.is_terminal)
    free_units -= sum(c.child.qty_units for c in mine if c.child.wave > first_wave)
    out_units = parent.cum_qty_units + parent.in_flight_qty_units
    free_lots = min(free_units, state.progress.released_lots * state.lot_units - out_units) // state.lot_units
    if free_lots <= 0:
        return
    post = find_post(ctx, parent, state, free_lots)
    if post is not None:
        write_post(ctx, parent, replace(post, rule=OneTouch.AGAIN))
