"""The life of a definition in time: accept, watch, trigger, place, amend, end. Facts and commands only.

Laws: a leg's order is an ordinary order, through the same gate and router, for what its pool has left at that instant
(execution/shares.py). It is immediate: what comes back unfilled is placed anew at the market of then, so that a price
cap never grows old while a position waits for its stop. A leg that has triggered has its pool to itself.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from app.domain import conditional_events as ce
from app.domain import events as ev
from app.domain.conditional_records import ConditionalRecord, LegRecord
from app.domain.conditions import Conditional, ConditionKind, Leg, OrderClass, Pool, TriggerSource, pools
from app.domain.enums import DoneReason, Mode, ParentState, Side
from app.domain.errors import BadRequest, OrderRefused
from app.domain.orders import ParentOrder
from app.domain.records import ParentRecord
from app.domain.units import decimal_text
from app.domain.venue_stops import TriggerLocation
from app.execution import native, triggers
from app.execution.context import Context, Watch, side_price
from app.execution.leg_orders import (
    at_its_trigger,
    first_order,
    is_dust,
    leg_order,
    limit_units_of,
    next_client_id,
    sized_units,
)
from app.execution.parent import accept, approve_and_plan, approve_or_prepare, cancel
from app.execution.pooling import with_pool
from app.execution.shares import armed_units, filled_units, is_armed, is_entry_over, orders_of, used_units
from app.execution.stakes import gate_view
from app.risk import gate

ENGINE_ACTOR: Final = "engine"
EXPIRY: Final = "expire_at"
MARK_EVERY_NS: Final = 1_000_000_000  # between two written marks of a slow trail
EMPTY_PAUSE_NS: Final = 100_000_000  # after an order that filled nothing; doubles
MAX_EMPTY_DOUBLINGS: Final = 4
_NEVER_NS: Final = 2**63
REFUSED_PAUSE_NS: Final = 250_000_000  # after a refusal by the gate; doubles
MAX_REFUSED_DOUBLINGS: Final = 6


def submit(
    ctx: Context, definition: Conditional, entry: ParentOrder | None, mode: Mode, wait_ns: int
) -> ce.ConditionalAccepted:
    """Every leg past the gate as if the market stood at its trigger, then one fact, and the entry's order with it.

    Raises OrderRefused, or BadRequest for a trigger source that nothing feeds. Then nothing was written.
    """
    _require_sources(ctx, definition)
    conditional_id = ctx.next_order_id("cnd")
    approval = None
    if entry is not None:
        entry = replace(entry, client_order_id=next_client_id(ctx, definition, conditional_id, 0, 1))
        view = gate_view(ctx, entry, mode, wait_ns=wait_ns)
        approval = approve_or_prepare(ctx, entry, with_pool(ctx, view, None))
    _screen_legs(ctx, definition, mode, wait_ns, "")
    accepted = ce.ConditionalAccepted(
        definition.account,
        conditional_id,
        definition.symbol,
        definition,
        mode,
        ctx.ledger.limits[definition.account].version,
        ctx.mid_half_units(definition.symbol),
        ctx.now_ns,
    )
    ctx.emit(accepted)
    record = ctx.ledger.definitions.all[conditional_id]
    if entry is not None:
        assert approval is not None
        fact = accept(ctx, entry, mode, approval)
        _note_order(ctx, record, 0, fact)
    settle(ctx, record)
    return accepted


def _require_sources(ctx: Context, definition: Conditional) -> None:
    volumes, marks = ctx.world.volumes, ctx.world.marks
    served = set(TriggerSource)
    if volumes is None or volumes.others_units(definition.symbol) is None:
        served.discard(TriggerSource.LAST)
    if marks is None or not marks.is_told(definition.symbol):
        served.discard(TriggerSource.MARK)
    for leg in definition.legs:
        if leg.condition is not None and leg.condition.source not in served:
            source = leg.condition.source.value
            raise BadRequest(
                "trigger_source_unavailable",
                f"Nothing feeds {source} prices of {definition.symbol}.",
                pointer="/trigger/source",
                hint="Use mid or cross_venue.",
            )
    native.require_location(ctx, definition)
    for leg in definition.legs:
        _require_reachable(ctx, definition, leg)


def _require_reachable(ctx: Context, definition: Conditional, leg: Leg) -> None:
    """A trail at or beyond the whole price would never trigger, however far the market fell."""
    trail = leg.condition.trail if leg.condition is not None else None
    if trail is None or leg.side is Side.BUY:
        return
    symbol = ctx.world.universe.symbols[definition.symbol]
    level_half = 2 * trail.activation_units or ctx.mid_half_units(definition.symbol)
    if 2 * trail.offset_units < level_half or not level_half:
        return
    pointer = "/stop_loss/trail_amount" if leg.name == "stop_loss" else "/trail_amount"
    level = decimal_text(level_half // 2, symbol.price_scale)
    detail = (
        f"A stop {decimal_text(trail.offset_units, symbol.price_scale)} below {level} is below 0: it never triggers."
    )
    raise BadRequest("invalid_request", detail, pointer=pointer, hint=f"Use less than {level}.")


def previewed(ctx: Context, definition: Conditional, entry: ParentOrder | None) -> ParentOrder:
    """What a preview shows: the entry, or the first leg's order as if it triggered now. Raises BadRequest as `submit`
    does for a source that nothing feeds.
    """
    _require_sources(ctx, definition)
    return entry or first_order(definition)


def _screen_legs(ctx: Context, definition: Conditional, mode: Mode, wait_ns: int, conditional_id: str) -> None:
    """Each leg alone, never their sum: of what they share only one can trade."""
    for pool in pools(definition):
        for i in pool.leg_indices:
            if i == 0 and definition.has_entry_order:
                continue
            leg = definition.legs[i]
            order = leg_order(definition, leg, leg.qty_units, definition.client_order_id)
            view = gate_view(ctx, order, mode, wait_ns=wait_ns, conditional_id=conditional_id)
            view = at_its_trigger(native.apart(ctx, view, conditional_id), leg)
            is_exit = pool.is_armed_by_entry and leg.side is not definition.legs[0].side
            (gate.screen_unarmed if is_exit else gate.screen)(view)


# In time.


def follow(ctx: Context, n_before: int) -> None:
    """After one input: definitions whose orders it has moved look at what is left, in the same turn."""
    definitions = ctx.ledger.definitions
    if not definitions.open:
        return
    touched: dict[str, None] = {}
    for fact in ctx.turn.facts[n_before:]:
        place = definitions.leg_of_order.get(getattr(fact.event, "order_id", ""))
        if place is not None:
            touched[place[0]] = None
    for conditional_id in touched:
        record = definitions.open.get(conditional_id)
        if record is not None:
            settle(ctx, record)


def watch(ctx: Context, symbol: str = "") -> None:
    """Time passed or a book moved: every open definition, or those of `symbol`, looks at the market."""
    for record in list(ctx.ledger.definitions.open.values()):
        own = record.definition.symbol
        if symbol in ("", own):
            levels = ctx.memory.watching.get(own, {}).get(record.conditional_id)
            if levels is None or levels.is_due(ctx.market(own)[1], ctx.now_ns):
                settle(ctx, record)


def settle(ctx: Context, record: ConditionalRecord) -> None:
    """Brings one definition up to this instant: expiry, triggers, orders for what is left, and its end."""
    if record.is_done:
        return
    _expire(ctx, record)
    if not record.is_canceling:
        native.learn(ctx, record)
        for pool in record.pools:
            if is_armed(ctx.ledger, record, pool):
                for i in pool.leg_indices:
                    if not _is_covered(ctx, record, pool, i):
                        _watch_leg(ctx, record, i)
                _work(ctx, record, pool)
    _end(ctx, record)
    _note_watch(ctx, record)


def _expire(ctx: Context, record: ConditionalRecord) -> None:
    """Past its time a definition ends, but never the protection of what its entry has filled."""
    definition = record.definition
    if not 0 < definition.expire_ts_ns <= ctx.now_ns or record.is_canceling:
        return
    if not definition.has_entry:
        request_cancel(ctx, record, ENGINE_ACTOR, EXPIRY)
    elif not definition.has_entry_order and not record.legs[0].is_canceled:
        cancel_leg(ctx, record, 0, ENGINE_ACTOR, EXPIRY)


def _is_covered(ctx: Context, record: ConditionalRecord, pool: Pool, leg_i: int) -> bool:
    """Whether a venue watches the leg, for all that the pool has."""
    return bool(native.standing(ctx, record, leg_i)) and _left_units(ctx, record, pool) <= 0


def _watch_leg(ctx: Context, record: ConditionalRecord, leg_i: int) -> None:
    """Moves a trail's mark, and triggers the leg where its condition holds."""
    leg, state = record.definition.legs[leg_i], record.legs[leg_i]
    condition = leg.condition
    if condition is None or state.is_triggered or state.is_canceled:
        return
    is_rising = condition.is_rising(leg.side)
    level_half = _level_half_units(ctx, record, leg_i, Side.BUY if is_rising else Side.SELL)
    if not level_half:
        return
    slot, mark_half = (record.conditional_id, leg_i), 0
    names = (record.account, record.conditional_id, record.definition.symbol, leg_i)
    if condition.kind is ConditionKind.TRAIL:
        mark_half = ctx.memory.marks.get(slot) or state.mark_half_units
        seen_half = _level_half_units(ctx, record, leg_i, Side.SELL if is_rising else Side.BUY)
        mark_half = triggers.next_mark_half_units(condition, leg.side, mark_half, seen_half)
        ctx.memory.marks[slot] = mark_half
        if triggers.is_mark_due(condition, state, mark_half, ctx.now_ns, MARK_EVERY_NS):
            ctx.emit(ce.TrailMarked(*names, mark_half))
    stop_half = triggers.stop_half_units(condition, leg.side, mark_half)
    if stop_half and triggers.is_beyond(condition, leg.side, level_half, stop_half):
        ctx.emit(ce.LegTriggered(*names, level_half, stop_half, mark_half))
        ctx.memory.marks.pop(slot, None)


