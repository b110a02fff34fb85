"""Children reserved for orders that wait near the market, so that bytes need not wait for the disk (docs/adr/0063).

While an order waits near its limit, the log says ahead which children may leave for it: one at each venue, of the whole
remainder, at the limit. A wave that is one of them, or less, may leave before its own facts are durable. After a
restart nobody knows whether one did: each is then a child of unknown state until its venue says that it never came.
"""

from __future__ import annotations

from itertools import islice
from typing import Final

from app.domain.enums import Side, TimeInForce
from app.domain.events import ChildRejected, ChildrenReserved, ChildSending, ChildUnknown
from app.domain.ids import venue_client_id
from app.domain.instrument import Instrument
from app.domain.orders import ChildOrder
from app.domain.quick import changed
from app.domain.records import ParentRecord
from app.domain.units import PPM, div_up
from app.execution.context import Context, remaining_qty_units, side_price
from app.execution.later_wave import is_plain_later
from app.execution.reserve_record import MAX_OF_ACCOUNT, MAY_HAVE_LEFT, NEVER_LEFT

# How far the touch may be from a limit, and beyond what a reservation is given up again.
NEAR_PPM: Final = 1_000
FAR_PPM: Final = 3_000
# After a crash each is a question to its venue, and its order goes on when the last is answered.
MAX_CHILDREN: Final = 4


def reserve(ctx: Context, parent: ParentRecord) -> None:
    """Sees to it that what stands for an order that waits for a book is what it may send next."""
    record, order_id = ctx.ledger.reserved, parent.order_id
    standing = record.by_order.get(order_id)
    if not ctx.world.may_reserve or ctx.memory.is_draining:
        return
    off_ppm = _off_ppm(ctx, parent)
    if off_ppm > (NEAR_PPM if standing is None else FAR_PPM):
        withdraw(ctx, order_id)
        return
    if standing is None and not record.has_room(parent.account) and not _takes_a_place(ctx, parent, off_ppm):
        return
    if standing is not None and _is_still_meant(ctx, parent, standing.children[0]):
        return
    children = _children(ctx, parent) if is_plain_later(ctx, parent) else ()
    if children or standing is not None:
        ctx.emit(ChildrenReserved("", order_id, children))


def withdraw(ctx: Context, order_id: str) -> None:
    """None of the order's may leave ahead any more."""
    if order_id in ctx.ledger.reserved.by_order:
        ctx.emit(ChildrenReserved("", order_id, ()))


def withdraw_all(ctx: Context) -> None:
    """As before a process that stops in peace: the next one then has nothing to ask."""
    for order_id in list(ctx.ledger.reserved.by_order):
        withdraw(ctx, order_id)


def take_for_unknown(ctx: Context) -> None:
    """At a start: one of the children reserved by the process before may be at its venue. Each is told, and unknown."""
    for order_id, standing in list(ctx.ledger.reserved.by_order.items()):
        parent = ctx.ledger.parents[order_id]
        version = ctx.ledger.limits[parent.account].version
        for reserved in standing.children:
            until_ns = ctx.now_ns + ctx.world.universe.venues[reserved.venue].request_deadline_ns
            child = changed(reserved, deadline_ts_ns=until_ns)
            ctx.emit(ChildSending(child.account, child, version, ctx.mid_half_units(child.symbol)))
            ctx.emit(ChildUnknown(child.account, order_id, child.child_id, MAY_HAVE_LEFT))


def others_never_left(ctx: Context, parent: ParentRecord, known: ChildOrder) -> None:
    """A live one that was reserved has come to its venue: then no other has, for all that are live are of one time."""
    for record in parent.children.values():
        child = record.child
        if child.is_bound and child is not known and not record.state.is_terminal:
            evidence = f"local:{known.child_id} had left"
            ctx.emit(ChildRejected(parent.account, parent.order_id, child.child_id, NEVER_LEFT, "", evidence))


def _off_ppm(ctx: Context, parent: ParentRecord) -> int:
    """How far the touch is from the limit; as if very far where there is none."""
    order, cap_units = parent.accepted.order, parent.accepted.price_cap_units
    touch_units = side_price(ctx.market(order.symbol)[1], order.side)
    if not (touch_units and cap_units):
        return PPM
    return order.side.sign * (touch_units - cap_units) * PPM // cap_units


def _takes_a_place(ctx: Context, parent: ParentRecord, off_ppm: int) -> bool:
    """Whether an order as near as this takes the place of one much farther off, of its own account if it must."""
    record, parents = ctx.ledger.reserved, ctx.ledger.parents
    if off_ppm > NEAR_PPM // 4:
        return False
    standing = [parents[order_id] for order_id in record.by_order]
    if record.n_of(parent.account) >= MAX_OF_ACCOUNT:
        standing = [held for held in standing if held.account == parent.account]
    farthest = max(standing, key=lambda held: _off_ppm(ctx, held))
    if _off_ppm(ctx, farthest) < 2 * off_ppm + NEAR_PPM // 10:
        return False
    withdraw(ctx, farthest.order_id)
    return True


def _is_still_meant(ctx: Context, parent: ParentRecord, reserved: ChildOrder) -> bool:
    """Whether the reservation that this child is of was made for the order as it is now."""
    listing = ctx.world.universe.instruments.get((reserved.venue, reserved.symbol))
    return listing is not None and _terms(parent, listing) == (reserved.qty_lots, reserved.price_ticks)


def _terms(parent: ParentRecord, listing: Instrument) -> tuple[int, int]:
    """(lots, ticks): the most that is left, at the worst price, in the venue's words."""
    cap_units, is_buy = parent.accepted.price_cap_units, parent.accepted.order.side is Side.BUY
    ticks = cap_units // listing.tick_units if is_buy else div_up(cap_units, listing.tick_units)
    return (remaining_qty_units(parent) or 0) // listing.lot_units, ticks


def _children(ctx: Context, parent: ParentRecord) -> tuple[ChildOrder, ...]:
    """One for each venue that the order may use, those first whose touch is nearest; at most MAX_CHILDREN."""
    order, order_id, universe = parent.accepted.order, parent.order_id, ctx.world.universe
    barred, mids = ctx.barred(order, parent.mode, parent), ctx.market(order.symbol)[1].venue_mids
    listings = [listing for venue, listing in universe.listings(order.symbol).items() if venue not in barred]
    listings.sort(key=lambda listing: order.side.sign * mids[listing.venue])
    rows = [(listing, *_terms(parent, listing)) for listing in listings]
    sized = ((listing, lots, ticks) for listing, lots, ticks in rows if lots >= max(1, listing.min_qty_lots))
    n_named, children = ctx.ledger.reserved.n_named(parent), list[ChildOrder]()
    for listing, lots, ticks in islice(sized, MAX_CHILDREN):
        n_named += 1
        client_id = venue_client_id(parent.created_ts_ns, order_id, n_named)
        children.append(
            ChildOrder(
                child_id=f"chd_{client_id}",
                client_id=client_id,
                order_id=order_id,
                account=parent.account,
                wave=0,
                venue=listing.venue,
                symbol=order.symbol,
                side=order.side,
                time_in_force=TimeInForce.IOC,
                price_ticks=ticks,
                qty_lots=lots,
                tick_units=listing.tick_units,
                lot_units=listing.lot_units,
                deadline_ts_ns=0,
            )
        )
    return tuple(children)
