"""Stops that rest at a venue: who may, when they are placed, moved and taken back, and how one is known to be off.

Laws: a stop at a venue is an order of its leg like any other, and claims all of its quantity until its venue has
spoken (execution/shares.py); so the other legs of its pool have only the rest, and must have it taken back first. While
nothing at the venue stands for the leg, the engine watches it as it watches any other.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from app.domain import conditional_events as ce
from app.domain.conditional_records import ConditionalRecord
from app.domain.conditions import Condition, Conditional, ConditionKind, Leg, Pool, TriggerSource, pools
from app.domain.enums import ChildState, ContractKind, ParentState, RefusalCode, Side, TimeInForce
from app.domain.errors import BadRequest, OrderRefused
from app.domain.ids import venue_client_id
from app.domain.instrument import Instrument
from app.domain.orders import ChildOrder, ParentOrder
from app.domain.placement_facts import StopRested
from app.domain.records import ChildRecord, ParentRecord
from app.domain.units import div_up
from app.domain.venue_stops import FOREVER_NS, StopOffer, StopSource, TriggerLocation, VenueStop
from app.execution.commitments import flying_notional_nano, leaves, reservation
from app.execution.context import Context
from app.execution.leg_orders import at_its_trigger, leg_order, next_client_id, sized_units
from app.execution.parent import Approval, write_accepted
from app.execution.posting import pull
from app.execution.stakes import account_fees, gate_view
from app.execution.wave import send_child
from app.risk import gate
from app.risk.exposure import GateView, capped_price_units, price_cap_units, room_lots

AGAIN_NS: Final = 1_000_000_000  # after a stop was taken back or refused, before the next one
_BY: Final = {TriggerSource.LAST: StopSource.LAST, TriggerSource.MARK: StopSource.MARK}


def require_location(ctx: Context, definition: Conditional) -> None:
    """Raises BadRequest where the venue was asked to watch what it does not."""
    if definition.trigger_location is not TriggerLocation.VENUE:
        return
    for leg in definition.legs:
        why = _why_not(ctx, definition, leg) if leg.condition is not None else ""
        if why:
            raise BadRequest(
                "trigger_location_unavailable",
                f"{leg.name}: {why}",
                pointer="/trigger/location",
                hint="Use engine, or see what each venue offers in docs/conditional-orders.md.",
            )


def offer_of(ctx: Context, definition: Conditional, leg: Leg) -> StopOffer | None:
    """What its one venue offers the leg; None: the engine watches it."""
    if definition.trigger_location is TriggerLocation.ENGINE or leg.condition is None:
        return None
    return None if _why_not(ctx, definition, leg) else ctx.world.stops[definition.venues.include[0]]


def _why_not(ctx: Context, definition: Conditional, leg: Leg) -> str:
    """Why no venue can hold the leg's stop, empty if one can."""
    condition, chosen = leg.condition, definition.venues.include
    assert condition is not None
    if len(chosen) != 1:
        return "a stop rests at one venue; name it alone in venues.include."
    offer = ctx.world.stops.get(chosen[0])
    if offer is None or not offer.is_served or (chosen[0], definition.symbol) not in ctx.world.universe.instruments:
        return f"{chosen[0]} holds no stops for us."
    kind = ctx.world.universe.symbols[definition.symbol].fungible.kind
    if kind not in offer.kinds:
        return f"{chosen[0]} holds no stops of {kind.value} markets for us."
    is_offered = offer.has_stop if leg.limit_price_units is None else offer.has_stop_limit
    if condition.kind is not ConditionKind.STOP or not is_offered:
        return f"{chosen[0]} holds no such stop for us: trails and touches are watched here."
    by = _BY.get(condition.source)
    if by is None or by not in offer.sources:
        known = " or ".join(sorted(source.value for source in offer.sources))
        return f"{chosen[0]} watches {known}, not {condition.source.value}."
    if by is StopSource.MARK and kind is ContractKind.SPOT:
        return f"{definition.symbol} has no mark price."
    for pool in pools(definition):
        mine = [definition.legs[i] for i in pool.leg_indices]
        if leg in mine and sum(one.condition is not None for one in mine) > 1:
            return "two stops that share a quantity could both go off there before either is taken back."
    return ""