def _level_half_units(ctx: Context, record: ConditionalRecord, leg_i: int, moved: Side) -> int:
    """The leg's level now, less what our own fills of side `moved` have just done to it; 0 for none."""
    leg, symbol = record.definition.legs[leg_i], record.definition.symbol
    condition, hushed = leg.condition, ctx.hushed(symbol, moved)
    assert condition is not None
    if condition.source is TriggerSource.MARK:
        return 2 * ctx.mark_units(symbol, record.definition.venues.include)
    others = _others(ctx, record.definition)
    level_half = triggers.level_half_units(condition, leg.side, ctx.market(symbol)[1], ctx.last_units(symbol, others))
    if not hushed:
        return level_half
    last_units = ctx.last_units(symbol, hushed | others)
    calm_half = triggers.level_half_units(condition, leg.side, ctx.calm(symbol, moved), last_units)
    return triggers.calmer_half_units(level_half, calm_half, moved)


def _others(ctx: Context, definition: Conditional) -> frozenset[str]:
    """Venues whose trades have no say: of a stop that rests at a venue, all but that one."""
    if definition.trigger_location is TriggerLocation.ENGINE:
        return frozenset()
    return frozenset(ctx.world.universe.venues) - frozenset(definition.venues.include)


def _work(ctx: Context, record: ConditionalRecord, pool: Pool) -> None:
    """Places one order for what the pool has left, if a leg of it may trade now."""
    if pool.leg_indices[0] == 0 and record.definition.has_entry_order:
        return
    left_units = _left_units(ctx, record, pool)
    ready = [
        i
        for i in (_ready_legs(record, pool) if left_units > 0 or native.is_standing(ctx, record, pool) else ())
        if _is_in_reach(ctx, record, i) and _paused_until_ns(ctx, record.legs[i]) <= ctx.now_ns
    ]
    native.tend(ctx, record, pool, left_units, is_wanted=bool(ready))
    if ready and left_units > 0:
        _place(ctx, record, ready[0], left_units)


