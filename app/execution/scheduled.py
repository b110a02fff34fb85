"""A scheduled parent's decisions: what is given out now, what comes back, and how it ends.

The schedule itself is pure (execution/slicer.py); here it meets the clock, the market and the children. Every act is a
fact that carries the progress after it, so a restart continues where the clock is. What is out is always what children
have filled or may still fill: children sum to the parent whatever happens between them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import gcd
from typing import Final

from app.domain.bending import MOST_TILT_PPM
from app.domain.enums import ChildState, DoneReason, Side, Strategy
from app.domain.errors import BadRequest, InvariantBroken
from app.domain.events import ScheduleBegun, ScheduleGivenBack, SliceReleased
from app.domain.orders import Approved, ParentOrder
from app.domain.plan import Planned, PlanRequest
from app.domain.ports import SearchJob
from app.domain.quote_pool import may_pool
from app.domain.records import ParentRecord
from app.domain.schedule import AdaptiveParameters, Disguise, DisguisedParameters, Progress, ScheduleParameters, Seen
from app.domain.scheduled import ADAPTIVE, Schedule, ScheduleState, default_slice_ns, parameters_of
from app.domain.units import PPM, div_up
from app.execution import slicer
from app.execution.bending import bent
from app.execution.closing import finish
from app.execution.context import Context, Searching, side_price
from app.execution.discretion import Reach, check_discretion, reach_of, rested_units, tell_discretion
from app.execution.disguise import seed_of
from app.execution.inputs import SearchAway
from app.execution.pooling import destination, pooled, pooled_touch_units, with_pool
from app.execution.posting import check_resting, find_post, overdue_lots, posting_of, rest_until_ns, write_post
from app.execution.queues import Split, find_split, write_split
from app.execution.stakes import gate_view
from app.execution.wave import Wanted, affordable_lots, plan_request, write_wave
from app.risk import gate
from app.risk.exposure import GateView, price_cap_units

# Trades of others before anybody can be told from them, or hide among them.
LEAST_CROWD: Final = 50


@dataclass(frozen=True, slots=True)
class ScheduledApproval:
    """An approved scheduled order with its schedule as it will begin; before any fact is written."""

    approved: Approved[ParentOrder]
    order_id: str
    price_cap_units: int
    state: ScheduleState


def approve_scheduled(ctx: Context, order: ParentOrder, view: GateView) -> ScheduledApproval:
    """The gate for the whole quantity, then the schedule against the clock; raises OrderRefused, BadRequest."""
    approved = gate.approve(view, ctx.ledger.seq + 1)
    cap_units = price_cap_units(view)
    if order.schedule is None or order.qty_units is None:
        raise InvariantBroken(strategy=order.strategy.value, reason="a scheduled order has a schedule and a quantity")
    schedule = resolved(ctx, order.symbol, order.schedule)
    if schedule.discretion_units:
        check_discretion(ctx, order, schedule)
    check_resting(ctx, schedule.resting)
    lot_units = _lot_units(ctx, order)
    mid_half_units = view.reference.mid_half_units
    parameters_of(schedule, order.side, cap_units, lot_units, mid_half_units)
    progress = slicer.begin(order.qty_units // lot_units, Seen(ctx.now_ns))
    state = ScheduleState(schedule, lot_units, mid_half_units, progress)
    return ScheduledApproval(approved, ctx.next_order_id("ord"), cap_units, state)


def resolved(ctx: Context, symbol: str, schedule: Schedule) -> Schedule:
    """The schedule with what only the engine knows: its start, and a learned curve. Raises BadRequest."""
    start_ns = schedule.start_ns or ctx.now_ns
    if schedule.end_ns <= ctx.now_ns:
        hint = "Use a time in the future; GET /v1/time tells the service's."
        raise BadRequest("invalid_request", "The end has passed.", pointer="/strategy_params/end_at", hint=hint)
    if schedule.end_ns <= start_ns:
        hint = "Use a later end_at or an earlier start_at."
        detail = "The end must be after the start."
        raise BadRequest("invalid_request", detail, pointer="/strategy_params/end_at", hint=hint)
    span_ns = schedule.end_ns - start_ns
    slice_ns = min(schedule.slice_ns or default_slice_ns(span_ns), span_ns)
    schedule = replace(schedule, start_ns=start_ns, slice_ns=slice_ns)
    volumes = ctx.world.volumes
    if schedule.needs_volume and (volumes is None or volumes.others_units(symbol) is None):
        pointer = "/strategy" if schedule.strategy is Strategy.POV else "/strategy_params/participation_cap"
        raise BadRequest(
            "invalid_request",
            f"No venue tells what others trade in {symbol}; a part of it cannot be followed.",
            pointer=pointer,
            hint="Use a strategy of the clock without a cap.",
        )
    if schedule.needs_curve:
        curve = volumes.curve(symbol, start_ns, schedule.end_ns) if volumes is not None else (1,)
        schedule = replace(schedule, weights=curve)
    if schedule.is_adaptive:
        _check_adaptive(ctx, schedule)
    if schedule.disguise is Disguise.ON:
        schedule = replace(schedule, crowd_units=_crowd_units(ctx, symbol))
    return schedule


def _check_adaptive(ctx: Context, schedule: Schedule) -> None:
    """Raises BadRequest for what an adaptive version cannot be."""
    if schedule.strategy not in ADAPTIVE:
        raise BadRequest(
            "invalid_request", "A POV has no adaptive version.", pointer="/strategy_params/version", hint="Use 1."
        )
    if schedule.disguise is Disguise.ON:
        detail = "A plan is bent by forecasts, or drawn by chance."
        raise BadRequest("invalid_request", detail, pointer="/strategy_params/disguise", hint="Use version 1.")
    if not 0 < schedule.max_tilt_ppm <= MOST_TILT_PPM:
        detail = f"A tilt is above 0 and at most {MOST_TILT_PPM / PPM}."
        raise BadRequest("invalid_request", detail, pointer="/strategy_params/max_tilt")
    if ctx.world.outlooks is None:
        detail = "Nothing is forecast here."
        raise BadRequest("invalid_request", detail, pointer="/strategy_params/version", hint="Use version 1.")


def _crowd_units(ctx: Context, symbol: str) -> tuple[int, ...]:
    """Sizes of others' trades as they are heard now. Raises BadRequest where too few are, to hide among."""
    volumes = ctx.world.volumes
    sizes_units = volumes.sizes_units(symbol) if volumes is not None else ()
    if len(sizes_units) < LEAST_CROWD:
        raise BadRequest(
            "invalid_request",
            f"{len(sizes_units)} trades of others in {symbol} were heard; a disguise needs {LEAST_CROWD}.",
            pointer="/strategy_params/disguise",
            hint="Ask again later, or without a disguise.",
        )
    return sizes_units


