"""Dark first, then lit: whom an order asks for hidden liquidity, for how much, and what its answers say.

One wave before the first lit one. Questions are children with a least execution, immediate, priced no worse than what
the cheapest lit touch comes to with its fee. Nobody is asked for less than a unit (the largest least execution of those
who may be asked), nor oftener than the budget, nor where a fill would save nothing. Who has not answered in time is
left behind with all its exposure: the rest goes lit without it.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import lcm
from typing import Final

import numpy as np

from app.domain.enums import ChildState, ContractKind, ExclusionCode, Side, TimeInForce
from app.domain.hidden_facts import DarkAnswered, DarkAsk, DarkAsked
from app.domain.ids import venue_client_id
from app.domain.instrument import Instrument
from app.domain.orders import ChildOrder, ParentOrder
from app.domain.records import ChildRecord, ParentRecord
from app.domain.sweeps import SweepStyle
from app.domain.units import PPM, div_half_even, div_up
from app.domain.venue import VenueKind
from app.execution.context import Context, remaining_qty_units
from app.execution.stakes import account_fees, gate_view
from app.execution.wave import send_child
from app.learning.hidden import HiddenBelief, believe, expected_units, worth
from app.risk.exposure import GateView, qty_nano, venue_capacity_nano

MINUTE_NS: Final = 60_000_000_000
# Units of one split at most: what more is wanted is asked for in larger units.
MAX_SPLIT_UNITS: Final = 256
_TOLD: Final = frozenset({ChildState.FILLED, ChildState.CANCELED, ChildState.EXPIRED})


def asks_first(order: ParentOrder) -> bool:
    """Whether the order's first wave goes to dark venues."""
    return order.sweep is not None and order.sweep.style is SweepStyle.DARK_THEN_LIT


def asks_hidden(order: ParentOrder) -> bool:
    """Whether anybody is asked before the first lit wave: then that is not planned with the acceptance."""
    return asks_first(order) or (order.sweep is not None and order.sweep.asks_dealers)


def n_dark_waves(ctx: Context, parent: ParentRecord) -> int:
    """Waves of the parent that went to dark venues: none or one."""
    return ctx.ledger.hidden.n_waves.get(parent.order_id, 0)


def is_left_behind(ctx: Context, record: ChildRecord) -> bool:
    """Whether a dark venue has had its time to answer: the rest of the order goes on without it."""
    open_ask = ctx.ledger.hidden.open.get(record.child.child_id)
    return open_ask is not None and ctx.now_ns >= open_ask.asked.wait_until_ns


@dataclass(frozen=True, slots=True)
class _Place:
    """A dark venue that may be asked: its listing, the most it may be asked for, what a fill there saves."""

    listing: Instrument
    room_units: int
    saving_ppm: int
    price_ticks: int


def ask_dark(ctx: Context, parent: ParentRecord) -> bool:
    """Writes DarkAsked once an order, with its children past the last gate; whether anybody was asked now."""
    if not asks_first(parent.accepted.order) or parent.order_id in ctx.ledger.hidden.n_waves:
        return False
    order, left_out = parent.accepted.order, dict[str, str]()
    assert order.sweep is not None
    view = gate_view(ctx, order, parent.mode, parent=parent)
    places = _places(ctx, parent, view, left_out)
    unit_units = _unit_units(places, order.sweep.min_qty_units, remaining_qty_units(parent) or 0)
    asks = _asks(ctx, parent, places, unit_units, left_out) if places else ()
    ctx.emit(
        DarkAsked(
            account=parent.account,
            order_id=parent.order_id,
            symbol=order.symbol,
            side=order.side,
            unit_units=unit_units,
            asks=asks,
            left_out=tuple(sorted(left_out.items())),
            mid_half_units=view.reference.mid_half_units,
            wait_until_ns=ctx.now_ns + order.sweep.wait_ns,
        )
    )
    by_venue = {place.listing.venue: place for place in places}
    for ask in asks:
        child = _child(ctx, parent, ask, by_venue[ask.venue])
        ctx.turn.commands.append(send_child(ctx, parent, child, view.reference.mid_half_units))
    return bool(asks)