def _left_units(ctx: Context, record: ConditionalRecord, pool: Pool) -> int:
    return armed_units(ctx.ledger, record, pool) - used_units(ctx.ledger, record, pool)


def _ready_legs(record: ConditionalRecord, pool: Pool) -> list[int]:
    """The leg that triggered first, alone; else those that need no trigger."""
    legs = [i for i in pool.leg_indices if not record.legs[i].is_canceled]
    triggered = [i for i in legs if record.legs[i].is_triggered]
    if triggered:
        return [min(triggered, key=lambda i: record.legs[i].triggered_ts_ns)]
    return [i for i in legs if record.definition.legs[i].condition is None]


def _is_in_reach(ctx: Context, record: ConditionalRecord, leg_i: int) -> bool:
    """Whether the touch is there and within the leg's limit."""
    leg = record.definition.legs[leg_i]
    price_units = side_price(ctx.market(record.definition.symbol)[1], leg.side)
    if not price_units:
        return False
    return leg.limit_price_units is None or leg.side.sign * (price_units - leg.limit_price_units) <= 0


def _paused_until_ns(ctx: Context, leg: LegRecord) -> int:
    """From the log alone, so that a restart neither forgets a pause nor invents one."""
    until_ns = 0
    if leg.n_refused:
        until_ns = leg.refused_ts_ns + (REFUSED_PAUSE_NS << min(leg.n_refused - 1, MAX_REFUSED_DOUBLINGS))
    n_empty, last_ns = 0, 0
    for order_id in reversed(leg.order_ids):
        order = ctx.ledger.parents[order_id]
        if order.is_stop:
            continue
        if order.cum_qty_units or order.state is not ParentState.DONE:
            break
        last_ns = last_ns or order.updated_ts_ns
        n_empty += 1
        if n_empty > MAX_EMPTY_DOUBLINGS:
            break
    if n_empty:
        until_ns = max(until_ns, last_ns + (EMPTY_PAUSE_NS << (n_empty - 1)))
    return until_ns


