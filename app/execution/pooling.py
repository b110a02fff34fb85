"""An order's other quote currencies: which listings they open now, at what rate, and the market with them in it.

Everything is brought into the units of the order's own symbol, so that a planner compares like with like: prices at
the rate, rounded against the desk; quantities as they are, for only symbols that count them alike are let in. A
listing's ticks, minimums and balances stay its own: its child is made in them again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np

from app.domain.enums import ContractKind, ExclusionCode, KillScope, Side
from app.domain.fees import FeeTier
from app.domain.instrument import FungibilityClass, Instrument, Symbol
from app.domain.plan import Allocation, Exclusion, PlanRequest, PoolUse
from app.domain.quick import quick_init
from app.domain.quote_pool import Conversion, RateQuote, may_pool, rate_of, source_of, symbol_of, venue_of
from app.domain.records import ParentRecord
from app.domain.units import div_up
from app.execution.context import Context, remaining_qty_units
from app.execution.fees import fees_of
from app.execution.stakes import free_nano, venue_stake_nano
from app.risk.exposure import (
    GateView,
    PoolView,
    base_nano,
    credit_room_nano,
    order_notional_nano,
    qty_nano,
    stake_nano,
    venue_capacity_nano,
)
from app.shm.books import SymbolBooks

Levels = list[tuple[int, int]]
# A fee is rounded up in each currency: so much of a balance is not counted on.
_ROUNDING_NANO: Final = 2


@dataclass
class _Found:
    """A pool in the making; `taken_nano`: venue -> what other sources there may take of the coin that they share.

    `pledged_nano`: the same of the venue's credit, in the order's quote.
    """

    conversions: dict[str, Conversion] = field(default_factory=dict)
    instruments: dict[str, Instrument] = field(default_factory=dict)
    barred: dict[str, Exclusion] = field(default_factory=dict)
    capacity_nano: dict[str, int] = field(default_factory=dict)
    taken_nano: dict[str, int] = field(default_factory=dict)
    pledged_nano: dict[str, int] = field(default_factory=dict)
    free_nano: int = 0
    position_units: int = 0


def with_pool(ctx: Context, view: GateView, parent: ParentRecord | None) -> GateView:
    """The view with what the order's quote_pool opens, as it was without one."""
    order, own = view.order, view.symbol
    if order.quote_pool is None:
        return view
    found = _Found()
    for symbol in ctx.world.universe.symbols.values():
        if may_pool(own.fungible, symbol.fungible, order.quote_pool):
            _add_symbol(ctx, view, parent, symbol, found)
    pool = PoolView(
        found.conversions, found.instruments, found.barred, found.capacity_nano, found.free_nano, found.position_units
    )
    return replace(view, pool=pool)


def _add_symbol(ctx: Context, view: GateView, parent: ParentRecord | None, symbol: Symbol, found: _Found) -> None:
    """Each listing of one other symbol: open, or left out with its reason."""
    order, listings = view.order, ctx.world.universe.listings(symbol.name)
    barred = ctx.barred(order, view.mode, parent, symbol.name)
    conversion = _conversion(ctx, view, symbol)
    reason = _closed(view, symbol, conversion)
    free = free_nano(ctx, order.account, symbol)
    stakes = venue_stake_nano(ctx, order.account, symbol)
    held_units = sum(ctx.ledger.positions.get((order.account, v, symbol.name), 0) for v in listings)
    found.position_units += qty_nano(symbol, held_units) // qty_nano(view.symbol, 1)
    for venue, listing in listings.items():
        source = source_of(venue, symbol.name)
        if venue in barred or reason is not None:
            # A crossed book's prices are of its own symbol, which nobody would read them in.
            was = barred.get(venue)
            is_told = was is not None and was.code is not ExclusionCode.CROSSED_BOOK
            if was is not None:
                found.barred[source] = Exclusion(source, was.code, *((was.limit, was.value) if is_told else (0, 0)))
            else:
                assert reason is not None
                found.barred[source] = Exclusion(source, *reason)
            continue
        assert conversion is not None
        found.conversions[symbol.name] = conversion
        found.instruments[source] = listing
        used = conversion.in_quote_nano(max(0, stakes[venue, order.side]), Side.BUY)
        credit = _credit_nano(view, venue, used, found)
        if order.side is Side.SELL:
            own_nano = _own_sale_nano(ctx, view, parent, venue)
            held = _base_nano(venue, free[(venue, symbol.fungible.base)], own_nano, found)
            found.capacity_nano[source] = min(held, base_nano(view, credit))
        else:
            held = conversion.in_quote_nano(max(0, free[(venue, symbol.money_currency)]), Side.SELL)
            found.free_nano += held
            found.capacity_nano[source] = max(0, min(held - _ROUNDING_NANO, credit))