def begin(ctx: Context, parent: ParentRecord, state: ScheduleState) -> None:
    """The schedule starts; what is due at once leaves in the same turn."""
    ctx.emit(ScheduleBegun(parent.account, parent.order_id, state))
    others_units(ctx, parent)
    work(ctx, parent, has_live=False)


def parameters(ctx: Context, parent: ParentRecord, state: ScheduleState, cap_units: int = 0) -> ScheduleParameters:
    """What the slicer takes, of a schedule that was found good; bent as its facts say, or disguised by a seed of the
    log's own and the order. `cap_units`: another limit than the order's own.
    """
    side, limit_units = parent.accepted.order.side, cap_units or parent.soft_cap_units
    plain = parameters_of(state.schedule, side, limit_units, state.lot_units, state.mid_half_units)
    if state.schedule.is_adaptive:
        return AdaptiveParameters(plain.terms, plain, state.bend)
    if state.schedule.disguise is Disguise.NONE:
        return plain
    seed_bits = seed_of(ctx.ledger.epoch, parent.order_id)
    return DisguisedParameters(plain.terms, plain, seed_bits, state.schedule.crowd_lots(state.lot_units))


def others_units(ctx: Context, parent: ParentRecord) -> int:
    """What others have traded since the parent came, by the count that its facts go on with.

    What was traded while no process looked is not known and not counted: caps and POV err on the quiet side.
    """
    volumes, state = ctx.world.volumes, parent.schedule
    counted = volumes.others_units(parent.accepted.order.symbol) if volumes is not None else None
    if counted is None or state is None:
        return 0
    progress, bases = state.progress, ctx.memory.volume_base_units
    if parent.order_id not in bases:
        told_lots = max(progress.mark_others_lots, progress.anchor_others_lots)
        bases[parent.order_id] = told_lots * state.lot_units - counted
    return bases[parent.order_id] + counted