def _place(ctx: Context, record: ConditionalRecord, leg_i: int, left_units: int) -> None:
    """One order of one leg, past the gate; a refusal is a fact and is tried again later."""
    definition = record.definition
    leg = definition.legs[leg_i]
    client_id = next_client_id(ctx, definition, record.conditional_id, leg_i, len(record.legs[leg_i].order_ids) + 1)
    order = leg_order(definition, leg, left_units, client_id)
    if gate.is_halted(order, ctx.ledger.kills):
        return  # the switch is the fact
    view = gate_view(ctx, order, record.mode, conditional_id=record.conditional_id)
    qty_units = sized_units(view, left_units)
    if not qty_units:
        return
    limit_units = limit_units_of(view)
    if (qty_units, limit_units) != (left_units, order.limit_price_units):
        order = replace(order, qty_units=qty_units, limit_price_units=limit_units)
        view = gate_view(ctx, order, record.mode, conditional_id=record.conditional_id)
    try:
        approval = approve_and_plan(ctx, order, view)  # here and now: a search elsewhere would make the stop wait
    except OrderRefused as refusal:
        names = (record.account, record.conditional_id, definition.symbol, leg_i)
        ctx.emit(ce.LegRefused(*names, refusal.code, refusal.limit, refusal.value, refusal.unit))
        return
    _note_order(ctx, record, leg_i, accept(ctx, order, record.mode, approval))


def _note_order(ctx: Context, record: ConditionalRecord, leg_i: int, fact: ev.OrderAccepted) -> None:
    names = (record.account, record.conditional_id, record.definition.symbol, leg_i)
    ctx.emit(ce.LegOrdered(*names, fact.order_id, fact.order.qty_units or 0))


