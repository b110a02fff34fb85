"""Placement inside a slice: it rests at a near touch for its urgency's part of the slice, then it crosses.

One child at one venue: the least of maker fee plus what its price is behind the best near touch, counted as a cost in
full, then the shortest queue. What is overdue from earlier slices is never posted. A child that rests is taken back
when its time is over, when the touch has moved away (within a budget), and whenever its parent may not trade any more;
it keeps its exposure until its venue has spoken, and what it fills meanwhile counts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from app.domain.enums import ChildState, KillScope, Side, TimeInForce
from app.domain.errors import BadRequest
from app.domain.ids import venue_client_id
from app.domain.instrument import Instrument
from app.domain.orders import ChildOrder
from app.domain.placement_facts import ChildPulled, SlicePosted
from app.domain.posting import OneTouch, Peg, Posting, PostOnly, RestTerms, Switch
from app.domain.records import ChildRecord, ParentRecord
from app.domain.schedule import MEANING, Progress, ScheduleParameters, Seen
from app.domain.scheduled import Schedule, ScheduleState
from app.domain.units import PPM, div_up
from app.execution import slicer
from app.execution.context import Context, side_price
from app.execution.inputs import CancelChild
from app.execution.stakes import account_fees, gate_view
from app.execution.toxicity import Toxic, is_barred, tell, weigh
from app.execution.wave import send_child
from app.risk import gate
from app.risk.exposure import GateView, room_lots

POST_ONLY_CODE = "post_only"  # a venue's refusal of what would have taken


@dataclass(frozen=True, slots=True)
class Post:
    """One child that may rest, as it was decided; prices in symbol units.

    `least_lots`: the least that its venue takes at this price. `cross_ppm`: of crossing there instead, against the best
    far touch of all venues.
    """

    listing: Instrument
    price_ticks: int
    qty_lots: int
    near_price_units: int
    far_price_units: int
    ahead_qty_units: int
    maker_fee_ppm: int
    behind_ppm: int
    rest_until_ns: int
    n_posts: int
    least_lots: int
    cross_ppm: int
    toxic: Toxic
    display_lots: int = 0
    rule: OneTouch = OneTouch.UNMEASURED

    @property
    def toxic_ppm(self) -> int:
        return self.toxic.cost_ppm

    @property
    def venue(self) -> str:
        return self.listing.venue

    @property
    def price_units(self) -> int:
        return self.price_ticks * self.listing.tick_units

    @property
    def qty_units(self) -> int:
        return self.qty_lots * self.listing.lot_units

    @property
    def rank(self) -> tuple[int, int, str]:
        return self.maker_fee_ppm + self.behind_ppm + self.toxic_ppm, self.ahead_qty_units, self.listing.venue


def posting_of(ctx: Context, schedule: Schedule) -> Posting | None:
    """How children of the schedule rest, by the order's own word, else the setting's; None: they do not."""
    return ctx.world.posting.of(schedule.resting) if ctx.world.posting is not None else None


def check_resting(ctx: Context, terms: RestTerms | None) -> None:
    """Raises BadRequest where an order asks of its resting children what nobody here can give."""
    if terms is None:
        return
    at, posting = "/strategy_params", ctx.world.posting
    if terms.posting is Switch.ON and (posting is None or not posting.venues):
        detail = "No venue here takes a child that rests."
        raise BadRequest("invalid_request", detail, pointer=f"{at}/posting", hint="Leave it out: every slice crosses.")
    found = posting.of(terms) if posting is not None else None
    asked = (("post_only", terms.post_only), ("peg", terms.peg is not Peg.NONE), ("display_qty", terms.display_units))
    for name, is_asked in asked:
        if is_asked and found is None:
            detail = "It is of children that rest, and this order has none."
            raise BadRequest("invalid_request", detail, pointer=f"{at}/{name}", hint="Say posting: on.")
    if terms.display_units and found is not None and not found.venues:
        detail = "No venue here can hide a part of a child."
        raise BadRequest("invalid_request", detail, pointer=f"{at}/display_qty", hint="Leave it out.")


def rest_until_ns(ctx: Context, schedule: Schedule) -> int:
    """Until when a child of the slice that has begun may rest; 0 where it may not (any more)."""
    posting, rest_frac = posting_of(ctx, schedule), MEANING[schedule.urgency].rest_frac
    if posting is None or not rest_frac or not schedule.start_ns <= ctx.now_ns:
        return 0
    if ctx.now_ns >= schedule.end_ns:
        return 0
    from_ns = _slice_from_ns(ctx, schedule)
    to_ns = min(from_ns + schedule.slice_ns, schedule.end_ns)
    until_ns = from_ns + int((to_ns - from_ns) * rest_frac)
    return until_ns if until_ns - ctx.now_ns >= posting.least_rest_ns else 0


def overdue_lots(
    ctx: Context, schedule: Schedule, found: ScheduleParameters, progress: Progress, price_ticks: int | None
) -> int:
    """Lots that were due before the slice that has begun: their time to rest is over."""
    before_ns = _slice_from_ns(ctx, schedule) - 1
    if before_ns < max(schedule.start_ns, progress.anchor_ns):
        return 0
    plan = slicer.target_lots(found, progress, Seen(before_ns, progress.mark_others_lots, price_ticks))
    return plan - progress.released_lots


def _slice_from_ns(ctx: Context, schedule: Schedule) -> int:
    return schedule.start_ns + (ctx.now_ns - schedule.start_ns) // schedule.slice_ns * schedule.slice_ns


def find_post(ctx: Context, parent: ParentRecord, state: ScheduleState, slice_lots: int) -> Post | None:
    """Where `slice_lots` of the schedule may rest now, at one touch; None: they must cross."""
    return min(candidates(ctx, parent, state, slice_lots), key=lambda post: post.rank, default=None)


def candidates(ctx: Context, parent: ParentRecord, state: ScheduleState, slice_lots: int) -> list[Post]:
    """Each venue's child where `slice_lots` of the schedule may rest now. Writes where nothing may any more."""
    found = possible(ctx, parent, state, slice_lots)
    for post in found:
        tell(ctx, post.toxic)
    return [post for post in found if not post.toxic.is_barred]


