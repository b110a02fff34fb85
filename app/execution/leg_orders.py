"""A leg's next order: how much of what is left, at which limit, under which client id."""

from __future__ import annotations

from dataclasses import replace

from app.domain.conditional_records import ConditionalRecord
from app.domain.conditions import Conditional, Leg
from app.domain.enums import OrderType, Remainder, Side, Strategy, TimeInForce
from app.domain.instrument import Instrument, Symbol
from app.domain.orders import ParentOrder
from app.domain.units import div_up
from app.execution.context import Context
from app.execution.working_set import may_have_left
from app.risk.exposure import GateView


def first_order(definition: Conditional) -> ParentOrder:
    """What the first leg would ask for if it triggered: for refusals and previews."""
    return leg_order(definition, definition.legs[0], definition.legs[0].qty_units, definition.client_order_id)


def leg_order(definition: Conditional, leg: Leg, qty_units: int, client_order_id: str) -> ParentOrder:
    """A leg's order for `qty_units`: immediate, at its limit or at the market within the slippage cap."""
    is_limit = leg.limit_price_units is not None
    return ParentOrder(
        account=definition.account,
        client_order_id=client_order_id,
        symbol=definition.symbol,
        side=leg.side,
        order_type=OrderType.LIMIT if is_limit else OrderType.MARKET,
        time_in_force=TimeInForce.IOC,
        strategy=Strategy.SOR,
        remainder=Remainder.NONE,
        qty_units=qty_units,
        notional_nano=None,
        limit_price_units=leg.limit_price_units,
        max_slippage_ppm=None if is_limit else definition.max_slippage_ppm,
        expire_ts_ns=0,
        venues=definition.venues,
        is_full_fill_required=False,
        decision_ts_ns=0,
        decision_price_units=None,
        received_ts_ns=definition.received_ts_ns,
        body_hash=definition.body_hash,
        tags=definition.tags,
    )


def at_its_trigger(view: GateView, leg: Leg) -> GateView:
    """The view as if the market stood where the leg would trade."""
    price_units = leg.condition.price_units if leg.condition is not None else leg.limit_price_units
    reference = view.reference
    if not price_units or not reference.mid_half_units:
        return view
    there = replace(reference, mid_half_units=2 * price_units, best_bid_units=price_units, best_ask_units=price_units)
    return replace(view, reference=there)


def next_client_id(ctx: Context, definition: Conditional, conditional_id: str, leg_i: int, order_i: int) -> str:
    """Ours by its form; a desk may have taken the same text, so the next free number."""
    while True:
        client_id = f"{conditional_id}.{definition.legs[leg_i].name}.{order_i}"
        is_taken = (definition.account, client_id) in ctx.ledger.by_client_id
        if not is_taken and not may_have_left(ctx.ledger, definition.account, client_id):
            return client_id
        order_i += 1


def sized_units(view: GateView, left_units: int) -> int:
    """The most of `left_units` that is whole lots of some venue that may be used now; 0 where none takes it."""
    lots = [view.instruments[venue].lot_units for venue in view.eligible]
    if not lots:
        return 0
    qty_units = left_units - left_units % min(lots)
    mid_units = max(1, view.reference.mid_half_units // 2)
    is_taken = any(_fits(view.symbol, view.instruments[v], qty_units, mid_units) for v in view.eligible)
    return qty_units if is_taken else 0


def limit_units_of(view: GateView) -> int | None:
    """The leg's limit on a tick of venues that may be used now, and no further through the market than the collar.

    Both ways are the tighter ones. The collar is for prices that somebody has just typed; this one was judged at its
    trigger, and a gap beyond it is the desk's luck, not a slip of its finger.
    """
    limit_units, limits, mid_half = view.order.limit_price_units, view.account.limits, view.reference.mid_half_units
    if limit_units is None or limits is None or not mid_half:
        return limit_units
    tick_units = min((view.instruments[v].tick_units for v in view.eligible), default=1)
    if view.order.side is Side.BUY:
        most_units = mid_half * (1_000_000 + limits.price_collar_ppm) // 2_000_000
        return min(limit_units, most_units) // tick_units * tick_units
    least_units = div_up(mid_half * (1_000_000 - limits.price_collar_ppm), 2_000_000)
    return div_up(max(limit_units, least_units), tick_units) * tick_units


def is_dust(ctx: Context, record: ConditionalRecord, left_units: int) -> bool:
    """Whether no venue that the definition may ever use takes so little."""
    definition, universe = record.definition, ctx.world.universe
    symbol = universe.symbols[definition.symbol]
    mid_units = max(1, ctx.mid_half_units(symbol.name, record.accepted.approved_mid_half_units) // 2)
    wanted = definition.venues
    return not any(
        _fits(symbol, listing, left_units, mid_units)
        for venue, listing in universe.listings(symbol.name).items()
        if venue not in wanted.exclude and (not wanted.include or venue in wanted.include)
    )


def _fits(symbol: Symbol, listing: Instrument, qty_units: int, price_units: int) -> bool:
    lots = qty_units // listing.lot_units
    notional_nano = symbol.notional_nano(price_units, lots * listing.lot_units)
    return lots >= listing.min_qty_lots and notional_nano >= listing.min_notional_nano