def _places(ctx: Context, parent: ParentRecord, view: GateView, left_out: dict[str, str]) -> list[_Place]:
    """Dark venues that may be asked; why the others may not is written to `left_out`."""
    found = []
    lit_ppm, mid_half = _lit_cost_ppm(ctx, view), view.reference.mid_half_units
    fees = account_fees(ctx, parent.account, view.symbol)
    for venue, listing in view.instruments.items():
        if ctx.world.universe.venues[venue].kind is not VenueKind.DARK:
            continue
        saving_ppm = lit_ppm - fees[venue].taker_fee_ppm if lit_ppm is not None else 0
        price_ticks = _price_ticks(parent, listing, mid_half, max(0, saving_ppm))
        is_beyond = parent.accepted.order.side.sign * (mid_half - 2 * price_ticks * listing.tick_units) > 0
        barred = view.barred.get(venue)
        if view.account.limits is None or barred is None or barred.code is not ExclusionCode.UNLIT:
            left_out[venue] = barred.code.value if barred is not None else "no_limits"
        elif ctx.ledger.hidden.n_pings_since(venue, ctx.now_ns - MINUTE_NS) >= ctx.world.max_pings:
            left_out[venue] = "ping_budget"
        elif saving_ppm <= 0:
            left_out[venue] = "saves_nothing"
        elif not price_ticks or is_beyond:
            left_out[venue] = "beyond_limit"
        else:
            found.append(_Place(listing, _room_units(view, listing, price_ticks), saving_ppm, price_ticks))
    return found


def _lit_cost_ppm(ctx: Context, view: GateView) -> int | None:
    """What the cheapest lit touch costs against the mid, its fee included; None where there is none."""
    books, mid_half, sign = ctx.market(view.symbol.name)[0], view.reference.mid_half_units, view.order.side.sign
    far_i, costs = 1 if view.order.side is Side.BUY else 0, []
    for venue in view.eligible:
        row = books.venues.index(venue)
        if mid_half and int(books.n_levels[row, far_i]):
            away = sign * (2 * int(books.price_units[row, far_i, 0]) - mid_half)
            costs.append(div_half_even(away * PPM, mid_half) + view.taker_fee_ppm.get(venue, 0))
    return min(costs, default=None)


def _price_ticks(parent: ParentRecord, listing: Instrument, mid_half: int, saving_ppm: int) -> int:
    """The worst price of a question: where a fill would save nothing any more, no further than the cap, whole ticks."""
    side, cap_units, parts = parent.accepted.order.side, parent.accepted.price_cap_units, 2 * PPM
    if side is Side.BUY:
        price_units = mid_half * (PPM + saving_ppm) // parts
        return min(price_units, cap_units or price_units) // listing.tick_units
    return div_up(max(div_up(mid_half * (PPM - saving_ppm), parts), cap_units), listing.tick_units)


def _room_units(view: GateView, listing: Instrument, price_ticks: int) -> int:
    """Symbol units that the account can pay for there, the fee included, or deliver; whole lots."""
    capacity_nano, symbol = venue_capacity_nano(view, listing.venue), view.symbol
    if symbol.fungible.kind is ContractKind.SPOT and view.order.side is Side.SELL:
        lots = capacity_nano // max(1, qty_nano(symbol, listing.lot_units))
    else:
        lot_nano = max(1, symbol.notional_nano(price_ticks * listing.tick_units, listing.lot_units))
        fee_ppm = max(0, view.taker_fee_ppm.get(listing.venue, 0))
        lots = capacity_nano // div_up(lot_nano * (PPM + fee_ppm), PPM)
    return min(lots, listing.max_qty_lots) * listing.lot_units


def _unit_units(places: list[_Place], min_qty_units: int, left_units: int) -> int:
    """The unit of the split: every venue's least execution, the order's own, whole lots, at most so many of them."""
    if not places:
        return 0
    lot_units = lcm(*(place.listing.lot_units for place in places))
    least = max(*(place.listing.min_qty_lots * place.listing.lot_units for place in places), min_qty_units)
    return div_up(max(least, div_up(left_units, MAX_SPLIT_UNITS)), lot_units) * lot_units