def possible(ctx: Context, parent: ParentRecord, state: ScheduleState, slice_lots: int) -> list[Post]:
    """Each venue's child, those that toxic flow bars included. Changes nothing."""
    posting, until_ns = posting_of(ctx, state.schedule), rest_until_ns(ctx, state.schedule)
    if posting is None or not until_ns or _is_at_would_price(ctx, parent, state.schedule):
        return []
    n_posts = _n_posts(parent, until_ns)
    if n_posts > posting.max_reprices:
        return []
    view = gate_view(ctx, parent.accepted.order, parent.mode, parent=parent)
    if view.account.limits is None:
        return []
    venues = [v for v in view.eligible if v in posting.venues and v not in ctx.world.child_cap_nano]
    qty_units = slice_lots * state.lot_units
    left_units = (state.progress.total_lots - state.progress.released_lots) * state.lot_units
    found = [_post(ctx, parent, view, v, (qty_units, left_units, until_ns, n_posts)) for v in venues]
    return [post for post in found if post is not None]


def _n_posts(parent: ParentRecord, until_ns: int) -> int:
    """How often a slice has been posted: one wave each, however many queues it was split over."""
    return len({c.child.wave for c in parent.children.values() if c.child.rest_until_ns == until_ns})


def _is_at_would_price(ctx: Context, parent: ParentRecord, schedule: Schedule) -> bool:
    order = parent.accepted.order
    price_units = side_price(ctx.market(order.symbol)[1], order.side)
    would_units = schedule.would_price_units
    return bool(would_units and price_units) and order.side.sign * (price_units - (would_units or 0)) <= 0


