"""What an order is expected to cost, asked before it is taken: the books, the schedule and the law together.

Says nothing where the law does not hold: without a price, beyond the limit, in another quote currency.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from app.domain.enums import Mode, Strategy
from app.domain.instrument import Symbol
from app.domain.orders import ParentOrder
from app.domain.pretrade import MANY, AskedUnits, CostAsk, CostEstimate, Said
from app.domain.quick import quick_init
from app.domain.schedule import PovParameters, Seen
from app.domain.scheduled import ScheduleState, parameters_of
from app.domain.units import NANO, PPM
from app.execution import slicer
from app.execution.context import Context
from app.execution.stakes import FarSide, far_side
from app.learning import at_once
from app.learning.pretrade import CostEstimator, Levels, held_s, look
from app.shm.books import SymbolBooks

# A schedule is looked at this often when its variance is added up: a plan of more slices costs no more to foretell.
N_LOOKS: Final = 12
_LEAST_NS: Final = NANO
_UNASKED: Final = object()


@quick_init
@dataclass(frozen=True, slots=True)
class Foretold:
    """The question and its answer; without an answer, `why` not."""

    ask: CostAsk | None = None
    estimate: CostEstimate | None = None
    why: str = ""


@dataclass(frozen=True, slots=True)
class _Plan:
    """How it will be worked: slices, the variance it is exposed to, and seconds until the last of it."""

    n_slices: int
    held_s: float
    duration_s: float


_AT_ONCE: Final = _Plan(1, 0.0, 0.0)


def foretell(
    ctx: Context, order: ParentOrder, mode: Mode, price_cap_units: int, state: ScheduleState | None
) -> Foretold:
    """What `order` would cost if it were taken now. Changes nothing."""
    costs, (books, reference) = ctx.world.costs, ctx.market(order.symbol)
    mid_half_units = reference.mid_half_units
    if costs is None:
        return Foretold(why="No law of costs is loaded.")
    if not mid_half_units:
        return Foretold(why="There is no price.")
    symbol = ctx.world.universe.symbols[order.symbol]
    if order.quote_pool is not None or symbol.fungible.is_inverse:
        return Foretold(why="Quote pools and inverse contracts are not estimated.")
    venues, far = far_side(ctx, order, mode)
    cap_units = price_cap_units if state is None else 0
    qty_units, plan = _qty_units(order, symbol, mid_half_units), _planned(ctx, order, state)
    levels, sign = _levels(books, far, cap_units), order.side.sign
    seen = look(levels, sign, mid_half_units / 2, float(qty_units), plan.n_slices) if qty_units > 0 else None
    if seen is None:
        return Foretold(why="Nothing is displayed within its limit.")
    if seen.is_short and cap_units:
        return Foretold(why="Less is displayed within its limit than it asks for; the rest would wait or stay.")
    ask = CostAsk(
        strategy=Strategy.SWEEP if order.strategy is Strategy.SOR else order.strategy,
        venue=venues[0] if len(venues) == 1 else MANY,
        walk_bps=seen.walk_bps,
        touch_bps=seen.touch_bps,
        used_frac=seen.used_frac,
        sigma_bps_sqrt_s=ctx.ledger.costs.sigma_bps_sqrt_s(order.symbol),
        held_s=plan.held_s,
        duration_s=plan.duration_s,
    )
    found = costs.estimate(ask, _participation_ppm(ctx, order, qty_units, plan), is_short=seen.is_short)
    return Foretold(ask, found, "" if found is not None else "The law has not seen such orders.")


def said_of(
    ctx: Context, order: ParentOrder, mode: Mode, price_cap_units: int, state: ScheduleState | None
) -> Said | None:
    """What is foretold of an order that is about to be accepted, as its fact carries it; None where nothing is.

    Of an order at once in one call; what such orders of an account and symbol ask alike is looked up once.
    """
    costs, venues = ctx.world.costs, order.venues
    if costs is None:
        return None
    if state is not None or order.quote_pool is not None or not at_once.is_ready():
        return _said_apart(ctx, order, mode, price_cap_units, state)
    if venues.include or venues.exclude:
        asker = _asker(ctx, costs, order, mode)
    else:
        key = "costs", mode, order.account, order.symbol
        asker = ctx.standing.get(key, _UNASKED)
        if asker is _UNASKED:
            asker = ctx.standing[key] = _asker(ctx, costs, order, mode)
    if asker is None:
        return None
    qty_units = order.qty_units
    if qty_units is None:
        qty_units = _qty_units(order, ctx.world.universe.symbols[order.symbol], asker.mid_half_units)
    return at_once.say(asker, order.side.sign, qty_units, price_cap_units) if qty_units > 0 else None


def _said_apart(
    ctx: Context, order: ParentOrder, mode: Mode, price_cap_units: int, state: ScheduleState | None
) -> Said | None:
    told = foretell(ctx, order, mode, price_cap_units, state)
    if told.ask is None or told.estimate is None:
        return None
    return Said(AskedUnits.of(told.ask), told.estimate)


def _asker(ctx: Context, costs: CostEstimator, order: ParentOrder, mode: Mode) -> at_once.Asker | None:
    """None where nothing is said of orders at once of this symbol."""
    (books, reference), symbol = ctx.market(order.symbol), ctx.world.universe.symbols[order.symbol]
    if not reference.mid_half_units or symbol.fungible.is_inverse:
        return None
    venues, far = far_side(ctx, order, mode)
    about = ctx.ledger.costs.sigma_bps_sqrt_s(order.symbol), _expected_units(ctx, order.symbol, _LEAST_NS)
    venue = venues[0] if len(venues) == 1 else MANY
    return at_once.asker_of(costs, venue, _levels(books, far, 0), reference.mid_half_units, about)


def _qty_units(order: ParentOrder, symbol: Symbol, mid_half_units: int) -> int:
    """The quantity; of a notional order about what it comes to at the mid."""
    if order.qty_units is not None:
        return order.qty_units
    one_nano = symbol.notional_nano(max(mid_half_units // 2, 1), 10**symbol.qty_scale)
    units: int = (order.notional_nano or 0) * 10**symbol.qty_scale // max(one_nano, 1)
    return units


def _levels(books: SymbolBooks, far: FarSide, cap_units: int) -> Levels:
    """The books of the order's symbol, those that it may use open, with the account's fees."""
    price, qty, counts = books.price_units, books.qty_units, books.n_levels
    if not books.is_plain:
        price, qty, counts = (np.require(array, np.int64, ["C", "W"]) for array in (price, qty, counts))
    return Levels(price, qty, counts, far[0], far[1], cap_units)


def _planned(ctx: Context, order: ParentOrder, state: ScheduleState | None) -> _Plan:
    """The clock's plan as if no cap, limit or would-price held it up, looked at N_LOOKS times."""
    if state is None:
        return _AT_ONCE
    clock = replace(state.schedule, cap_ppm=None, would_price_units=None)
    found = parameters_of(clock, order.side, 0, state.lot_units, state.mid_half_units)
    total_lots = state.progress.total_lots
    if isinstance(found, PovParameters):
        return _of_volume(ctx, order, found, total_lots * state.lot_units)
    terms, plan, out_lots = found.terms, [], 0
    step = max(1, -(-terms.n_slices // N_LOOKS))
    for k in range(0, terms.n_slices, step):
        at_ns = terms.start_ns + k * terms.slice_ns
        due_lots = slicer.target_lots(found, state.progress, Seen(max(at_ns, ctx.now_ns)))
        if due_lots > out_lots:
            plan.append(((at_ns - ctx.now_ns) / NANO, float(due_lots - out_lots)))
            out_lots = due_lots
    last_s = max(0.0, (terms.start_ns + (terms.n_slices - 1) * terms.slice_ns - ctx.now_ns) / NANO)
    if out_lots < total_lots:
        plan.append((last_s, float(total_lots - out_lots)))
    n_slices = max(1, min(terms.n_slices, total_lots // max(terms.min_clip_lots, 1)))
    return _Plan(n_slices, held_s(plan, float(total_lots)), last_s)


def _of_volume(ctx: Context, order: ParentOrder, found: PovParameters, qty_units: int) -> _Plan:
    """A POV takes as long as the expected volume needs, at most its span; all of the span where nothing is known."""
    terms = found.terms
    span_ns = terms.end_ns - max(terms.start_ns, ctx.now_ns)
    volumes = ctx.world.volumes
    expected = volumes.expected_units(order.symbol, terms.end_ns - span_ns, terms.end_ns) if volumes else 0.0
    rate, base = found.of_others
    taken = expected * rate / base
    span_s = span_ns / NANO * (min(1.0, qty_units / taken) if taken > 0.0 else 1.0)
    n_slices = max(1, round(span_s * NANO / terms.slice_ns))
    return _Plan(n_slices, span_s / 3.0, span_s)


def _participation_ppm(ctx: Context, order: ParentOrder, qty_units: int, plan: _Plan) -> int:
    """Of what is expected to trade meanwhile (a second at least), ourselves included; 0 where nothing is known."""
    span_ns = max(round(plan.duration_s * NANO), _LEAST_NS) if plan.duration_s else _LEAST_NS
    expected = _expected_units(ctx, order.symbol, span_ns)
    return round(qty_units / (qty_units + expected) * PPM) if expected > 0.0 else 0


def _expected_units(ctx: Context, symbol: str, span_ns: int) -> float:
    """What others are expected to trade in the next `span_ns`; 0 where nothing is known. Orders of a turn ask alike."""
    volumes = ctx.world.volumes
    if volumes is None:
        return 0.0
    expected = ctx.expected_units.get((symbol, span_ns))
    if expected is None:
        expected = volumes.expected_units(symbol, ctx.now_ns, ctx.now_ns + span_ns)
        ctx.expected_units[symbol, span_ns] = expected
    return expected
