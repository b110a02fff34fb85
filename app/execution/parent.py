"""A parent's decisions: accept, plan a wave, go on, end. Facts and commands only."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain
from typing import Final

from app.domain.enums import (
    ChildState,
    DoneReason,
    Mode,
    OrderType,
    ParentState,
    Side,
    Strategy,
    TimeInForce,
    UnallocatedCode,
)
from app.domain.enums import RefusalCode as Code
from app.domain.errors import OrderRefused
from app.domain.events import OrderAccepted
from app.domain.orders import Approved, ParentOrder
from app.domain.plan import Planned, PlanRequest
from app.domain.ports import Prepared, SearchJob
from app.domain.pretrade import Said
from app.domain.quick import maker, quick_init
from app.domain.quote_pool import may_pool
from app.domain.records import ParentRecord
from app.domain.tabled import children_of
from app.domain.units import div_up
from app.execution.closing import await_no_more, finish
from app.execution.context import Context, Searching, remaining_notional_nano, remaining_qty_units, side_price
from app.execution.dealers import ask_dealers, awaits_quotes, with_quotes
from app.execution.foretell import said_of
from app.execution.hidden import ask_dark, asks_hidden, is_left_behind, n_dark_waves
from app.execution.inputs import CancelChild, SearchAway
from app.execution.later_wave import is_plain_later, later_request
from app.execution.pooling import destination, pooled, with_pool
from app.execution.queues import post_again
from app.execution.reserve_record import NEVER_LEFT
from app.execution.reserving import reserve, withdraw
from app.execution.scheduled import ScheduledApproval, begin, take_slice, work
from app.execution.stakes import gate_view, lookalike_key
from app.execution.swept import post_rest, posts_rest, require_posting
from app.execution.wave import Wanted, affordable_lots, is_held, needs_single_venue, plan_request, write_wave
from app.risk import gate
from app.risk.exposure import GateView, price_cap_units

_accepted: Final = maker(OrderAccepted)


@quick_init
@dataclass(frozen=True, slots=True)
class Approval:
    """An approved order with its first plan, or with the problem to be searched; before any fact is written."""

    approved: Approved[ParentOrder]
    planned: Planned | None
    order_id: str
    price_cap_units: int
    prepared: Prepared | None = None


def approve_or_prepare(ctx: Context, order: ParentOrder, view: GateView) -> Approval:
    """Gate, then plan, or prepare what is worth sending away; raises OrderRefused. Writes nothing.

    An order that one venue must fill whole is always planned here: whether it is refused hangs on the plan. So is one
    with a quote_pool, whose market no other process has.
    """
    require_posting(ctx, order)
    if asks_hidden(order):
        return Approval(gate.approve(view, ctx.ledger.seq + 1), None, ctx.next_order_id("ord"), price_cap_units(view))
    away = ctx.world.away
    if away is None or needs_single_venue(order) or order.quote_pool is not None:
        return approve_and_plan(ctx, order, view)
    request, cap_units = _first_request(ctx, order, view)
    books = ctx.left(order.symbol, order.side)
    prepared = away.prepare(request, books)
    planned = ctx.world.planner.plan(request, books) if prepared is None else None
    return Approval(request.approved, planned, request.order_id, cap_units, prepared)


def _first_request(ctx: Context, order: ParentOrder, view: GateView) -> tuple[PlanRequest, int]:
    """What the first wave asks for, and its price cap. The gate speaks here."""
    approved = gate.approve(view, ctx.ledger.seq + 1)
    order_id = ctx.next_order_id("ord")
    cap_units = price_cap_units(view)
    wanted = Wanted(order_id, 1, order.qty_units, order.notional_nano)
    return plan_request(ctx, approved, view, cap_units, wanted), cap_units


def approve_and_plan(ctx: Context, order: ParentOrder, view: GateView) -> Approval:
    """Gate, then plan; raises OrderRefused. Writes nothing."""
    request, cap_units = _first_request(ctx, order, view)
    planned = ctx.world.planner.plan(*pooled(ctx, request, view))
    if needs_single_venue(order) and not _fills_alone(view, planned):
        code = Code.FOK_NO_SINGLE_VENUE if order.time_in_force is TimeInForce.FOK else Code.NOT_ATOMIC
        pointer = "/time_in_force" if order.time_in_force is TimeInForce.FOK else "/require_full_fill"
        raise OrderRefused(
            code,
            pointer=pointer,
            hint="No single venue can fill it whole now; several venues are never atomic. Use ioc, or a smaller order.",
        )
    return Approval(request.approved, planned, request.order_id, cap_units)


def accept(ctx: Context, order: ParentOrder, mode: Mode, approval: Approval | ScheduledApproval) -> OrderAccepted:
    """Writes acceptance, plan and first intents: one turn, one commit."""
    state = approval.state if isinstance(approval, ScheduledApproval) else None
    foretold = said_of(ctx, order, mode, approval.price_cap_units, state)
    accepted = write_accepted(ctx, order, mode, approval, foretold)
    parent = ctx.ledger.parents[approval.order_id]
    if isinstance(approval, ScheduledApproval):
        begin(ctx, parent, approval.state)
        return accepted
    if asks_hidden(order):
        advance(ctx, parent)
        return accepted
    if approval.planned is None:
        _send_away(ctx, parent, approval.prepared)
        return accepted
    write_wave(ctx, parent, approval.planned)
    if not parent.children:
        _wait_or_end(ctx, parent, approval.planned.plan.unallocated_code or "", has_live=False)
    return accepted


def write_accepted(
    ctx: Context,
    order: ParentOrder,
    mode: Mode,
    approval: Approval | ScheduledApproval,
    foretold: Said | None = None,
) -> OrderAccepted:
    """The acceptance alone; what is sent is the caller's."""
    limits_version = approval.approved.limits_version
    accepted = acceptance(ctx, order, mode, (approval.order_id, limits_version, approval.price_cap_units), foretold)
    ctx.emit(accepted)
    note_lookalike(ctx, order, approval.order_id)
    return accepted


