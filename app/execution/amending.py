"""Pause, resume and amend: what a desk may change of an order that lives.

Only what an amendment adds is looked at by the gate again: less of anything needs nobody's leave.
"""

from __future__ import annotations

from dataclasses import replace

from app.domain.enums import ParentState
from app.domain.errors import BadRequest
from app.domain.events import OrderAmended, SchedulePaused, ScheduleResumed
from app.domain.orders import ParentOrder
from app.domain.records import ParentRecord
from app.domain.schedule import Seen
from app.domain.scheduled import Amendment, Schedule, ScheduleState, parameters_of
from app.domain.units import decimal_text
from app.execution import slicer
from app.execution.commitments import leaves
from app.execution.context import Context
from app.execution.parent import advance
from app.execution.pooling import with_pool
from app.execution.posting import pull_all
from app.execution.scheduled import others_units, settled
from app.execution.stakes import gate_view
from app.execution.wave import is_held
from app.risk import gate
from app.risk.exposure import GateView, cap_units_of


def pause(ctx: Context, parent: ParentRecord, actor: str) -> None:
    """Nothing more is released until it is resumed. Pausing twice is pausing once."""
    state = _living_schedule(parent)
    if not state.progress.is_paused:
        progress = slicer.pause(settled(ctx, parent).progress)
        ctx.emit(SchedulePaused(parent.account, parent.order_id, actor, progress))
        pull_all(ctx, parent, "paused")