def _closed(view: GateView, symbol: Symbol, conversion: Conversion | None) -> tuple[ExclusionCode, int, int] | None:
    """Why no listing of a symbol of the pool is open, with the numbers behind it: the account, the units, the rate."""
    pool, limits = view.order.quote_pool, view.account.limits
    assert pool is not None
    if limits is not None and limits.allowed_symbols and symbol.name not in limits.allowed_symbols:
        return ExclusionCode.DISABLED, 0, 0
    if symbol.qty_scale != view.symbol.qty_scale:
        return ExclusionCode.QUOTE_SCALE, 0, 0
    if conversion is None:
        return ExclusionCode.NO_QUOTE_RATE, 0, 0
    if conversion.basis_ppm > pool.max_basis_ppm:
        return ExclusionCode.QUOTE_BASIS, pool.max_basis_ppm, conversion.basis_ppm
    return None


def _own_sale_nano(ctx: Context, view: GateView, parent: ParentRecord | None, venue: str) -> int | None:
    """The most base that the order's own listing at a venue could sell now: what is left, what its bids take.

    None: nothing there is open to it.
    """
    if venue not in view.eligible:
        return None
    books = ctx.market(view.symbol.name)[0]
    row = books.venues.index(venue)
    depth_units = int(books.qty_units[row, 0, : int(books.n_levels[row, 0])].sum())
    left_units = view.order.qty_units if parent is None else remaining_qty_units(parent)
    return qty_nano(view.symbol, depth_units if left_units is None else min(left_units, depth_units))


def _base_nano(venue: str, free: int, own_nano: int | None, found: _Found) -> int:
    """What of a venue's base no other source may take: they share it, and the order's own listing comes first."""
    free = max(0, free)
    if venue not in found.taken_nano:
        found.taken_nano[venue] = min(free, own_nano or 0)
        found.free_nano += free if own_nano is None else 0
    left = free - found.taken_nano[venue]
    found.taken_nano[venue] = free  # and what a second currency's listing might take is not counted on
    return left


def _credit_nano(view: GateView, venue: str, used_nano: int, found: _Found) -> int:
    """What of a venue's credit no other source may take."""
    limits, wanted_nano = view.account.limits, order_notional_nano(view)
    if limits is None:
        return 0
    if venue not in found.pledged_nano:
        can = venue_capacity_nano if view.order.side is Side.BUY else credit_room_nano
        own = min(can(view, venue), wanted_nano) if venue in view.eligible else 0
        found.pledged_nano[venue] = own + stake_nano(view, venue)
    left = max(0, limits.venue_credit_nano - found.pledged_nano[venue] - used_nano)
    found.pledged_nano[venue] += used_nano + min(left, wanted_nano)
    return left


def _conversion(ctx: Context, view: GateView, symbol: Symbol) -> Conversion | None:
    """The rate of a symbol's quote from our own books of the pair, else of the inverse pair; None without a fresh one.

    Consolidated at the side that the desk would pay, without a fee, for nobody converts.
    """
    own, other = view.symbol.fungible.quote, symbol.fungible.quote
    for base, quote in ((other, own), (own, other)):
        pair = _spot(ctx, base, quote)
        quotes = _quotes(ctx, pair.name) if pair is not None else ()
        if pair is None or not quotes:
            continue
        is_inverse = base == own
        num, den = rate_of(quotes, view.order.side, pair.price_scale, is_inverse=is_inverse)
        return Conversion(
            symbol.name, other, symbol.price_scale, num, den, pair.name, pair.price_scale, is_inverse, quotes
        )
    return None


def _spot(ctx: Context, base: str, quote: str) -> Symbol | None:
    wanted = FungibilityClass(base, quote, quote, ContractKind.SPOT)
    return next((s for s in ctx.world.universe.symbols.values() if s.fungible == wanted), None)