def _asks(
    ctx: Context, parent: ParentRecord, places: list[_Place], unit_units: int, left_out: dict[str, str]
) -> tuple[DarkAsk, ...]:
    """The split of what is left: each unit where it is worth most, what it gives away taken off."""
    order = parent.accepted.order
    volume_units, split = (remaining_qty_units(parent) or 0) // unit_units, ctx.world.split_hidden
    if not volume_units or split is None:
        why = "below_least" if split is not None else "not_offered"
        left_out.update({place.listing.venue: why for place in places})
        return ()
    beliefs = [_belief(ctx, order, place, unit_units, volume_units) for place in places]
    table = np.zeros((len(places), volume_units))
    for i, (place, belief) in enumerate(zip(places, beliefs, strict=True)):
        n = min(place.room_units // unit_units, volume_units)
        table[i, :n] = worth(belief, place.saving_ppm)[:n]
    asks, n_named = list[DarkAsk](), ctx.ledger.reserved.n_named(parent)
    for place, belief, units in zip(places, beliefs, split(table, volume_units).tolist(), strict=True):
        venue = place.listing.venue
        if not units:
            left_out[venue] = "not_worth_asking" if place.room_units >= unit_units else "insufficient_balance"
            continue
        client_id = venue_client_id(parent.created_ts_ns, parent.order_id, n_named + len(asks) + 1)
        asks.append(
            DarkAsk(
                venue=venue,
                child_id=f"chd_{client_id}",
                qty_units=units * unit_units,
                min_units=unit_units,
                chance_ppm=round(float(belief.tail_frac[0]) * PPM),
                expected_units=expected_units(belief, units, unit_units),
                saving_ppm=place.saving_ppm,
                leak_ppm=belief.leak_ppm,
            )
        )
    return tuple(asks)


def _belief(ctx: Context, order: ParentOrder, place: _Place, unit_units: int, max_units: int) -> HiddenBelief:
    answers = ctx.ledger.hidden.answers.get((place.listing.venue, order.symbol, order.side), ())
    return believe(answers, unit_units, max_units)


def _child(ctx: Context, parent: ParentRecord, ask: DarkAsk, place: _Place) -> ChildOrder:
    order, listing = parent.accepted.order, place.listing
    return ChildOrder(
        child_id=ask.child_id,
        client_id=ask.child_id.removeprefix("chd_"),
        order_id=parent.order_id,
        account=parent.account,
        wave=parent.n_waves,
        venue=listing.venue,
        symbol=listing.symbol,
        side=order.side,
        time_in_force=TimeInForce.IOC,
        price_ticks=place.price_ticks,
        qty_lots=ask.qty_units // listing.lot_units,
        tick_units=listing.tick_units,
        lot_units=listing.lot_units,
        deadline_ts_ns=ctx.now_ns + ctx.world.universe.venues[listing.venue].request_deadline_ns,
        min_qty_lots=ask.min_units // listing.lot_units,
    )


def follow(ctx: Context) -> None:
    """Writes what came of questions whose children have ended; a rejection or a person's word says nothing of depth."""
    for child_id, open_ask in list(ctx.ledger.hidden.open.items()):
        record = ctx.ledger.child(child_id)
        if record.state.is_terminal:
            asked, ask = open_ask.asked, open_ask.ask
            is_evidence = record.state in _TOLD
            mid_half, then_half = ctx.mid_half_units(asked.symbol), asked.mid_half_units
            moved = asked.side.sign * (mid_half - then_half) if mid_half and then_half else 0
            ctx.emit(
                DarkAnswered(
                    account=record.child.account,
                    order_id=asked.order_id,
                    child_id=child_id,
                    venue=ask.venue,
                    symbol=asked.symbol,
                    side=asked.side,
                    asked_units=ask.qty_units if is_evidence else 0,
                    min_units=ask.min_units,
                    filled_units=min(record.cum_qty_units, ask.qty_units) if is_evidence else 0,
                    moved_ppm=div_half_even(moved * PPM, then_half) if then_half else 0,
                )
            )
