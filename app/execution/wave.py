"""One wave of a parent: what the planner is asked, and the facts and children that its plan becomes."""

from __future__ import annotations

from dataclasses import dataclass

from app.domain.enums import Remainder, Side, TimeInForce
from app.domain.errors import InvariantBroken, OrderRefused
from app.domain.events import ChildSending, RoutePlanned
from app.domain.ids import route_id as make_route_id
from app.domain.ids import venue_client_id
from app.domain.orders import Approved, ChildOrder, ParentOrder
from app.domain.plan import Allocation, Planned, PlanRequest
from app.domain.quick import quick_init
from app.domain.records import ParentRecord
from app.execution.context import Context, remaining_notional_nano
from app.execution.inputs import SendChild
from app.execution.loop import tell_weighed, weigh_in
from app.execution.plain_wave import is_plain, write_plain
from app.execution.pooling import Destination, destination
from app.execution.spray import aligned
from app.execution.stakes import account_fees
from app.risk import gate
from app.risk.exposure import GateView, capacity_nano, capped_price_units


@quick_init
@dataclass(frozen=True, slots=True)
class Wanted:
    """What one wave is asked to place: exactly one of quantity and notional."""

    order_id: str
    wave: int
    qty_units: int | None
    notional_nano: int | None


def plan_request(
    ctx: Context,
    approved: Approved[ParentOrder],
    view: GateView,
    cap_units: int,
    wanted: Wanted,
) -> PlanRequest:
    """What the planner may look at for one wave."""
    request = PlanRequest(
        approved=approved,
        symbol=view.symbol,
        route_id=make_route_id(ctx.now_ns, wanted.order_id, wanted.wave),
        wave=wanted.wave,
        order_id=wanted.order_id,
        now_ns=ctx.now_ns,
        qty_units=wanted.qty_units,
        notional_nano=wanted.notional_nano,
        price_cap_units=cap_units,
        instruments=view.instruments,
        fees=account_fees(ctx, view.order.account, view.symbol),
        max_book_age_ns=ctx.world.max_book_age_ns,
        capacity_nano=capacity_nano(view),
        barred=view.barred,
        mid_half_units=view.reference.mid_half_units,
    )
    return with_beliefs(ctx, request)


def with_beliefs(ctx: Context, request: PlanRequest) -> PlanRequest:
    """The request with what is believed of its venues beside what is known."""
    beliefs = ctx.world.beliefs
    informed = request if beliefs is None else beliefs.informed(request, ctx.market(request.symbol.name)[0])
    return weigh_in(ctx, informed) if ctx.is_loop_on else informed


def write_wave(ctx: Context, parent: ParentRecord, planned: Planned) -> None:
    """RoutePlanned, then one ChildSending per allocation, each past the last gate."""
    order = parent.accepted.order
    if is_plain(ctx, parent, planned.plan):
        write_plain(ctx, parent, planned, TimeInForce.FOK if needs_single_venue(order) else TimeInForce.IOC)
        if is_held(order):
            await_replan(ctx, parent)
        return
    ctx.emit(RoutePlanned(parent.account, parent.order_id, planned.plan))
    ctx.turn.receipts.append((planned.receipt_sha256, planned.receipt))
    tell_weighed(ctx, parent, planned)
    if is_held(order):
        await_replan(ctx, parent)
    own_symbol = order.symbol
    sending: list[SendChild] = []
    for allocation in planned.plan.allocations:
        child = _child(ctx, parent, allocation, destination(ctx, parent, allocation, planned.plan.conversions))
        if child.qty_lots <= 0:
            continue
        is_own = child.symbol == own_symbol
        mid_half_units = planned.plan.mid_half_units if is_own else ctx.mid_half_units(child.symbol)
        sending.append(send_child(ctx, parent, child, mid_half_units))
    ctx.turn.commands += aligned(sending, ctx.memory.loop.one_way_ns, ctx.world.max_align_ns)


def await_replan(ctx: Context, parent: ParentRecord) -> None:
    """No wave follows before the next look."""
    ctx.memory.next_replan_ns[parent.order_id] = ctx.now_ns + ctx.world.timing.replan_every_ns