def acceptance(
    ctx: Context, order: ParentOrder, mode: Mode, approved: tuple[str, int, int], foretold: Said | None
) -> OrderAccepted:
    """The fact, not written. `approved`: the order's id, the version of its limits, its price cap."""
    reference = ctx.market(order.symbol)[1]
    mid_half_units, (order_id, limits_version, cap_units) = reference.mid_half_units, approved
    return _accepted(
        order.account,
        order_id,
        order,
        mode,
        limits_version,
        cap_units,
        reference.best_bid_units,
        reference.best_ask_units,
        mid_half_units,
        mid_half_units,
        ctx.now_ns,
        foretold,
    )


def note_lookalike(ctx: Context, order: ParentOrder, order_id: str) -> None:
    """An order like this one is a lookalike of it from now on, where its account's limits look for them."""
    if ctx.ledger.limits[order.account].duplicate_window_ns:
        ctx.memory.lookalikes[lookalike_key(order)] = (ctx.now_ns, order_id)


def advance(ctx: Context, parent: ParentRecord, *, may_search: bool = True) -> None:
    """Goes on with a parent whose wave may be over: next wave, wait, or end. `may_search`: a slice may be searched
    elsewhere.
    """
    if parent.state is ParentState.DONE:
        return
    live = [c for c in parent.children.values() if not c.state.is_terminal]
    if live and any(c.state is not ChildState.UNKNOWN and not is_left_behind(ctx, c) for c in live):
        post_again(ctx, parent)
        return
    if _is_filled(parent):
        if not live:
            finish(ctx, parent, DoneReason.FILLED, "")
        return
    ending = _ending(ctx, parent)
    if ending is not None:
        if not live:
            finish(ctx, parent, *ending)
        return
    if ctx.memory.next_replan_ns.get(parent.order_id, 0) > ctx.now_ns and parent.n_waves:
        return
    was_searched = parent.order_id in ctx.memory.searching
    if _is_searched(ctx, parent):
        return
    if parent.schedule is not None:
        work(ctx, parent, has_live=bool(live), may_search=may_search and not was_searched)
        return
    asks = parent.accepted.order.sweep is not None
    if asks and (ask_dark(ctx, parent) or ask_dealers(ctx, parent) or awaits_quotes(ctx, parent)):
        return
    _next_wave(ctx, parent, has_live=bool(live))