def stop_orders(ctx: Context, record: ConditionalRecord, leg_i: int) -> Iterator[tuple[ParentRecord, ChildRecord]]:
    """The leg's orders that are stops at a venue, oldest first, over or not."""
    if record.definition.trigger_location is TriggerLocation.ENGINE:
        return
    for order_id in record.legs[leg_i].order_ids:
        parent = ctx.ledger.parents[order_id]
        for child in parent.children.values():
            if child.child.stop is not None:
                yield parent, child


def standing(ctx: Context, record: ConditionalRecord, leg_i: int) -> list[tuple[ParentRecord, ChildRecord]]:
    """Its stops that may still trade, those being taken back left out."""
    return [
        (parent, child)
        for parent, child in stop_orders(ctx, record, leg_i)
        if parent.state is not ParentState.DONE and not child.is_canceling
    ]


def is_standing(ctx: Context, record: ConditionalRecord, pool: Pool) -> bool:
    """Whether a leg of the pool has a stop at its venue."""
    return any(standing(ctx, record, i) for i in pool.leg_indices)


def learn(ctx: Context, record: ConditionalRecord) -> None:
    """Writes that a leg has triggered where its stop has gone off: by a fill, or by an end that is no cancel."""
    for leg_i, state in enumerate(record.legs):
        off = None
        if not state.is_triggered:
            off = next((one for one in stop_orders(ctx, record, leg_i) if _is_off(one[1])), None)
        if off is not None:
            parent, child = off
            assert child.child.stop is not None
            stop_half = 2 * child.child.stop.price_ticks * child.child.tick_units
            level_half = 2 * parent.fills[0].fill.price_units if parent.fills else stop_half
            names = (record.account, record.conditional_id, record.definition.symbol, leg_i)
            ctx.emit(ce.LegTriggered(*names, level_half, stop_half, 0))


def _is_off(child: ChildRecord) -> bool:
    return child.cum_qty_units > 0 or child.state is ChildState.EXPIRED


def tend(ctx: Context, record: ConditionalRecord, pool: Pool, left_units: int, *, is_wanted: bool) -> None:
    """Brings the stops at venues to where the definition wants them now.

    `is_wanted`: another leg of the pool could trade at once, and has what the stops hold.
    """
    definition = record.definition
    for leg_i in pool.leg_indices:
        leg, state = definition.legs[leg_i], record.legs[leg_i]
        offer = offer_of(ctx, definition, leg)
        if offer is None or state.is_triggered or state.is_canceled or ctx.memory.is_draining:
            continue
        mine = standing(ctx, record, leg_i)
        if is_wanted:
            for parent, child in mine:
                pull(ctx, parent, child, "leg_in_reach")
            continue
        for parent, child in mine:
            _move(ctx, record, leg_i, offer, (parent, child))
        if left_units > 0 and _rested_until_ns(ctx, record, leg_i) <= ctx.now_ns:
            _place(ctx, record, leg_i, left_units, None)


def _rested_until_ns(ctx: Context, record: ConditionalRecord, leg_i: int) -> int:
    """From the log: a stop that came back or that the gate refused is not placed again at once."""
    ended = [p.updated_ts_ns for p, _ in stop_orders(ctx, record, leg_i) if p.state is ParentState.DONE]
    return max((ns + AGAIN_NS for ns in (*ended, record.legs[leg_i].refused_ts_ns) if ns), default=0)


def _move(
    ctx: Context, record: ConditionalRecord, leg_i: int, offer: StopOffer, old: tuple[ParentRecord, ChildRecord]
) -> None:
    """Where the definition has changed, a new stop in the old one's place, or, where none can be, the old one back."""
    parent, child = old
    leg, listing = record.definition.legs[leg_i], _listing(ctx, record.definition)
    stop = child.child.stop
    assert stop is not None
    assert leg.condition is not None
    is_same = stop.price_ticks == _stop_ticks(leg.condition, leg.side, listing) and (
        leg.limit_price_units is None
        or _limit_ticks(leg.side, leg.limit_price_units, listing) == child.child.price_ticks
    )
    if is_same or child.state not in (ChildState.ACKED, ChildState.PARTIALLY_FILLED):
        return
    if not offer.can_replace:
        pull(ctx, parent, child, "amended")
    elif _rested_until_ns(ctx, record, leg_i) <= ctx.now_ns and not _is_replaced(ctx, record, leg_i, child):
        _place(ctx, record, leg_i, child.leaves_qty_units, old)


