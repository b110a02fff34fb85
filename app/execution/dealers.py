"""Dealers: asked for firm quotes before a lit wave, and one more source of it each.

A quote is a book of one level at its dealer, known and certified as any book is. What is believed beside it is apart:
how often he declines after his last look, times how far the market has gone against us by then; a term that ranks,
within the bound of all estimates. A child that goes there accepts the quote, for as much as the plan wants of it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np

from app.domain.enums import ChildState, ExclusionCode, Side
from app.domain.hidden_facts import DealerAnswered, DealerQuoted, QuotesAsked
from app.domain.ids import prefixed_ulid
from app.domain.orders import ParentOrder
from app.domain.plan import PlanRequest, VenueEstimate
from app.domain.quotes import Quote, QuoteRequest
from app.domain.records import ParentRecord
from app.domain.units import PPM, div_half_even
from app.domain.venue import VenueKind
from app.execution.context import Context, remaining_qty_units
from app.execution.hidden import MINUTE_NS
from app.execution.hidden_record import DECLINED, FILLED, NOTHING
from app.execution.inputs import AskQuote
from app.execution.stakes import gate_view
from app.learning.hidden import LookBelief, believe_look
from app.risk.exposure import GateView, venue_capacity_nano
from app.shm.books import SymbolBooks

# What of a quote's life is left for the way to the dealer and a clock that is off.
MARGIN_NS: Final = 20_000_000


def wants_quotes(order: ParentOrder) -> bool:
    """Whether dealers are asked for this order."""
    return order.sweep is not None and order.sweep.asks_dealers


def ask_dealers(ctx: Context, parent: ParentRecord) -> bool:
    """Writes QuotesAsked once an order, before its first lit wave; whether any dealer was asked now."""
    order, hidden = parent.accepted.order, ctx.ledger.hidden
    if not wants_quotes(order) or order.sweep is None or parent.order_id in hidden.quotes_asked:
        return False
    view, left_out = gate_view(ctx, order, parent.mode, parent=parent), dict[str, str]()
    left_units, asks = remaining_qty_units(parent) or 0, list[tuple[str, str, int]]()
    for venue, listing in view.instruments.items():
        if ctx.world.universe.venues[venue].kind is not VenueKind.DEALER:
            continue
        barred = view.barred.get(venue)
        lots = min(left_units // listing.lot_units, listing.max_qty_lots)
        if view.account.limits is None or barred is None or barred.code is not ExclusionCode.UNLIT:
            left_out[venue] = barred.code.value if barred is not None else "no_limits"
        elif hidden.n_pings_since(venue, ctx.now_ns - MINUTE_NS) >= ctx.world.max_pings:
            left_out[venue] = "ping_budget"
        elif lots < listing.min_qty_lots:
            left_out[venue] = "below_least"
        else:
            request_id = prefixed_ulid("rfq", ctx.now_ns, parent.order_id, venue)
            asks.append((venue, request_id, lots * listing.lot_units))
    until_ns = ctx.now_ns + order.sweep.wait_ns
    out = tuple(sorted(left_out.items()))
    ctx.emit(QuotesAsked(parent.account, parent.order_id, order.symbol, order.side, tuple(asks), out, until_ns))
    for venue, request_id, qty_units in asks:
        lots = qty_units // view.instruments[venue].lot_units
        request = QuoteRequest(request_id, venue, parent.account, order.symbol, order.side, lots)
        ctx.turn.commands.append(AskQuote(parent.order_id, request))
    return bool(asks)


def awaits_quotes(ctx: Context, parent: ParentRecord) -> bool:
    """Whether a dealer may still answer in time."""
    asked = ctx.ledger.hidden.quotes_asked.get(parent.order_id)
    if asked is None or ctx.now_ns >= asked.wait_until_ns:
        return False
    answered = ctx.ledger.hidden.quotes.get(parent.order_id, {})
    return any(venue not in answered for venue, _, _ in asked.asks)


def take_quote(ctx: Context, parent: ParentRecord, quote: Quote) -> None:
    """Writes DealerQuoted, once for each question; what makes no sense is no quote."""
    asked, hidden = ctx.ledger.hidden.quotes_asked.get(parent.order_id), ctx.ledger.hidden
    wanted = {(venue, request_id): units for venue, request_id, units in asked.asks} if asked is not None else {}
    asked_units = wanted.get((quote.venue, quote.request_id))
    if asked_units is None or quote.venue in hidden.quotes.get(parent.order_id, {}):
        return
    symbol = parent.accepted.order.symbol
    listing = ctx.world.universe.instruments[(quote.venue, symbol)]
    is_sound = bool(quote.quote_id) and quote.price_ticks > 0 and quote.qty_lots >= listing.min_qty_lots
    ctx.emit(
        DealerQuoted(
            account=parent.account,
            order_id=parent.order_id,
            venue=quote.venue,
            request_id=quote.request_id,
            quote_id=quote.quote_id if is_sound else "",
            price_units=quote.price_ticks * listing.tick_units if is_sound else 0,
            qty_units=min(quote.qty_lots * listing.lot_units, asked_units) if is_sound else 0,
            valid_until_ns=quote.valid_until_ns,
            hold_ns=quote.hold_ns,
            mid_half_units=ctx.mid_half_units(symbol),
            code="" if is_sound else quote.code or "malformed",
        )
    )


def with_quotes(
    ctx: Context, parent: ParentRecord, view: GateView, request: PlanRequest, books: SymbolBooks
) -> tuple[PlanRequest, SymbolBooks]:
    """The market of one wave with every quote in it that can still be accepted; as it was where there is none."""
    quotes = [q for q in ctx.ledger.hidden.quotes.get(parent.order_id, {}).values() if _is_open(ctx, view, q)]
    if not quotes:
        return request, books
    changed = books._replace(
        price_units=books.price_units.copy(),
        qty_units=books.qty_units.copy(),
        n_levels=books.n_levels.copy(),
        book_seq=books.book_seq.copy(),
        received_ts_ns=books.received_ts_ns.copy(),
        venue_ts_ns=books.venue_ts_ns.copy(),
        is_gapped=books.is_gapped.copy(),
    )
    capacity_nano, estimates = dict(request.capacity_nano), dict(request.estimates)
    for quote in quotes:
        _write_level(changed, quote, request.approved.value.side, ctx.now_ns, request.wave)
        capacity_nano[quote.venue] = venue_capacity_nano(view, quote.venue)
        look = look_of(ctx, request.symbol.name, request.approved.value.side, quote)
        terms = (("last_look", look.cost_ppm),)
        estimates[quote.venue] = VenueEstimate(quote.venue, look.cost_ppm, look.low_ppm, look.high_ppm, terms)
    open_venues = {quote.venue for quote in quotes}
    barred = {venue: one for venue, one in request.barred.items() if venue not in open_venues}
    return replace(request, barred=barred, capacity_nano=capacity_nano, estimates=estimates), changed


def look_of(ctx: Context, symbol: str, side: Side, quote: DealerQuoted) -> LookBelief:
    """What is believed of the dealer's last look at this quote."""
    looks = ctx.ledger.hidden.looks.get((quote.venue, symbol, side), ())
    return believe_look(looks, ctx.ledger.costs.sigma_bps_sqrt_s(symbol), quote.hold_ns)