def _send_away(ctx: Context, parent: ParentRecord, prepared: Prepared | None) -> None:
    """The acceptance stands; the first wave is a later turn's, when its search comes back."""
    assert prepared is not None, "an approval has a plan, or a problem to search"
    wave = parent.n_waves + 1
    ctx.memory.searching[parent.order_id] = Searching(wave, ctx.now_ns, prepared)
    job = SearchJob(parent.order_id, wave, prepared.search_number, prepared.words)
    ctx.turn.commands.append(SearchAway(job))


def _is_searched(ctx: Context, parent: ParentRecord) -> bool:
    """Whether a search for this parent is under way and not overdue."""
    searching = ctx.memory.searching.get(parent.order_id)
    if searching is None:
        return False
    if ctx.now_ns - searching.since_ns < ctx.world.timing.max_search_ns:
        return True
    del ctx.memory.searching[parent.order_id]
    return False


def take_found(ctx: Context, parent: ParentRecord, wave: int, words: memoryview | None) -> None:
    """A search came back: its plan is written if it breaks no law of this instant, else the wave is planned here."""
    searching = ctx.memory.searching.get(parent.order_id)
    if searching is None or searching.wave != wave:
        return  # overdue, and planned here meanwhile
    del ctx.memory.searching[parent.order_id]
    if parent.schedule is not None:
        is_taken = words is not None and parent.n_waves + 1 == wave and _ending(ctx, parent) is None
        if not (is_taken and words is not None and take_slice(ctx, parent, searching, words)):
            ctx.memory.next_replan_ns.pop(parent.order_id, None)
            advance(ctx, parent, may_search=False)
        return
    if words is not None and parent.n_waves + 1 == wave and _ending(ctx, parent) is None:
        planned = _adopt(ctx, parent, searching, words)
        if planned is not None and planned.plan.allocations:
            write_wave(ctx, parent, planned)
            return
    advance(ctx, parent)


def _adopt(ctx: Context, parent: ParentRecord, searching: Searching, words: memoryview) -> Planned | None:
    """The verified plan, judged once more by the gate's view of now: kills, venues, capacities, ages of books."""
    order, cap_units = parent.accepted.order, parent.accepted.price_cap_units
    if ctx.world.away is None or gate.is_halted(order, ctx.ledger.kills):
        return None
    view = gate_view(ctx, order, parent.mode, parent=parent)
    if view.account.limits is None or not view.eligible:
        return None
    wanted = Wanted(parent.order_id, searching.wave, order.qty_units, order.notional_nano)
    request = plan_request(ctx, gate.readopt(parent), view, cap_units, wanted)
    return ctx.world.away.adopt(searching.prepared, request, words)


def _ending(ctx: Context, parent: ParentRecord) -> tuple[DoneReason, str] | None:
    """Why nothing more may be sent for this parent, if so."""
    order, timing = parent.accepted.order, ctx.world.timing
    if parent.is_canceling:
        return DoneReason.CANCELED, "cancel_requested"
    if order.time_in_force is TimeInForce.GTD and ctx.now_ns >= order.expire_ts_ns:
        return DoneReason.EXPIRED, "expire_at"
    if parent.is_stop:
        return _exhausted(parent, "stop_over")
    is_one_wave = order.strategy is Strategy.SWEEP and not posts_rest(order)
    if parent.n_waves > n_dark_waves(ctx, parent) and (is_one_wave or needs_single_venue(order)):
        return _exhausted(parent, "one_wave")
    if is_held(order) or parent.schedule is not None:
        return None
    if parent.n_waves - n_dark_waves(ctx, parent) >= timing.max_waves:
        return _exhausted(parent, "max_waves")
    if ctx.now_ns - parent.accepted.approved_ts_ns >= timing.max_working_ns:
        return _exhausted(parent, "max_working_time")
    return None