def _note_watch(ctx: Context, record: ConditionalRecord) -> None:
    """What the definition waits for from here on, so that nobody looks at it in vain."""
    symbol, waiting = record.definition.symbol, ctx.memory.watching
    if not record.is_done:
        waiting.setdefault(symbol, {})[record.conditional_id] = _levels(ctx, record)
        return
    ctx.memory.reserves.pop(record.conditional_id, None)
    if waiting.get(symbol, {}).pop(record.conditional_id, None) is not None and not waiting[symbol]:
        del waiting[symbol]


def _levels(ctx: Context, record: ConditionalRecord) -> Watch:
    falling_half, rising_half, ask_units, bid_units = 0, 0, 0, 0
    wake_ns = _NEVER_NS
    if record.definition.expire_ts_ns > ctx.now_ns:
        wake_ns = record.definition.expire_ts_ns
    for pool in () if record.is_canceling else record.pools:
        if not is_armed(ctx.ledger, record, pool) or (pool.leg_indices[0] == 0 and record.definition.has_entry_order):
            continue
        for i in pool.leg_indices:
            leg, state = record.definition.legs[i], record.legs[i]
            if state.is_canceled:
                continue
            if leg.condition is not None and not state.is_triggered:
                if _is_covered(ctx, record, pool, i):
                    continue
                if leg.condition.kind is ConditionKind.TRAIL or leg.condition.source in triggers.TOLD_SOURCES:
                    wake_ns = 0  # a mark moves with every look; trades and marks wake nobody
                mark_half = ctx.memory.marks.get((record.conditional_id, i), state.mark_half_units)
                stop_half = triggers.stop_half_units(leg.condition, leg.side, mark_half)
                if stop_half and leg.condition.is_rising(leg.side):
                    rising_half = min(rising_half or stop_half, stop_half)
                else:
                    falling_half = max(falling_half, stop_half)
            elif _left_units(ctx, record, pool) > 0 or native.is_standing(ctx, record, pool):
                until_ns = _paused_until_ns(ctx, state)
                if until_ns > ctx.now_ns or leg.limit_price_units is None:
                    wake_ns = min(wake_ns, until_ns)  # a market leg that could not go looks at every tick
                elif leg.side.sign > 0:
                    ask_units = max(ask_units, leg.limit_price_units)
                else:
                    bid_units = min(bid_units or leg.limit_price_units, leg.limit_price_units)
    return Watch(falling_half, rising_half, ask_units, bid_units, wake_ns)


# Its end, and its change.


def request_cancel(ctx: Context, record: ConditionalRecord, actor: str, reason: str) -> None:
    """Blocks first: no leg places anything more. Then cancels what is open; venues' evidence decides what filled."""
    if record.is_done or record.is_canceling:
        return
    names = (record.account, record.conditional_id, record.definition.symbol)
    ctx.emit(ce.ConditionalCancelRequested(*names, actor, reason))
    for leg in record.legs:
        for order_id in leg.order_ids:
            _cancel_order(ctx, ctx.ledger.parents[order_id], actor, reason)
    settle(ctx, record)


def cancel_leg(ctx: Context, record: ConditionalRecord, leg_i: int, actor: str, reason: str) -> None:
    """Ends one leg: its open orders are canceled, and it places no other."""
    if record.is_done or record.legs[leg_i].is_canceled:
        return
    names = (record.account, record.conditional_id, record.definition.symbol, leg_i)
    ctx.emit(ce.LegCanceled(*names, actor, reason))
    for order_id in record.legs[leg_i].order_ids:
        _cancel_order(ctx, ctx.ledger.parents[order_id], actor, reason)


def _cancel_order(ctx: Context, order: ParentRecord, actor: str, reason: str) -> None:
    if order.state is ParentState.DONE:
        return
    if not order.is_canceling:
        ctx.emit(ev.CancelRequested(order.account, order.order_id, actor, reason))
    cancel(ctx, order)