def _is_open(ctx: Context, view: GateView, quote: DealerQuoted) -> bool:
    barred = view.barred.get(quote.venue)
    way_ns = ctx.world.universe.venues[quote.venue].latency_ns + MARGIN_NS
    is_asked = barred is not None and barred.code is ExclusionCode.UNLIT
    return bool(quote.quote_id) and is_asked and ctx.now_ns + way_ns < quote.valid_until_ns


def _write_level(books: SymbolBooks, quote: DealerQuoted, side: Side, now_ns: int, wave: int) -> None:
    """The quote as the dealer's book: one level on the side that a taker of `side` meets, nothing on the other."""
    row, far_i = books.venues.index(quote.venue), 1 if side is Side.BUY else 0
    books.n_levels[row] = np.array((0, 1) if far_i else (1, 0))
    books.price_units[row, far_i, 0] = quote.price_units
    books.qty_units[row, far_i, 0] = quote.qty_units
    books.book_seq[row] = wave
    books.received_ts_ns[row] = books.venue_ts_ns[row] = now_ns
    books.is_gapped[row] = False


def follow(ctx: Context) -> None:
    """Writes what became of accepted quotes whose children have ended."""
    for child_id, quote in list(ctx.ledger.hidden.accepted.items()):
        record = ctx.ledger.child(child_id)
        if not record.state.is_terminal:
            continue
        child = record.child
        is_looked_at = record.state in (ChildState.CANCELED, ChildState.EXPIRED) or record.code == "last_look"
        outcome = FILLED if record.cum_qty_units else (DECLINED if is_looked_at else NOTHING)
        mid_half, then_half = ctx.mid_half_units(child.symbol), quote.mid_half_units
        moved = child.side.sign * (mid_half - then_half) if mid_half and then_half else 0
        moved_ppm = div_half_even(moved * PPM, then_half) if then_half else 0
        names = (child.account, child.order_id, child_id, child.venue, child.symbol, child.side)
        ctx.emit(DealerAnswered(*names, outcome, moved_ppm, quote.hold_ns))