def _exhausted(parent: ParentRecord, detail: str) -> tuple[DoneReason, str]:
    children = [record for record in parent.children.values() if record.code != NEVER_LEFT]
    order = parent.accepted.order
    is_whole_notional = order.notional_nano is not None and needs_single_venue(order)
    if is_whole_notional and children and all(c.state is ChildState.FILLED for c in children):
        return DoneReason.FILLED, "residual_below_lot"
    if children and not parent.cum_qty_units and all(c.state is ChildState.REJECTED for c in children):
        return DoneReason.REJECTED, children[0].code
    return DoneReason.CANCELED, detail


def _next_wave(ctx: Context, parent: ParentRecord, *, has_live: bool) -> None:
    order = parent.accepted.order
    symbol = ctx.world.universe.symbols[order.symbol]
    qty_units = remaining_qty_units(parent)
    notional_nano = remaining_notional_nano(parent, symbol)
    if not (qty_units or notional_nano):
        return  # all of it is in flight at venues of which nothing is proven
    await_no_more(ctx, parent)
    if ctx.ledger.kills and gate.is_halted(order, ctx.ledger.kills):
        _wait_or_end(ctx, parent, "kill_switch", has_live=has_live)
        return
    if order.quote_pool is None and not _crosses(ctx, order, parent.accepted.price_cap_units):
        _wait_or_end(ctx, parent, UnallocatedCode.BEYOND_LIMIT, has_live=has_live)
        return
    planned = _plan_later(ctx, parent, Wanted(parent.order_id, parent.n_waves + 1, qty_units, notional_nano))
    if planned is None:
        _wait_or_end(ctx, parent, UnallocatedCode.NO_VENUE, has_live=has_live)
        return
    plan = planned.plan
    all_lots = [lots for _, lots, _ in children_of(plan)]
    if not all_lots:
        _wait_or_end(ctx, parent, plan.unallocated_code or "", has_live=has_live)
        return
    if qty_units is None or ctx.world.child_cap_nano:  # what is paid for or capped may come to less than planned
        found = [(item, destination(ctx, parent, item, plan.conversions)) for item in plan.allocations]
        all_lots = [affordable_lots(ctx, parent, item, to) for item, to in found]
    if not any(all_lots):
        _wait_or_end(ctx, parent, UnallocatedCode.BELOW_LOT, has_live=has_live)
        return
    write_wave(ctx, parent, planned)


def _plan_later(ctx: Context, parent: ParentRecord, wanted: Wanted) -> Planned | None:
    """The plan of a later wave; None where no venue is open to it."""
    order, planner = parent.accepted.order, ctx.world.planner
    if wanted.qty_units is not None and is_plain_later(ctx, parent):
        asked = later_request(ctx, parent, wanted.qty_units)
        return None if asked is None else planner.plan(asked, ctx.left(order.symbol, order.side))
    view = with_pool(ctx, gate_view(ctx, order, parent.mode, parent=parent), parent)
    if view.account.limits is None or not (view.eligible or (view.pool is not None and view.pool.instruments)):
        return None
    request = plan_request(ctx, gate.readopt(parent), view, parent.accepted.price_cap_units, wanted)
    return planner.plan(*with_quotes(ctx, parent, view, *pooled(ctx, request, view)))


def _crosses(ctx: Context, order: ParentOrder, cap_units: int) -> bool:
    price_units = side_price(ctx.market(order.symbol)[1], order.side)
    return bool(price_units) and (not cap_units or order.side.sign * (price_units - cap_units) <= 0)


