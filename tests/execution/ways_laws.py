"""What a log must keep to, whichever way its orders went: read off the facts, by words of its own.

For each acceptance the limits that stood just before it; for each child all that may stop or bound it at that fact.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from app.domain import events as ev
from app.domain.enums import ContractKind, KillScope, OrderType, Side
from app.domain.events import Fact
from app.domain.orders import ParentOrder
from app.domain.units import NANO_SCALE, PPM
from app.domain.universe import Universe
from app.execution.commitments import Commitments
from app.execution.ledger import Ledger, evolve


def broken_laws(facts: Sequence[Fact], universe: Universe) -> list[tuple[str, int]]:
    """(law, seq of the fact that breaks it); empty for a sound log. Orders of definitions are not looked at."""
    ledger, sums, found = Ledger(), Commitments(), list[tuple[str, int]]()
    sums.at(ledger, universe)
    for fact in facts:
        event = fact.event
        if isinstance(event, ev.OrderAccepted):
            found += [(law, fact.seq) for law in _of_an_order(event, ledger, sums, universe)]
        evolve(ledger, fact)
        sums.note(ledger, universe, event)
        if isinstance(event, ev.ChildSending):
            found += [(law, fact.seq) for law in _of_a_child(event, ledger, sums, universe)]
    return found


def _of_an_order(event: ev.OrderAccepted, ledger: Ledger, sums: Commitments, universe: Universe) -> Iterator[str]:
    order, account, limits = event.order, event.account, ledger.limits[event.account]
    kills = {(KillScope.GLOBAL, ""), (KillScope.ACCOUNT, account), (KillScope.SYMBOL, order.symbol)}
    laws = {
        "kill switch": kills.isdisjoint(ledger.kills),
        "limits' version": event.limits_version == limits.version,
        "allow list": not limits.allowed_symbols or order.symbol in limits.allowed_symbols,
        "open orders": len(ledger.open_by_account.get(account, ())) < limits.max_open_orders,
        "slippage": (order.max_slippage_ppm or 0) <= limits.max_slippage_ppm,
        "a cap for market orders": order.order_type is OrderType.LIMIT or event.price_cap_units > 0,
        "a name once": (account, order.client_order_id) not in ledger.by_client_id,
    }
    if order.limit_price_units is not None:
        mid_half_units = event.approved_mid_half_units
        away_units = order.side.sign * (2 * order.limit_price_units - mid_half_units)
        laws["collar"] = away_units * PPM <= limits.price_collar_ppm * mid_half_units
    yield from (law for law, holds in laws.items() if not holds)
    if order.qty_units is not None:
        yield from _of_a_quantity(event, order, order.qty_units, ledger, sums, universe)


def _of_a_quantity(
    event: ev.OrderAccepted,
    order: ParentOrder,
    qty_units: int,
    ledger: Ledger,
    sums: Commitments,
    universe: Universe,
) -> Iterator[str]:
    limits, account, symbol = ledger.limits[event.account], event.account, universe.symbols[order.symbol]
    mid_units, cap_units, unit_nano = -(-event.approved_mid_half_units // 2), event.price_cap_units, 0
    worst_units = max(cap_units, mid_units) if order.side is Side.SELL else (cap_units or mid_units)
    notional_nano, unit_nano = symbol.notional_nano(worst_units, qty_units), 10 ** (NANO_SCALE - symbol.qty_scale)
    held_units = sum(n for (owner, _, name), n in ledger.positions.items() if (owner, name) == (account, symbol.name))
    open_units = sums.open_units.get((account, symbol.name, order.side), 0)
    most_units = order.side.sign * held_units + open_units + qty_units
    laws = {
        "quantity": qty_units * unit_nano <= limits.max_order_qty_nano,
        "notional": notional_nano <= limits.max_order_notional_nano,
        "open notional": sums.open_notional_nano.get(account, 0) + notional_nano <= limits.max_open_notional_nano,
        "position": max(0, most_units) * unit_nano <= limits.max_position_nano,
    }
    yield from (law for law, holds in laws.items() if not holds)


def _of_a_child(event: ev.ChildSending, ledger: Ledger, sums: Commitments, universe: Universe) -> Iterator[str]:
    child, account, limits = event.child, event.account, ledger.limits[event.account]
    parent, symbol = ledger.parents[child.order_id], universe.symbols[child.symbol]
    order, cap_units, sign = parent.accepted.order, parent.accepted.price_cap_units, child.side.sign
    is_sale = symbol.fungible.kind is ContractKind.SPOT and child.side is Side.SELL
    currency = symbol.fungible.base if is_sale else symbol.money_currency
    purse, place = (account, child.venue, currency), (account, child.venue, child.symbol)
    kills = {
        (KillScope.GLOBAL, ""),
        (KillScope.ACCOUNT, account),
        (KillScope.SYMBOL, child.symbol),
        (KillScope.VENUE, child.venue),
    }
    held_units, mid_units = ledger.positions.get(place, 0), max(1, parent.routes[-1][1].plan.mid_half_units // 2)
    stake_nano = sign * (1 if held_units > 0 else -1) * symbol.notional_nano(mid_units, abs(held_units))
    flying_nano = sums.flying_nano.get((*place, child.side), 0)
    wanted = order.qty_units
    laws = {
        "kill switch": kills.isdisjoint(ledger.kills),
        "an enabled venue": child.venue not in ledger.disabled_venues,
        "a venue without a break": (account, child.venue) not in ledger.n_broken,
        "venues included": not order.venues.include or child.venue in order.venues.include,
        "venues excluded": child.venue not in order.venues.exclude,
        "its order's quantity": wanted is None or parent.cum_qty_units + parent.in_flight_qty_units <= wanted,
        "its order's cap": not cap_units or sign * (child.price_units - cap_units) <= 0,
        "its order's limit": sign * (child.price_units - (order.limit_price_units or child.price_units)) <= 0,
        "the venue's least": child.qty_lots >= universe.instruments[child.venue, child.symbol].min_qty_lots,
        "balance": sums.reserved_nano.get(purse, 0) <= ledger.balances.get(purse, 0),
        # What a sale may deliver is judged at the mid, what flies at its limit, where that is higher.
        "credit": is_sale or stake_nano + flying_nano <= limits.venue_credit_nano,
    }
    yield from (law for law, holds in laws.items() if not holds)