def _is_replaced(ctx: Context, record: ConditionalRecord, leg_i: int, old: ChildRecord) -> bool:
    """Whether a stop is on its way that takes the place of `old`."""
    return any(
        child.child.stop is not None and child.child.stop.replaces == old.child.client_id
        for _, child in standing(ctx, record, leg_i)
    )


def _place(
    ctx: Context,
    record: ConditionalRecord,
    leg_i: int,
    left_units: int,
    old: tuple[ParentRecord, ChildRecord] | None,
) -> None:
    """One stop for `left_units` past the gate, judged as if the market stood at its trigger; a refusal is a fact."""
    definition = record.definition
    leg, listing = definition.legs[leg_i], _listing(ctx, definition)
    client_id = next_client_id(ctx, definition, record.conditional_id, leg_i, len(record.legs[leg_i].order_ids) + 1)
    order = leg_order(definition, leg, left_units, client_id)
    view = _view(ctx, record, leg, order, old)
    qty_units = sized_units(view, left_units)
    if gate.is_halted(order, ctx.ledger.kills) or not qty_units:
        return
    worst_units = max(price_cap_units(view), view.reference.mid_half_units // 2)
    lots = min(qty_units // listing.lot_units, listing.max_qty_lots, room_lots(view, listing, worst_units))
    if lots < listing.min_qty_lots:
        lots = qty_units // listing.lot_units  # the gate says why not
    lots = min(lots, _capped_lots(ctx, view, listing))
    if lots < listing.min_qty_lots:
        cap_nano = ctx.world.child_cap_nano.get(listing.venue, 0)
        _refused(ctx, record, leg_i, OrderRefused(RefusalCode.CREDIT_LIMIT, limit=str(cap_nano), value=str(qty_units)))
        return
    order = replace(order, qty_units=lots * listing.lot_units)
    view = _view(ctx, record, leg, order, old)
    try:
        approved = gate.approve(view, ctx.ledger.seq + 1)
    except OrderRefused as refusal:
        _refused(ctx, record, leg_i, refusal)
        return
    approval = Approval(approved, None, ctx.next_order_id("ord"), price_cap_units(view))
    fact = write_accepted(ctx, order, record.mode, approval)
    names = (record.account, record.conditional_id, definition.symbol, leg_i)
    ctx.emit(ce.LegOrdered(*names, fact.order_id, order.qty_units or 0))
    _send(ctx, record, leg_i, ctx.ledger.parents[fact.order_id], old)


def _refused(ctx: Context, record: ConditionalRecord, leg_i: int, refusal: OrderRefused) -> None:
    names = (record.account, record.conditional_id, record.definition.symbol, leg_i)
    ctx.emit(ce.LegRefused(*names, refusal.code, refusal.limit, refusal.value, refusal.unit))


def _capped_lots(ctx: Context, view: GateView, listing: Instrument) -> int:
    """Lots within the cap of one child at an uncertified venue, as the last gate judges it: at the market of now."""
    cap_nano = ctx.world.child_cap_nano.get(listing.venue)
    if cap_nano is None:
        return listing.max_qty_lots
    mid_half_units = ctx.mid_half_units(view.symbol.name)
    price_units = capped_price_units(price_cap_units(view), view.order.side, mid_half_units)
    return cap_nano // max(1, view.symbol.notional_nano(price_units, listing.lot_units))


def _send(
    ctx: Context,
    record: ConditionalRecord,
    leg_i: int,
    parent: ParentRecord,
    old: tuple[ParentRecord, ChildRecord] | None,
) -> None:
    definition, order = record.definition, parent.accepted.order
    leg, listing = definition.legs[leg_i], _listing(ctx, definition)
    assert leg.condition is not None
    by = _BY[leg.condition.source]
    stop_ticks = _stop_ticks(leg.condition, leg.side, listing)
    price_ticks = _limit_ticks(leg.side, parent.accepted.price_cap_units, listing)
    qty_units = order.qty_units or 0
    fact = StopRested(
        account=parent.account,
        order_id=parent.order_id,
        conditional_id=record.conditional_id,
        leg_i=leg_i,
        venue=listing.venue,
        by=by,
        stop_price_units=stop_ticks * listing.tick_units,
        price_units=price_ticks * listing.tick_units,
        qty_units=qty_units,
        replaces=old[0].order_id if old is not None else "",
    )
    ctx.emit(fact)
    client_id = venue_client_id(parent.created_ts_ns, parent.order_id, 1)
    child = ChildOrder(
        child_id=f"chd_{client_id}",
        client_id=client_id,
        order_id=parent.order_id,
        account=parent.account,
        wave=parent.n_waves,
        venue=listing.venue,
        symbol=listing.symbol,
        side=order.side,
        time_in_force=TimeInForce.IOC,
        price_ticks=price_ticks,
        qty_lots=qty_units // listing.lot_units,
        tick_units=listing.tick_units,
        lot_units=listing.lot_units,
        deadline_ts_ns=ctx.now_ns + ctx.world.universe.venues[listing.venue].request_deadline_ns,
        rest_until_ns=definition.expire_ts_ns or FOREVER_NS,
        stop=VenueStop(stop_ticks, by, old[1].child.client_id if old is not None else ""),
    )
    ctx.turn.commands.append(send_child(ctx, parent, child, ctx.mid_half_units(order.symbol)))


def _listing(ctx: Context, definition: Conditional) -> Instrument:
    return ctx.world.universe.instruments[(definition.venues.include[0], definition.symbol)]


def _stop_ticks(condition: Condition, side: Side, listing: Instrument) -> int:
    """On the venue's own ticks the same prices set it off: the first at or beyond."""
    tick_units = listing.tick_units
    if condition.is_rising(side):
        return div_up(condition.price_units, tick_units)
    return max(1, condition.price_units // tick_units)


def _limit_ticks(side: Side, limit_units: int, listing: Instrument) -> int:
    """The tighter tick of a limit."""
    if side is Side.BUY:
        return limit_units // listing.tick_units
    return max(1, div_up(limit_units, listing.tick_units))


def _view(
    ctx: Context,
    record: ConditionalRecord,
    leg: Leg,
    order: ParentOrder,
    old: tuple[ParentRecord, ChildRecord] | None,
) -> GateView:
    """The gate's view at the trigger, without what the stop that is replaced has at stake."""
    view = gate_view(ctx, order, record.mode, conditional_id=record.conditional_id)
    return at_its_trigger(view if old is None else _without(ctx, view, old), leg)


def apart(ctx: Context, view: GateView, conditional_id: str) -> GateView:
    """The view without what a definition's own stops at venues have at stake: what is changed stands in their place."""
    record = ctx.ledger.definitions.all.get(conditional_id)
    for leg_i in range(len(record.legs)) if record is not None else ():
        assert record is not None
        for old in standing(ctx, record, leg_i):
            view = _without(ctx, view, old)
    return view


def _without(ctx: Context, view: GateView, old: tuple[ParentRecord, ChildRecord]) -> GateView:
    parent, child = old
    tier = account_fees(ctx, parent.account, view.symbol)[child.child.venue]
    venue, currency, held_nano = reservation(ctx.world.universe, child, tier)
    leaves_units, leaves_nano = leaves(ctx.world.universe, parent)
    account, is_buy, side = view.account, child.child.side is Side.BUY, child.child.side
    stake_nano = account.venue_stake_nano.get((venue, side), 0) - flying_notional_nano(view.symbol, child)
    account = replace(
        account,
        free_nano={**account.free_nano, (venue, currency): account.free_nano.get((venue, currency), 0) + held_nano},
        open_buy_units=account.open_buy_units - (leaves_units if is_buy else 0),
        open_sell_units=account.open_sell_units - (0 if is_buy else leaves_units),
        open_notional_nano=account.open_notional_nano - leaves_nano,
        n_open_orders=account.n_open_orders - 1,
        venue_stake_nano={**account.venue_stake_nano, (venue, side): stake_nano},
    )
    return replace(view, account=account)