def _wait_or_end(ctx: Context, parent: ParentRecord, why: str, *, has_live: bool) -> None:
    """Held orders and good-till orders look again later; the rest end with what they have.

    `why`: an UnallocatedCode or a word of ours, empty where the plan gave no reason.
    """
    order = parent.accepted.order
    if why != UnallocatedCode.BEYOND_LIMIT:
        withdraw(ctx, parent.order_id)
    if why != "kill_switch" and post_rest(ctx, parent):
        return
    waits = is_held(order) or (order.order_type is OrderType.MARKET and order.time_in_force is TimeInForce.GTC)
    is_dust = why in (UnallocatedCode.BELOW_LOT, UnallocatedCode.BELOW_MINIMUM)
    if is_dust and waits:
        is_dust = _fits_nowhere(ctx, parent)
    if has_live or (waits and not is_dust):
        ctx.memory.next_replan_ns[parent.order_id] = ctx.now_ns + ctx.world.timing.replan_every_ns
        cap_units = parent.accepted.price_cap_units
        if why == UnallocatedCode.BEYOND_LIMIT and cap_units and not has_live:
            ctx.memory.awaited.setdefault(order.symbol, {})[parent.order_id] = (order.side.sign, cap_units)
            reserve(ctx, parent)
    elif is_dust and parent.cum_qty_units and order.notional_nano is not None:
        finish(ctx, parent, DoneReason.FILLED, "residual_below_lot")
    else:
        reason, detail = _exhausted(parent, why or "nothing_to_take")
        finish(ctx, parent, reason, detail)


def _fits_nowhere(ctx: Context, parent: ParentRecord) -> bool:
    """Whether the rest is too small for every venue the order may ever use, not only for those of this instant.

    Listings of its quote_pool are judged at par: what waits for one of them in vain waits like any held order.
    """
    order, universe = parent.accepted.order, ctx.world.universe
    symbol = universe.symbols[order.symbol]
    mid_units = max(1, div_up(ctx.mid_half_units(symbol.name, parent.accepted.approved_mid_half_units), 2))
    cap_units = parent.accepted.price_cap_units
    price_units = max(cap_units, mid_units) if order.side is Side.SELL else (cap_units or mid_units)
    rest_units, rest_nano = remaining_qty_units(parent), remaining_notional_nano(parent, symbol) or 0
    pooled_symbols = [s for s in universe.symbols.values() if may_pool(symbol.fungible, s.fungible, order.quote_pool)]
    for venue, listing in chain.from_iterable(universe.listings(s.name).items() for s in (symbol, *pooled_symbols)):
        if venue in order.venues.exclude or (order.venues.include and venue not in order.venues.include):
            continue
        lot_nano = max(1, symbol.notional_nano(price_units, listing.lot_units))
        lots = rest_nano // lot_nano if rest_units is None else rest_units // listing.lot_units
        notional_nano = symbol.notional_nano(price_units, lots * listing.lot_units)
        if lots >= listing.min_qty_lots and notional_nano >= listing.min_notional_nano:
            return False
    return True


def _fills_alone(view: GateView, planned: Planned) -> bool:
    """One venue takes all of it; of a notional, all but what does not pay for one more lot, also at its limit."""
    plan = planned.plan
    if len(plan.allocations) != 1 or plan.unallocated_qty_units:
        return False
    if not plan.unallocated_notional_nano:
        return True
    item = plan.allocations[0]
    limit_units = item.limit_ticks * view.instruments[item.venue].tick_units
    is_within = view.symbol.notional_nano(limit_units, item.qty_units) <= (view.order.notional_nano or 0)
    return plan.unallocated_code is UnallocatedCode.BELOW_LOT and (view.order.side is Side.SELL or is_within)


def _is_filled(parent: ParentRecord) -> bool:
    order = parent.accepted.order
    if order.qty_units is not None:
        return parent.cum_qty_units >= order.qty_units
    assert order.notional_nano is not None
    return parent.cum_notional_nano >= order.notional_nano


def cancel(ctx: Context, parent: ParentRecord) -> None:
    """Tells the venues of live children; a parent without any ends at once."""
    for record in parent.children.values():
        if not record.state.is_terminal:
            ctx.turn.commands.append(CancelChild(record.child))
    advance(ctx, parent)