def _quotes(ctx: Context, pair: str) -> tuple[RateQuote, ...]:
    """The touch of every venue whose book of the pair may be believed now, but of none disabled or killed."""
    books, reference = ctx.market(pair)
    found = []
    for row, venue in enumerate(books.venues):
        is_off = venue in ctx.ledger.disabled_venues or (KillScope.VENUE, venue) in ctx.ledger.kills
        if is_off or venue not in reference.venue_mids:
            continue
        found.append(
            RateQuote(
                venue,
                int(books.book_seq[row]),
                ctx.now_ns - int(books.received_ts_ns[row]),
                ctx.world.max_book_age_ns.get(venue, 0),
                int(books.price_units[row, 0, 0]),
                int(books.price_units[row, 1, 0]),
            )
        )
    return tuple(found)


def pooled_touch_units(ctx: Context, view: GateView) -> int:
    """The best price in the order's quote that a taker of its side would get in the pool's currencies; 0 for none.

    As for the order's own symbol, venues where the desk has just filled the other side are left out.
    """
    pool, side = view.pool, view.order.side
    prices = []
    for source, listing in pool.instruments.items() if pool is not None else ():
        assert pool is not None
        calm = ctx.calm(listing.symbol, Side.SELL if side is Side.BUY else Side.BUY)
        if venue_of(source) in calm.venue_mids:
            levels = _own_levels(ctx.market(listing.symbol)[0], venue_of(source))[1 if side is Side.BUY else 0]
            conversion = pool.conversions[listing.symbol]
            prices += [conversion.price_units(levels[0][0], view.symbol.price_scale, side)] if levels else []
    found = [price for price in prices if price > 0]
    return (min(found) if side is Side.BUY else max(found)) if found else 0


def pooled(ctx: Context, request: PlanRequest, view: GateView) -> tuple[PlanRequest, SymbolBooks]:
    """The request and the market that a planner sees: with the listings that the order's quote_pool opens."""
    own_books = ctx.left(request.symbol.name, view.order.side)
    pool = view.pool
    if pool is None:
        return request, own_books
    rows: dict[str, tuple[Levels, Levels]] = {}
    kept: dict[str, tuple[tuple[int, int], ...]] = {}
    instruments, fees = dict(request.instruments), dict(request.fees)
    ages, estimates = dict(request.max_book_age_ns), dict(request.estimates)
    for source, listing in pool.instruments.items():
        venue, conversion = venue_of(source), pool.conversions[listing.symbol]
        own_levels = _own_levels(ctx.left(listing.symbol, view.order.side), venue)
        rows[source] = convert_levels(own_levels, conversion, request.symbol.price_scale)
        routed_i = 1 if view.order.side is Side.BUY else 0
        kept[source] = tuple(own_levels[routed_i])
        touch_units = rows[source][routed_i][0][0] if rows[source][routed_i] else 1
        instruments[source] = _translated(source, listing, conversion, touch_units)
        fees[source] = _fee(ctx, view, listing, conversion)
        ages[source] = ages.get(venue, 0)
        if venue in estimates:
            estimates[source] = replace(estimates[venue], venue=source)
    asked = replace(
        request,
        instruments=instruments,
        fees=fees,
        max_book_age_ns=ages,
        capacity_nano={**request.capacity_nano, **pool.capacity_nano},
        barred={**request.barred, **pool.barred},
        estimates=estimates,
        pool=PoolUse(tuple(pool.conversions.values()), kept),
    )
    return asked, _merged(ctx, own_books, pool.instruments, rows)


def _own_levels(books: SymbolBooks, venue: str) -> tuple[Levels, Levels]:
    row = books.venues.index(venue)
    sides = []
    for side_i in range(2):
        n = int(books.n_levels[row, side_i])
        prices, qtys = books.price_units[row, side_i, :n].tolist(), books.qty_units[row, side_i, :n].tolist()
        sides.append(list(zip(prices, qtys, strict=True)))
    return sides[0], sides[1]