def amend(ctx: Context, record: ConditionalRecord, definition: Conditional, actor: str) -> None:
    """Replaces the definition by one fact. Raises BadRequest or OrderRefused; then the old one stands."""
    _require_sources(ctx, definition)
    for i, (before, after) in enumerate(zip(record.definition.legs, definition.legs, strict=True)):
        if before != after and (record.legs[i].is_triggered or record.legs[i].is_canceled):
            detail = f"{after.name} has triggered or was canceled; only a waiting leg can be changed."
            raise BadRequest("leg_triggered", detail, pointer=f"/legs/{i}", hint="Cancel it, and place another.")
    for pool in pools(definition):
        used = used_units(ctx.ledger, record, pool)
        if not pool.is_armed_by_entry and pool.total_units < used:
            raise BadRequest("qty_in_use", "So much has filled or is at venues already.", pointer="/qty", hint="More.")
    _screen_legs(ctx, definition, record.mode, 0, record.conditional_id)
    names = (record.account, record.conditional_id, definition.symbol)
    ctx.emit(ce.ConditionalAmended(*names, definition, ctx.ledger.limits[record.account].version, actor))
    settle(ctx, record)


def _end(ctx: Context, record: ConditionalRecord) -> None:
    """Writes the end once nothing is open and nothing is left."""
    found = record.pools
    if record.is_done or any(
        o.state is not ParentState.DONE for pool in found for o in orders_of(ctx.ledger, record, pool)
    ):
        return
    names = (record.account, record.conditional_id, record.definition.symbol)
    if not record.is_canceling and not is_entry_over(ctx.ledger, record):  # waits for its condition or for a venue
        entry_units = filled_units(ctx.ledger, record, found[0])
        if entry_units and is_dust(ctx, record, found[0].total_units - entry_units):
            ctx.emit(ce.LegCanceled(*names, 0, ENGINE_ACTOR, "residual_below_lot"))
    ending = _ending(ctx, record, found)
    if ending is None:
        return
    ctx.emit(ce.ConditionalDone(*names, *ending))
    for i in range(len(record.legs)):
        ctx.memory.marks.pop((record.conditional_id, i), None)


def _ending(ctx: Context, record: ConditionalRecord, found: tuple[Pool, ...]) -> tuple[DoneReason, str] | None:
    """Why it is over, None while it is not. No order of it is open."""
    ledger, definition = ctx.ledger, record.definition
    if record.is_canceling:
        if all(filled_units(ledger, record, p) > 0 >= _left_units(ctx, record, p) for p in found):
            return DoneReason.FILLED, ""  # the wish came too late
        return (DoneReason.EXPIRED if record.cancel_reason == EXPIRY else DoneReason.CANCELED), record.cancel_reason
    if not is_entry_over(ledger, record):
        return None
    entry_units = filled_units(ledger, record, found[0])
    if definition.has_entry and not entry_units:
        return _entry_ending(ctx, record)
    detail, is_given_up = "", False
    for pool in found[1:] if definition.has_entry else found:
        left_units = _left_units(ctx, record, pool)
        if left_units > 0 and all(record.legs[i].is_canceled for i in pool.leg_indices):
            detail, is_given_up = record.legs[pool.leg_indices[0]].cancel_reason, True
        elif left_units > 0:
            if not (is_dust(ctx, record, left_units) and filled_units(ledger, record, pool)):
                return None
            detail = detail or "residual_below_lot"
        elif (
            pool.is_armed_by_entry
            and definition.order_class is OrderClass.OTO
            and not filled_units(ledger, record, pool)
        ):
            detail, is_given_up = "entry_not_full", True
    return (DoneReason.CANCELED if is_given_up else DoneReason.FILLED), detail


def _entry_ending(ctx: Context, record: ConditionalRecord) -> tuple[DoneReason, str]:
    """The entry has ended without a fill, and so has all that waited for it."""
    leg = record.legs[0]
    if leg.is_canceled:
        return (DoneReason.EXPIRED if leg.cancel_reason == EXPIRY else DoneReason.CANCELED), leg.cancel_reason
    last = ctx.ledger.parents[leg.order_ids[-1]]
    return last.done_reason or DoneReason.CANCELED, last.done_detail