def _post(
    ctx: Context, parent: ParentRecord, view: GateView, venue: str, asked: tuple[int, int, int, int]
) -> Post | None:
    """The child that `venue` would get of (quantity, all that is left, until when, posts before), None where it takes
    none so small.
    """
    qty_units, left_units, until_ns, n_posts = asked
    order, listing = parent.accepted.order, view.instruments[venue]
    near, far = sides_at(ctx, order.symbol, venue, order.side)
    display_lots = terms_of(parent).display_units // listing.lot_units
    if not near or not far or (terms_of(parent).display_units and display_lots < max(1, listing.min_qty_lots)):
        return None
    price_units = _price_units(ctx, parent, listing, (near[0][0], far[0][0]), until_ns)
    if price_units < listing.tick_units:
        return None
    tier = account_fees(ctx, parent.account, view.symbol)[venue]
    lots = min(qty_units // listing.lot_units, listing.max_qty_lots, room_lots(view, listing, price_units))
    lots -= div_up(_short_units(view, price_units, left_units - lots * listing.lot_units), listing.lot_units)
    lot_nano = max(1, view.symbol.notional_nano(price_units, listing.lot_units))
    least_lots = max(1, listing.min_qty_lots, div_up(listing.min_notional_nano, lot_nano))
    if lots < least_lots:
        return None
    sign, reference = order.side.sign, view.reference
    best_units = reference.best_bid_units if order.side is Side.BUY else reference.best_ask_units
    behind_ppm = max(0, sign * (best_units - price_units)) * PPM // price_units
    cross_ppm = tier.taker_fee_ppm + max(0, sign * (far[0][0] - side_price(reference, order.side))) * PPM // price_units
    spread_ppm = max(0, sign * (far[0][0] - price_units)) * PPM // price_units
    saved_ppm = spread_ppm + tier.taker_fee_ppm - tier.maker_fee_ppm
    return Post(
        listing=listing,
        price_ticks=price_units // listing.tick_units,
        qty_lots=lots,
        near_price_units=near[0][0],
        far_price_units=far[0][0],
        ahead_qty_units=sum(qty for level_units, qty in near if sign * (level_units - price_units) >= 0),
        maker_fee_ppm=tier.maker_fee_ppm,
        behind_ppm=behind_ppm,
        rest_until_ns=until_ns,
        n_posts=n_posts,
        least_lots=least_lots,
        cross_ppm=cross_ppm,
        toxic=weigh(ctx, parent.order_id, (venue, order.symbol, order.side), saved_ppm),
        display_lots=display_lots if display_lots < lots else 0,
    )


def terms_of(parent: ParentRecord) -> RestTerms:
    """What the order says of its children that rest."""
    state = parent.schedule
    return (state.schedule.resting if state is not None else None) or RestTerms()


def _short_units(view: GateView, price_units: int, left_units: int) -> int:
    """What a post must leave the parent's rest, or no venue takes it and the parent ends with it unfilled; 0 where it
    leaves none, or enough. Twice what the venues ask for: the price may fall.
    """
    needs = (
        max(
            each.min_qty_lots,
            div_up(each.min_notional_nano, max(1, view.symbol.notional_nano(price_units, each.lot_units))),
        )
        * each.lot_units
        for each in (view.instruments[venue] for venue in view.eligible)
    )
    return max(0, 2 * min(needs, default=0) - left_units) if left_units > 0 else 0


def sides_at(ctx: Context, symbol: str, venue: str, side: Side) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    """The venue's own levels on `side`'s side and across, best first; none where its book may not be believed.

    What is ours of the own side is left out: nobody follows himself, or lines up behind himself.
    """
    books, reference = ctx.market(symbol)
    if venue in reference.barred or venue not in books.venues:
        return [], []
    row, near_i = books.venues.index(venue), 0 if side is Side.BUY else 1
    sides = []
    for side_i in (near_i, 1 - near_i):
        n = int(books.n_levels[row, side_i])
        prices, qtys = books.price_units[row, side_i, :n].tolist(), books.qty_units[row, side_i, :n].tolist()
        sides.append(list(zip(prices, qtys, strict=True)))
    posting = ctx.world.posting
    if posting is None or venue not in posting.shows_own:
        return sides[0], sides[1]
    own = Counter[int]()
    for record in ctx.ledger.live_children.values():
        child = record.child
        is_shown = child.rests and record.acked_ts_ns > 0
        if is_shown and (child.venue, child.symbol, child.side) == (venue, symbol, side):
            own[child.price_units] += record.leaves_qty_units
    return [(price, qty - own[price]) for price, qty in sides[0] if qty > own[price]], sides[1]


def _price_units(
    ctx: Context, parent: ParentRecord, listing: Instrument, touch_units: tuple[int, int], until_ns: int
) -> int:
    """What its peg says of (near, far) touch, no further than the price cap allows; further back for each refusal where
    that is the policy.
    """
    cap_units, side = parent.soft_cap_units, parent.accepted.order.side
    tick_units, (near_units, far_units) = listing.tick_units, touch_units
    price_units = near_units
    if terms_of(parent).peg is Peg.MID:
        price_units = _near_side(near_units + far_units, 2 * tick_units, side) * tick_units
    if cap_units and side.sign * (price_units - cap_units) > 0:
        price_units = _near_side(cap_units, tick_units, side) * tick_units
    state = parent.schedule
    posting = posting_of(ctx, state.schedule) if state is not None else None
    if posting is not None and posting.policy is PostOnly.BACK_OFF:
        refused = (c for c in parent.children.values() if c.child.rest_until_ns == until_ns)
        n_back = sum(c.child.venue == listing.venue and c.code == POST_ONLY_CODE for c in refused)
        price_units -= side.sign * n_back * tick_units
    return price_units


def _near_side(value: int, step: int, side: Side) -> int:
    """Whole steps, rounded to the side's own: down for a buy, up for a sell."""
    return value // step if side is Side.BUY else div_up(value, step)


def write_post(ctx: Context, parent: ParentRecord, post: Post) -> None:
    """SlicePosted and its one child, past the last gate."""
    listing = post.listing
    ctx.emit(
        SlicePosted(
            account=parent.account,
            order_id=parent.order_id,
            venue=listing.venue,
            price_units=post.price_ticks * listing.tick_units,
            qty_units=post.qty_lots * listing.lot_units,
            near_price_units=post.near_price_units,
            far_price_units=post.far_price_units,
            ahead_qty_units=post.ahead_qty_units,
            maker_fee_ppm=post.maker_fee_ppm,
            behind_ppm=post.behind_ppm,
            rest_until_ns=post.rest_until_ns,
            n_posts=post.n_posts,
            toxic_ppm=post.toxic_ppm,
            rule=post.rule,
        )
    )
    send_post(ctx, parent, post)


def send_post(ctx: Context, parent: ParentRecord, post: Post) -> None:
    """The child of a post whose fact has been written, past the last gate."""
    order, listing, policy = parent.accepted.order, post.listing, _posting(ctx, parent).policy
    n_named = ctx.ledger.reserved.n_named(parent)
    client_id = venue_client_id(parent.created_ts_ns, parent.order_id, n_named + 1)
    child = ChildOrder(
        child_id=f"chd_{client_id}",
        client_id=client_id,
        order_id=parent.order_id,
        account=parent.account,
        wave=parent.n_waves,
        venue=listing.venue,
        symbol=listing.symbol,
        side=order.side,
        time_in_force=TimeInForce.GTC,
        price_ticks=post.price_ticks,
        qty_lots=post.qty_lots,
        tick_units=listing.tick_units,
        lot_units=listing.lot_units,
        deadline_ts_ns=ctx.now_ns + ctx.world.universe.venues[listing.venue].request_deadline_ns,
        is_post_only=policy is not PostOnly.CONVERT,
        rest_until_ns=post.rest_until_ns,
        display_lots=post.display_lots,
    )
    ctx.turn.commands.append(send_child(ctx, parent, child, ctx.mid_half_units(order.symbol)))


def _posting(ctx: Context, parent: ParentRecord) -> Posting:
    state = parent.schedule
    posting = (
        posting_of(ctx, state.schedule) if state is not None else ctx.world.posting
    )  # a sweep's rest: its own word
    assert posting is not None, "a post was found under a posting"
    return posting


def pull(ctx: Context, parent: ParentRecord, record: ChildRecord, reason: str) -> None:
    """Wishes a child that rests away, once; the wish is repeated by time until the venue has spoken."""
    if record.is_canceling or record.state.is_terminal or not record.child.rests:
        return
    ctx.emit(ChildPulled(parent.account, parent.order_id, record.child.child_id, reason))
    ctx.memory.next_query_ns[record.child.child_id] = ctx.now_ns + ctx.world.timing.query_every_ns
    ctx.turn.commands.append(CancelChild(record.child))


def pull_all(ctx: Context, parent: ParentRecord, reason: str) -> None:
    """All of a parent's children that rest."""
    for record in list(parent.children.values()):
        pull(ctx, parent, record, reason)


def watch(ctx: Context, records: Iterable[ChildRecord]) -> None:
    """Takes back what may not rest any more, or rests behind the touch."""
    for record in records:
        if record.child.rests and not record.is_canceling:
            parent = ctx.ledger.parents[record.child.order_id]
            reason = _why_pulled(ctx, parent, record)
            if reason:
                pull(ctx, parent, record, reason)


def _why_pulled(ctx: Context, parent: ParentRecord, record: ChildRecord) -> str:
    child, order, ledger = record.child, parent.accepted.order, ctx.ledger
    if any(target in ledger.kills for target in (*gate.kill_targets(child), (KillScope.SYMBOL, order.symbol))):
        return "kill_switch"
    if child.stop is not None:
        return ""  # its definition tends it (execution/native.py)
    if child.venue in ledger.disabled_venues or (child.account, child.venue) in ledger.n_broken:
        return "venue_barred"
    end_ns = min(at_ns for at_ns in (child.rest_until_ns, order.expire_ts_ns) if at_ns)
    state = parent.schedule
    posting = posting_of(ctx, state.schedule) if state is not None else None
    if ctx.memory.is_draining or ctx.now_ns >= end_ns or state is None or posting is None:
        return "draining" if ctx.memory.is_draining else "rest_over"
    if state.progress.is_paused:
        return "paused"
    cap_units = parent.soft_cap_units
    if cap_units and order.side.sign * (child.price_units - cap_units) > 0:
        return "beyond_limit"
    if _is_at_would_price(ctx, parent, state.schedule):
        return "would_price"
    if is_barred(ctx, parent.order_id, (child.venue, child.symbol, child.side)):
        return "toxic"
    return "reprice" if _is_off(ctx, parent, record, posting) else ""


def _is_off(ctx: Context, parent: ParentRecord, record: ChildRecord, posting: Posting) -> bool:
    """Whether what its price is tied to has moved from a child that its venue has taken, and it may still follow."""
    child = record.child
    if record.state not in (ChildState.ACKED, ChildState.PARTIALLY_FILLED):
        return False
    if ctx.now_ns - record.sent_ts_ns < posting.min_reprice_ns:
        return False
    if child.rest_until_ns - ctx.now_ns < posting.least_rest_ns:
        return False
    if _n_posts(parent, child.rest_until_ns) > posting.max_reprices:
        return False
    near, far = sides_at(ctx, child.symbol, child.venue, child.side)
    if not near or not far:
        return False
    listing = ctx.world.universe.instruments[(child.venue, child.symbol)]
    now_units = _price_units(ctx, parent, listing, (near[0][0], far[0][0]), child.rest_until_ns)
    moved_units = child.side.sign * (now_units - child.price_units)
    return moved_units > 0 or (moved_units < 0 and terms_of(parent).peg is not Peg.NONE)