def convert_levels(own: tuple[Levels, Levels], conversion: Conversion, scale: int) -> tuple[Levels, Levels]:
    """Bids and asks in the order's quote at `scale`: bids rounded down, asks up, and what falls together added up."""
    sides: list[Levels] = []
    for side, levels in zip((Side.SELL, Side.BUY), own, strict=True):
        made: Levels = []
        for own_price, qty in levels:
            price = conversion.price_units(own_price, scale, side)
            if made and made[-1][0] == price:
                made[-1] = price, made[-1][1] + qty
            elif price > 0:
                made.append((price, qty))
        sides.append(made)
    return sides[0], sides[1]


def _merged(
    ctx: Context, own: SymbolBooks, sources: Mapping[str, Instrument], rows: Mapping[str, tuple[Levels, Levels]]
) -> SymbolBooks:
    """The order's own books, and a row behind them for each source."""
    if not sources:
        return own
    n, n_own = len(own.venues) + len(sources), len(own.venues)
    depth = max(own.price_units.shape[2], *(len(side) for sides in rows.values() for side in sides))
    price, qty = np.zeros((n, 2, depth), np.int64), np.zeros((n, 2, depth), np.int64)
    price[:n_own, :, : own.price_units.shape[2]] = own.price_units
    qty[:n_own, :, : own.qty_units.shape[2]] = own.qty_units
    counts = np.zeros((n, 2), np.int64)
    counts[:n_own] = own.n_levels
    columns = [list(own.book_seq), list(own.received_ts_ns), list(own.venue_ts_ns)]
    gapped = list(own.is_gapped)
    for row, (source, listing) in enumerate(sources.items(), n_own):
        books = ctx.market(listing.symbol)[0]
        from_row = books.venues.index(venue_of(source))
        for side_i, levels in enumerate(rows[source]):
            counts[row, side_i] = len(levels)
            for level_i, level in enumerate(levels):
                price[row, side_i, level_i], qty[row, side_i, level_i] = level
        for column, values in zip(columns, (books.book_seq, books.received_ts_ns, books.venue_ts_ns), strict=True):
            column.append(values[from_row])
        gapped.append(books.is_gapped[from_row])
    seqs, received, sent = (np.array(column, dtype=np.int64) for column in columns)
    is_gapped = np.array(gapped, dtype=np.bool_)
    return SymbolBooks(own.symbol, (*own.venues, *sources), price, qty, counts, seqs, received, sent, is_gapped)


def _translated(source: str, listing: Instrument, conversion: Conversion, touch_units: int) -> Instrument:
    """A listing in units of the order's symbol. Its prices are of any unit: its own ticks come back with the child.

    The least notional has what rounding one price may have added on top.
    """
    least_nano = conversion.in_quote_nano(listing.min_notional_nano, Side.BUY)
    least_nano += div_up(least_nano, max(1, touch_units - 1))
    return replace(listing, venue=source, tick_units=1, min_notional_nano=least_nano)


def _fee(ctx: Context, view: GateView, listing: Instrument, conversion: Conversion) -> FeeTier:
    tier = fees_of(ctx, view.order.account, listing.symbol, (listing.venue,))[listing.venue]
    if not tier.fixed_nano:
        return tier
    return replace(tier, fixed_nano=conversion.in_quote_nano(tier.fixed_nano, Side.BUY))


@quick_init
@dataclass(frozen=True, slots=True)
class Destination:
    """Where an allocation goes: the listing as the venue has it, and the limit in units of the order's own symbol."""

    listing: Instrument
    limit_units: int
    limit_ticks: int
    least_nano: int


def destination(
    ctx: Context, parent: ParentRecord, allocation: Allocation, conversions: tuple[Conversion, ...]
) -> Destination:
    """An allocation's listing, `limit_ticks` in its own ticks; `least_nano`: its least notional in the quote."""
    order = parent.accepted.order
    name = symbol_of(allocation.venue, order.symbol)
    listing = ctx.world.universe.instruments[(venue_of(allocation.venue), name)]
    if name == order.symbol:
        limit_units = allocation.limit_ticks * listing.tick_units
        return Destination(listing, limit_units, allocation.limit_ticks, listing.min_notional_nano)
    conversion = next(found for found in conversions if found.symbol == name)
    scale = ctx.world.universe.symbols[order.symbol].price_scale
    ticks = conversion.own_ticks(allocation.limit_ticks, scale, order.side, listing.tick_units)
    least_nano = conversion.in_quote_nano(listing.min_notional_nano, Side.BUY)
    return Destination(listing, allocation.limit_ticks, ticks, least_nano)
