"""Who may trade how much of a definition: armed, used, left. Sums over the ledger alone, exact at every instant.

Laws: an open order counts with all that it asked for, a done one with what it filled. So what is in flight at a venue,
known or unknown, belongs to its leg until the venue has spoken, and what is left is nobody's yet.
"""

from __future__ import annotations

from dataclasses import dataclass

from app.domain.conditional_records import ConditionalRecord
from app.domain.conditions import LegState, OrderClass, OtoTrigger, Pool
from app.domain.enums import ParentState, Side
from app.domain.instrument import Symbol
from app.domain.records import ParentRecord
from app.domain.units import div_up
from app.execution.ledger import Ledger


@dataclass(frozen=True, slots=True)
class Reserve:
    """What a definition may still bring into the market beyond its orders: quantity by side, notional once."""

    buy_units: int
    sell_units: int
    notional_nano: int


def orders_of(ledger: Ledger, record: ConditionalRecord, pool: Pool) -> list[ParentRecord]:
    """The pool's orders, leg by leg, oldest first."""
    return [ledger.parents[order_id] for i in pool.leg_indices for order_id in record.legs[i].order_ids]


def filled_units(ledger: Ledger, record: ConditionalRecord, pool: Pool) -> int:
    return sum(order.cum_qty_units for order in orders_of(ledger, record, pool))


def used_units(ledger: Ledger, record: ConditionalRecord, pool: Pool) -> int:
    """Filled, or still possible for an open order. Of two stops, one on its way into the other's place, one trades."""
    orders = orders_of(ledger, record, pool)
    replaced = {
        c.child.stop.replaces
        for order in orders
        if order.state is not ParentState.DONE
        for c in order.children.values()
        if c.child.stop is not None
    }
    return sum(
        order.cum_qty_units
        if any(c.child.client_id in replaced for c in order.children.values())
        else _claim_units(order)
        for order in orders
    )


def _claim_units(order: ParentRecord) -> int:
    if order.state is ParentState.DONE:
        return order.cum_qty_units
    return max(order.cum_qty_units, order.accepted.order.qty_units or 0)


def armed_units(ledger: Ledger, record: ConditionalRecord, pool: Pool) -> int:
    """What the pool may trade in all, as far as its entry has filled."""
    if not pool.is_armed_by_entry:
        return pool.total_units
    definition = record.definition
    entry = record.pools[0]
    entry_units = filled_units(ledger, record, entry)
    is_bracket = definition.order_class is OrderClass.BRACKET
    if definition.oto_trigger is OtoTrigger.FULL and entry_units < entry.total_units:
        # An entry that ended with a part of it has brought that part, and no more will come.
        return entry_units if is_bracket and is_entry_over(ledger, record) else 0
    if is_bracket:
        return entry_units  # an overfill is held as well, so it is protected as well
    return min(pool.total_units, pool.total_units * entry_units // entry.total_units)


def is_entry_over(ledger: Ledger, record: ConditionalRecord) -> bool:
    """Whether the entry will bring no further fill, as far as anybody can know."""
    definition = record.definition
    if not definition.has_entry:
        return True
    entry = record.pools[0]
    orders = orders_of(ledger, record, entry)
    if any(order.state is not ParentState.DONE for order in orders):
        return False
    if definition.has_entry_order:
        return True  # it was placed with the definition
    return record.legs[0].is_canceled or sum(o.cum_qty_units for o in orders) >= entry.total_units


def is_armed(ledger: Ledger, record: ConditionalRecord, pool: Pool) -> bool:
    """Whether there is anything to protect or to place: what its legs' conditions are watched for."""
    return armed_units(ledger, record, pool) > filled_units(ledger, record, pool)


def leg_state(ledger: Ledger, record: ConditionalRecord, leg_i: int) -> LegState:
    """Where one leg stands."""
    pool = next(p for p in record.pools if leg_i in p.leg_indices)
    leg = record.legs[leg_i]
    if _is_leg_filled(ledger, record, pool, leg_i):
        return LegState.FILLED
    is_over = leg_i == 0 and record.definition.has_entry_order and is_entry_over(ledger, record)
    if leg.is_canceled or record.is_done or is_over:
        return LegState.CANCELED
    if leg.is_triggered:
        return LegState.TRIGGERED
    return LegState.ARMED if is_armed(ledger, record, pool) else LegState.WAITING


def _is_leg_filled(ledger: Ledger, record: ConditionalRecord, pool: Pool, leg_i: int) -> bool:
    own_units = sum(ledger.parents[order_id].cum_qty_units for order_id in record.legs[leg_i].order_ids)
    is_whole = filled_units(ledger, record, pool) >= armed_units(ledger, record, pool)
    return own_units > 0 and is_whole and (leg_i == 0 or is_entry_over(ledger, record))


def reserve(ledger: Ledger, record: ConditionalRecord, symbol: Symbol) -> Reserve:
    """The worst leg of each pool, once. Exits on the other side of their entry are reckoned as they are armed: until
    then they can add nothing, for they never trade more than the entry has brought."""
    buy_units, sell_units, notional_nano = 0, 0, 0
    if record.is_canceling or record.is_done:
        return Reserve(0, 0, 0)
    definition = record.definition
    for pool in record.pools:
        if definition.has_entry_order and not pool.is_armed_by_entry:
            continue  # the entry's own order counts
        legs = [definition.legs[i] for i in pool.leg_indices if not record.legs[i].is_canceled]
        if not legs:
            continue
        is_exit = pool.is_armed_by_entry and all(leg.side is not definition.legs[0].side for leg in legs)
        most_units = armed_units(ledger, record, pool) if is_exit else pool.total_units
        left_units = max(0, most_units - used_units(ledger, record, pool))
        buy_units += left_units if any(leg.side is Side.BUY for leg in legs) else 0
        sell_units += left_units if any(leg.side is Side.SELL for leg in legs) else 0
        mid_units = div_up(record.accepted.approved_mid_half_units, 2)
        dearest_units = max(
            max(leg.limit_price_units or 0, leg.condition.price_units if leg.condition else 0, mid_units)
            for leg in legs
        )
        notional_nano += symbol.notional_nano(max(1, dearest_units), left_units)
    return Reserve(buy_units, sell_units, notional_nano)