def send_child(ctx: Context, parent: ParentRecord, child: ChildOrder, mid_half_units: int) -> SendChild:
    """The last gate, then ChildSending: the command that may leave once that is durable."""
    symbol = ctx.world.universe.symbols[parent.accepted.order.symbol]
    limits = ctx.ledger.limits[parent.account]
    try:
        cap_nano = ctx.world.child_cap_nano.get(child.venue)
        place = gate.Place(limits.version, ctx.ledger.seq + 1, cap_nano, ctx.mid_half_units(symbol.name))
        approved = gate.approve_child(child, parent, symbol, ctx.ledger.kills, place)
    except OrderRefused as refusal:
        # Kill switches were looked at in this turn, so only a plan beyond its own parent comes here: our bug.
        raise InvariantBroken(
            order_id=parent.order_id, code=refusal.code.value, limit=refusal.limit, value=refusal.value
        ) from refusal
    ctx.emit(ChildSending(parent.account, child, approved.limits_version, mid_half_units))
    return SendChild(approved)


def _child(ctx: Context, parent: ParentRecord, allocation: Allocation, to: Destination) -> ChildOrder:
    order, listing = parent.accepted.order, to.listing
    venue = ctx.world.universe.venues[listing.venue]
    client_id = venue_client_id(parent.created_ts_ns, parent.order_id, ctx.ledger.reserved.n_named(parent) + 1)
    return ChildOrder(
        child_id=f"chd_{client_id}",
        client_id=client_id,
        order_id=parent.order_id,
        account=parent.account,
        wave=parent.n_waves,
        venue=listing.venue,
        symbol=listing.symbol,
        side=order.side,
        time_in_force=TimeInForce.FOK if needs_single_venue(order) else TimeInForce.IOC,
        price_ticks=to.limit_ticks,
        qty_lots=affordable_lots(ctx, parent, allocation, to),
        tick_units=listing.tick_units,
        lot_units=listing.lot_units,
        deadline_ts_ns=ctx.now_ns + venue.request_deadline_ns,
        quote_id=ctx.ledger.hidden.quote_id(parent.order_id, listing.venue),
    )


def affordable_lots(ctx: Context, parent: ParentRecord, allocation: Allocation, to: Destination) -> int:
    """A buyer's notional is never exceeded, not even at each child's worst price; 0 below the venue's minimums."""
    order, listing = parent.accepted.order, to.listing
    symbol = ctx.world.universe.symbols[order.symbol]
    cap_nano = ctx.world.child_cap_nano.get(listing.venue)
    if cap_nano is not None:
        return _capped_lots(ctx, parent, allocation, cap_nano)
    if order.notional_nano is None or order.side is Side.SELL:
        return allocation.qty_lots
    left_nano = remaining_notional_nano(parent, symbol) or 0
    lot_nano = max(1, symbol.notional_nano(to.limit_units, listing.lot_units))
    lots = min(allocation.qty_lots, left_nano // lot_nano)
    is_sized = lots >= listing.min_qty_lots and lots * lot_nano >= to.least_nano
    return lots if is_sized else 0


def _capped_lots(ctx: Context, parent: ParentRecord, allocation: Allocation, cap_nano: int) -> int:
    """Lots within an uncertified venue's cap at the child's worst price; what must be whole and is not becomes 0."""
    order = parent.accepted.order
    symbol = ctx.world.universe.symbols[order.symbol]
    listing = ctx.world.universe.instruments[(allocation.venue, order.symbol)]
    if order.notional_nano is not None and order.side is Side.BUY:
        cap_nano = min(cap_nano, remaining_notional_nano(parent, symbol) or 0)
    limit_units = allocation.limit_ticks * listing.tick_units
    price_units = capped_price_units(limit_units, order.side, ctx.mid_half_units(symbol.name))
    lots = min(allocation.qty_lots, cap_nano // max(1, symbol.notional_nano(price_units, listing.lot_units)))
    is_sized = lots >= listing.min_qty_lots
    is_sized = is_sized and symbol.notional_nano(limit_units, lots * listing.lot_units) >= listing.min_notional_nano
    is_whole = lots == allocation.qty_lots or not needs_single_venue(order)
    return lots if is_sized and is_whole else 0


def needs_single_venue(order: ParentOrder) -> bool:
    return order.time_in_force is TimeInForce.FOK or order.is_full_fill_required


def is_held(order: ParentOrder) -> bool:
    return order.remainder is Remainder.HELD