def seen_now(ctx: Context, parent: ParentRecord, state: ScheduleState) -> Seen:
    """The clock, others' volume, and the far touch of the venues where we have not just traded the other side."""
    return Seen(ctx.now_ns, others_units(ctx, parent) // state.lot_units, _touch_units(ctx, parent) or None)


def _touch_units(ctx: Context, parent: ParentRecord) -> int:
    """0 for none. Limit and would-price of a buyer look at asks; our own sells bring those near, not the market."""
    order = parent.accepted.order
    own = side_price(ctx.calm(order.symbol, Side.SELL if order.side is Side.BUY else Side.BUY), order.side)
    if order.quote_pool is None:
        return own
    return pooled_side_units(ctx, own, with_pool(ctx, gate_view(ctx, order, parent.mode, parent=parent), parent))


def pooled_side_units(ctx: Context, own_units: int, view: GateView) -> int:
    """The better of the own symbol's far touch and the pool's, 0 for none."""
    other_units = pooled_touch_units(ctx, view)
    best = min if view.order.side is Side.BUY else max
    return best(own_units or other_units, other_units or own_units)


def settled(ctx: Context, parent: ParentRecord) -> ScheduleState:
    """The schedule once ended children have given back what they did not fill (or a late fill took some again)."""
    state = parent.schedule
    if state is None:
        raise InvariantBroken(order_id=parent.order_id, reason="no schedule")
    taken_lots = div_up(parent.cum_qty_units + parent.in_flight_qty_units, state.lot_units)
    progress = slicer.settle(state.progress, taken_lots)
    unfilled_lots = state.progress.released_lots - progress.released_lots
    if posting_of(ctx, state.schedule) is not None:
        progress = slicer.regain(parameters(ctx, parent, state), progress, unfilled_lots)
    if unfilled_lots:
        ctx.emit(ScheduleGivenBack(parent.account, parent.order_id, unfilled_lots * state.lot_units, progress))
    return replace(state, progress=progress)


def work(ctx: Context, parent: ParentRecord, *, has_live: bool, may_search: bool = True) -> None:
    """Releases what is due now, or ends the parent where its time is over. No child is alive but unknown ones.

    `may_search`: a slice whose problem is heavy may be searched elsewhere first.
    """
    state = bent(ctx, parent, settled(ctx, parent))
    schedule, progress = state.schedule, state.progress
    ctx.memory.next_replan_ns[parent.order_id] = _next_look_ns(ctx, parent, state)
    is_over = ctx.now_ns >= schedule.end_ns
    if is_over and (progress.is_paused or schedule.strategy is Strategy.POV):
        _end(ctx, parent, "end_at", has_live=has_live)
        return
    if ctx.now_ns < schedule.start_ns or progress.is_paused or not _may_be_due(ctx, parent, state):
        _end_late(ctx, parent, state, has_live=has_live)
        return
    if ctx.memory.is_draining:
        return
    if gate.is_halted(parent.accepted.order, ctx.ledger.kills):
        _end_late(ctx, parent, state, has_live=has_live)
        return
    found = parameters(ctx, parent, state)
    seen = seen_now(ctx, parent, state)
    after, slice_lots = slicer.release(found, progress, seen)
    if slice_lots and may_search and _search_slice(ctx, parent, state, slice_lots):
        return
    if slice_lots and _place_slice(ctx, parent, state, after, seen):
        return
    if not slice_lots and _cross_past_limit(ctx, parent, state, seen):
        return
    if is_over and _is_beyond_limit(parent, seen):
        _end(ctx, parent, "beyond_limit", has_live=has_live)
    else:
        _end_late(ctx, parent, state, has_live=has_live)


def _may_be_due(ctx: Context, parent: ParentRecord, state: ScheduleState) -> bool:
    """Whether the market must be looked at: by the clock and others' volume alone something would be due."""
    if state.schedule.would_price_units is not None:
        return state.progress.released_lots < state.progress.total_lots
    price_units = parent.soft_cap_units or None
    seen = Seen(ctx.now_ns, others_units(ctx, parent) // state.lot_units, price_units)
    return slicer.target_lots(parameters(ctx, parent, state), state.progress, seen) > state.progress.released_lots


def _next_look_ns(ctx: Context, parent: ParentRecord, state: ScheduleState) -> int:
    """The next slice's begin, or the next clip of a disguised one; before it, as often as a held order is looked at,
    what could not be given out before.

    What follows volume waits for the slice: volume comes all the time, and each look would be a child of its own.
    """
    schedule = state.schedule
    look_ns = ctx.now_ns + ctx.world.timing.replan_every_ns
    if ctx.now_ns < schedule.start_ns:
        return max(schedule.start_ns, ctx.now_ns + 1)
    slice_i = (ctx.now_ns - schedule.start_ns) // schedule.slice_ns + 1
    slice_ns = schedule.start_ns + slice_i * schedule.slice_ns
    if schedule.disguise is Disguise.ON:
        slice_ns = slicer.next_due_ns(parameters(ctx, parent, state), state.progress, ctx.now_ns) or schedule.end_ns
    is_on_grid = schedule.needs_volume and schedule.would_price_units is None and ctx.now_ns < schedule.end_ns
    # What rested and did not fill crosses when its time is over, not at the next slice.
    rested_ns = rest_until_ns(ctx, schedule)
    return min(slice_ns, rested_ns or slice_ns) if is_on_grid else min(look_ns, slice_ns)


def _place_slice(ctx: Context, parent: ParentRecord, state: ScheduleState, after: Progress, seen: Seen) -> bool:
    """What is overdue crosses first; what this slice brought rests where it may, and crosses where it may not."""
    before_lots = state.progress.released_lots
    slice_lots = after.released_lots - before_lots
    if not rest_until_ns(ctx, state.schedule):
        return _send_slice(ctx, parent, after, slice_lots)
    found = parameters(ctx, parent, state)
    late_lots = min(overdue_lots(ctx, state.schedule, found, state.progress, seen.price_ticks), slice_lots)
    late = replace(after, released_lots=before_lots + late_lots)
    if late_lots > 0 and _send_slice(ctx, parent, late, late_lots):
        return True
    split = find_split(ctx, parent, state, slice_lots)
    post = None if isinstance(split, Split) else find_post(ctx, parent, state, slice_lots)
    posts = split.posts if isinstance(split, Split) else (post,) if post is not None else ()
    if posts:
        rest_units = rested_units(parent, [one.price_units for one in posts], posts[0].rest_until_ns)
        reach = reach_of(ctx, parent, slice_lots * state.lot_units, rest_units)
        if reach is not None and _send_slice(ctx, parent, after, slice_lots, reach):
            return True
    if isinstance(split, Split):
        return _send_split(ctx, parent, after, slice_lots, split)
    if post is None:
        return _send_slice(ctx, parent, after, slice_lots)
    _release(ctx, parent, after, slice_lots)
    write_post(ctx, parent, replace(post, rule=split))
    return True


def _send_split(ctx: Context, parent: ParentRecord, after: Progress, slice_lots: int, split: Split) -> bool:
    """What rests first, so that the crossing is planned with what is left to pay it with."""
    if not split.posts:
        return _send_slice(ctx, parent, after, slice_lots)
    assert parent.schedule is not None
    cross_lots = split.cross_units // parent.schedule.lot_units
    resting = replace(after, released_lots=after.released_lots - cross_lots)
    _release(ctx, parent, resting, slice_lots - cross_lots)
    write_split(ctx, parent, split)
    if cross_lots:
        _send_slice(ctx, parent, after, cross_lots)
    return True


def _cross_past_limit(ctx: Context, parent: ParentRecord, state: ScheduleState, seen: Seen) -> bool:
    """What is due beyond the limit, where the order's discretion goes past it and all of it is shown within reach."""
    if not state.schedule.past_limit_units or not _is_beyond_limit(parent, seen):
        return False
    found = parameters(ctx, parent, state, parent.accepted.price_cap_units)
    after, slice_lots = slicer.release(found, state.progress, seen)
    reach = reach_of(ctx, parent, slice_lots * state.lot_units)
    return reach is not None and _send_slice(ctx, parent, after, slice_lots, reach)


def _release(ctx: Context, parent: ParentRecord, after: Progress, slice_lots: int) -> None:
    state = parent.schedule
    assert state is not None
    ctx.emit(
        SliceReleased(
            account=parent.account,
            order_id=parent.order_id,
            slice_qty_units=slice_lots * state.lot_units,
            due_qty_units=after.released_lots * state.lot_units,
            others_qty_units=others_units(ctx, parent),
            price_units=_touch_units(ctx, parent),
            progress=after,
        )
    )


def _send_slice(
    ctx: Context, parent: ParentRecord, after: Progress, slice_lots: int, reach: Reach | None = None
) -> bool:
    """The slice through the router, if that finds a place for any of it; what finds none comes back when it settles.

    `reach`: how far it may go by discretion.
    """
    order, state = parent.accepted.order, parent.schedule
    assert state is not None
    view = with_pool(ctx, gate_view(ctx, order, parent.mode, parent=parent), parent)
    if view.account.limits is None or not (view.eligible or (view.pool is not None and view.pool.instruments)):
        return False
    wanted = Wanted(parent.order_id, parent.n_waves + 1, slice_lots * state.lot_units, None)
    cap_units = reach.price_units if reach is not None else parent.soft_cap_units
    request = plan_request(ctx, gate.readopt(parent), view, cap_units, wanted)
    planned = ctx.world.planner.plan(*pooled(ctx, request, view))
    if not _has_a_child(ctx, parent, planned):
        return False
    if reach is not None:
        tell_discretion(ctx, parent, reach, slice_lots * state.lot_units)
    _release(ctx, parent, after, slice_lots)
    write_wave(ctx, parent, planned)
    return True


def _search_slice(ctx: Context, parent: ParentRecord, state: ScheduleState, slice_lots: int) -> bool:
    """Hands the search for a slice that crosses to a route worker, where that pays; it is released with the answer.

    What may rest is not searched: its time to rest would pass.
    """
    away, order = ctx.world.away, parent.accepted.order
    if away is None or order.quote_pool is not None or rest_until_ns(ctx, state.schedule):
        return False
    request = _slice_request(ctx, parent, state, slice_lots)
    prepared = away.prepare(request, ctx.left(order.symbol, order.side)) if request is not None else None
    if request is None or prepared is None:
        return False
    ctx.memory.searching[parent.order_id] = Searching(request.wave, ctx.now_ns, prepared, slice_lots)
    job = SearchJob(parent.order_id, request.wave, prepared.search_number, prepared.words)
    ctx.turn.commands.append(SearchAway(job))
    return True


def take_slice(ctx: Context, parent: ParentRecord, searching: Searching, words: memoryview) -> bool:
    """A slice's search came back: it is released and sent if so much is due now and its plan breaks no law of now.

    False where it is not; then the slice is planned here.
    """
    has_sent = any(not c.state.is_terminal and c.state is not ChildState.UNKNOWN for c in parent.children.values())
    is_halted = gate.is_halted(parent.accepted.order, ctx.ledger.kills)
    if ctx.world.away is None or has_sent or is_halted or ctx.memory.is_draining:
        return False
    state = bent(ctx, parent, settled(ctx, parent))
    seen, before_lots = seen_now(ctx, parent, state), state.progress.released_lots
    after, slice_lots = slicer.release(parameters(ctx, parent, state), state.progress, seen)
    request = _slice_request(ctx, parent, state, searching.slice_lots)
    if request is None or slice_lots < searching.slice_lots:
        return False
    planned = ctx.world.away.adopt(searching.prepared, request, words)
    if planned is None or not _has_a_child(ctx, parent, planned):
        return False
    ctx.memory.next_replan_ns[parent.order_id] = _next_look_ns(ctx, parent, state)
    _release(ctx, parent, replace(after, released_lots=before_lots + searching.slice_lots), searching.slice_lots)
    write_wave(ctx, parent, planned)
    return True


def _slice_request(ctx: Context, parent: ParentRecord, state: ScheduleState, slice_lots: int) -> PlanRequest | None:
    """What a planner is asked for a slice in the order's own symbol now; None where no venue is open to it."""
    view = gate_view(ctx, parent.accepted.order, parent.mode, parent=parent)
    if view.account.limits is None or not view.eligible:
        return None
    wanted = Wanted(parent.order_id, parent.n_waves + 1, slice_lots * state.lot_units, None)
    return plan_request(ctx, gate.readopt(parent), view, parent.soft_cap_units, wanted)


def _has_a_child(ctx: Context, parent: ParentRecord, planned: Planned) -> bool:
    conversions = planned.plan.conversions
    return any(
        affordable_lots(ctx, parent, allocation, destination(ctx, parent, allocation, conversions))
        for allocation in planned.plan.allocations
    )


def _is_beyond_limit(parent: ParentRecord, seen: Seen) -> bool:
    cap_units, side = parent.soft_cap_units, parent.accepted.order.side
    return bool(cap_units) and seen.price_ticks is not None and side.sign * (seen.price_ticks - cap_units) > 0


def _end_late(ctx: Context, parent: ParentRecord, state: ScheduleState, *, has_live: bool) -> None:
    """What could not be crossed at the end is tried for as long as any order that rests nowhere, and no longer."""
    if ctx.now_ns < state.schedule.end_ns + ctx.world.timing.max_working_ns:
        return
    if gate.is_halted(parent.accepted.order, ctx.ledger.kills):
        why = "kill_switch"
    else:
        why = "participation_cap" if state.schedule.cap_ppm is not None else "end_at"
    _end(ctx, parent, why, has_live=has_live)


def _end(ctx: Context, parent: ParentRecord, why: str, *, has_live: bool) -> None:
    if not has_live:
        finish(ctx, parent, DoneReason.EXPIRED, why)


def _lot_units(ctx: Context, order: ParentOrder) -> int:
    """The schedule's own lot: every fill of every listing, and the order itself, is a whole number of it."""
    universe = ctx.world.universe
    own = universe.symbols[order.symbol]
    others = (s for s in universe.symbols.values() if may_pool(own.fungible, s.fungible, order.quote_pool))
    names = (own.name, *(s.name for s in others if s.qty_scale == own.qty_scale))
    return gcd(order.qty_units or 0, *(x.lot_units for name in names for x in universe.listings(name).values()))