def resume(ctx: Context, parent: ParentRecord, actor: str) -> None:
    """What is left is planned anew from now to the same end; what is due at once leaves in this turn."""
    state = _living_schedule(parent)
    if not state.progress.is_paused:
        return
    state, seen_units = settled(ctx, parent), others_units(ctx, parent)
    progress = slicer.resume(state.progress, Seen(ctx.now_ns, seen_units // state.lot_units))
    ctx.emit(ScheduleResumed(parent.account, parent.order_id, actor, seen_units, progress))
    _look_again(ctx, parent)


def amend(ctx: Context, parent: ParentRecord, actor: str, change: Amendment) -> None:
    """Writes the order as it is from now on, and goes on with it. Raises BadRequest, OrderRefused; then nothing was
    changed.
    """
    _require_alive(parent)
    if change.if_version and change.if_version != parent.version:
        detail = f"The order is at version {parent.version}, not {change.if_version}."
        raise BadRequest("version_conflict", detail, pointer="/if_version", hint="Read it again, then decide.")
    order = parent.accepted.order
    _require_amendable(ctx, parent, change)
    qty_units = order.qty_units if change.qty_units is None else change.qty_units
    assert qty_units is not None
    limit_units = order.limit_price_units if change.limit_price_units is None else change.limit_price_units
    taken_units = parent.cum_qty_units + parent.in_flight_qty_units
    if qty_units < max(taken_units, 1):
        symbol = ctx.world.universe.symbols[order.symbol]
        taken = f"{decimal_text(taken_units, symbol.qty_scale)} {symbol.qty_currency}"
        detail = f"{taken} are filled or at a venue already."
        raise BadRequest("invalid_request", detail, pointer="/qty", hint=f"Use at least {taken}, or cancel the order.")
    asked = replace(order, qty_units=qty_units, limit_price_units=limit_units)
    cap_units, limits_version = _allowed(ctx, parent, asked)
    state, seen_units = _rescheduled(ctx, parent, change, asked, cap_units)
    ctx.emit(
        OrderAmended(
            account=parent.account,
            order_id=parent.order_id,
            actor=actor,
            qty_units=qty_units,
            limit_price_units=limit_units,
            price_cap_units=cap_units,
            limits_version=limits_version,
            schedule=_asked_schedule(order.schedule, change),
            state=state,
            others_qty_units=seen_units,
        )
    )
    pull_all(ctx, parent, "amended")
    _look_again(ctx, parent)


def _living_schedule(parent: ParentRecord) -> ScheduleState:
    _require_alive(parent)
    if parent.schedule is None:
        detail = f"A {parent.accepted.order.strategy.value} order is not worked in time: there is nothing to pause."
        raise BadRequest("not_amendable", detail)
    return parent.schedule


def _require_alive(parent: ParentRecord) -> None:
    if parent.state is ParentState.DONE or parent.is_canceling:
        word = parent.done_reason.value if parent.done_reason else "being canceled"
        raise BadRequest("not_amendable", f"The order is {word}.", hint="Place a new one.")


def _require_amendable(ctx: Context, parent: ParentRecord, change: Amendment) -> None:
    order = parent.accepted.order
    if parent.schedule is None and not (is_held(order) and order.qty_units is not None):
        detail = "Only an order that is worked in time, or a limit order by quantity that waits, can be amended."
        raise BadRequest("not_amendable", detail, hint="Cancel it and place another.")
    if parent.schedule is None and change.is_of_schedule:
        raise BadRequest("invalid_request", "The order has no schedule; only qty and limit_price change.")
    if change.qty_units is not None and parent.order_id in ctx.ledger.definitions.leg_of_order:
        detail = "The order is a leg of a conditional order, whose other legs count with its quantity."
        raise BadRequest("not_amendable", detail, pointer="/qty", hint="Cancel the conditional order, place another.")
    if change.limit_price_units is not None and order.limit_price_units is None:
        detail = "A market order has no limit to change."
        raise BadRequest("invalid_request", detail, pointer="/limit_price", hint="Cancel it and place a limit order.")


def _allowed(ctx: Context, parent: ParentRecord, asked: ParentOrder) -> tuple[int, int]:
    """(price cap, limits version) of the amended order, once the gate has said yes to what it adds."""
    limits = ctx.ledger.limits.get(parent.account)
    cap_units = cap_units_of(asked, limits, parent.accepted.approved_mid_half_units)
    order, old_cap_units = parent.accepted.order, parent.accepted.price_cap_units
    assert asked.qty_units is not None
    assert order.qty_units is not None
    is_dearer = bool(old_cap_units) and (not cap_units or order.side.sign * (cap_units - old_cap_units) > 0)
    view = _view_of_rest(ctx, parent, asked)
    if asked.qty_units > order.qty_units or is_dearer:
        gate.approve_amended(view, with_pool(ctx, gate_view(ctx, asked, parent.mode, parent=parent), parent))
    else:
        gate.approve_form(gate_view(ctx, asked, parent.mode, parent=parent))
    return cap_units, limits.version if limits is not None else parent.accepted.limits_version


def _view_of_rest(ctx: Context, parent: ParentRecord, asked: ParentOrder) -> GateView:
    """What the amended order may still send, as a new order beside everything but its own old rest."""
    universe, order = ctx.world.universe, parent.accepted.order
    assert asked.qty_units is not None
    rest_units = asked.qty_units - parent.cum_qty_units - parent.in_flight_qty_units
    view = gate_view(ctx, replace(asked, qty_units=rest_units), parent.mode, parent=parent)
    leaves_units, leaves_nano = leaves(universe, parent)
    held_units = leaves_units - parent.in_flight_qty_units
    held_nano = leaves_nano * max(0, held_units) // max(1, leaves_units)
    account, is_buy = view.account, order.side.sign > 0
    account = replace(
        account,
        open_buy_units=account.open_buy_units - (held_units if is_buy else 0),
        open_sell_units=account.open_sell_units - (0 if is_buy else held_units),
        open_notional_nano=account.open_notional_nano - held_nano,
        n_open_orders=account.n_open_orders - 1,
    )
    return with_pool(ctx, replace(view, account=account), parent)


def _asked_schedule(schedule: Schedule | None, change: Amendment) -> Schedule | None:
    if schedule is None:
        return None
    cap_ppm = schedule.cap_ppm if change.cap_ppm is None else change.cap_ppm
    would_units = schedule.would_price_units if change.would_price_units is None else change.would_price_units
    return replace(
        schedule,
        end_ns=schedule.end_ns if change.end_ns is None else change.end_ns,
        cap_ppm=None if change.is_cap_dropped else cap_ppm,
        would_price_units=None if change.is_would_price_dropped else would_units,
        urgency=change.urgency or schedule.urgency,
    )


def _rescheduled(
    ctx: Context, parent: ParentRecord, change: Amendment, asked: ParentOrder, cap_units: int
) -> tuple[ScheduleState | None, int]:
    """(the schedule planned anew from now, others' volume by now); the plan must be one that can be meant."""
    if parent.schedule is None:
        return None, 0
    schedule = _asked_schedule(parent.schedule.schedule, change)
    assert schedule is not None
    if change.end_ns is not None and change.end_ns <= ctx.now_ns:
        raise BadRequest("invalid_request", "The end has passed.", pointer="/end_at", hint="Use a time in the future.")
    volumes, symbol = ctx.world.volumes, asked.symbol
    if schedule.needs_volume and (volumes is None or volumes.others_units(symbol) is None):
        detail = f"No venue tells what others trade in {symbol}."
        raise BadRequest("invalid_request", detail, pointer="/participation_cap")
    old, lot_units = parent.schedule, parent.schedule.lot_units
    assert asked.qty_units is not None
    if asked.qty_units % lot_units:
        detail = f"The schedule counts in lots of {lot_units} units."
        raise BadRequest("invalid_request", detail, pointer="/qty")
    schedule = replace(schedule, slice_ns=min(schedule.slice_ns, max(1, schedule.end_ns - schedule.start_ns)))
    try:
        parameters_of(schedule, asked.side, cap_units, lot_units, old.mid_half_units)
    except BadRequest as error:
        pointer = error.pointer.replace("/strategy_params", "", 1)
        raise BadRequest(error.code, error.detail, pointer=pointer, hint=error.hint) from error
    state = settled(ctx, parent)
    seen_units = others_units(ctx, parent)
    seen = Seen(ctx.now_ns, seen_units // lot_units)
    progress = slicer.amend(state.progress, seen, total_lots=asked.qty_units // lot_units)
    return ScheduleState(schedule, lot_units, old.mid_half_units, progress), seen_units


def _look_again(ctx: Context, parent: ParentRecord) -> None:
    ctx.memory.next_replan_ns.pop(parent.order_id, None)
    advance(ctx, parent)
