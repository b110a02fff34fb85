"""Decisions of the shadow: a desk's parent planned by the road of a preview, and nothing sent.

The plan is made with a memory and a turn of its own, which are thrown away: of it only a fact and a receipt remain.
No child is made, none approved, no command given.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from app.domain.enums import Mode, Side
from app.domain.errors import BadRequest
from app.domain.orders import ParentOrder
from app.domain.plan import Planned
from app.domain.shadow_events import IncumbentFilled, ShadowChild, ShadowMet, ShadowPlanned, VenueFee
from app.domain.units import PPM
from app.execution.context import Context
from app.execution.inputs import Done, Failed, Reply, TellIncumbent, TellMet, TellShadow, Turn
from app.execution.preview import Preview, preview
from app.execution.stakes import account_fees
from app.shm.books import SymbolBooks

WITHIN_BPS: Final = 5  # the reach of a replay; the committed protocol says the same, a test compares
MAX_SHADOWS: Final = 100_000  # of one account: about a kilobyte each, kept for its report


def tell_shadow(ctx: Context, item: TellShadow) -> Reply:
    """Plans a desk's parent once; the same parent again is answered by the same fact."""
    own = ctx.ledger.shadows.get(item.account, {})
    known = own.get(item.parent.parent_id)
    if known is not None:
        if known.planned.body_hash == item.body_hash:
            return Done((known.planned,))
        detail = f"parent_id {item.parent.parent_id} was told before with another body."
        return Failed(BadRequest("client_order_id_conflict", detail, pointer="/parent_id", hint="Use a new id."))
    if len(own) >= MAX_SHADOWS:
        detail = f"The account has {MAX_SHADOWS} shadows."
        return Failed(BadRequest("over_ceiling", detail, pointer="/parent_id", hint="Use another account."))
    foreseen = _foresee(ctx, item.order, item.mode)
    event = _planned(ctx, item, foreseen)
    ctx.emit(event)
    if foreseen.planned is not None and not event.refusal:
        ctx.turn.receipts.append((event.receipt_sha256, foreseen.planned.receipt))
    return Done((event,))


def tell_met(ctx: Context, item: TellMet) -> Reply:
    """What the plan came to; told once."""
    record = ctx.ledger.shadows.get(item.account, {}).get(item.parent_id)
    if record is None or record.outcome is not None:
        return Done()
    event = ShadowMet(item.account, record.planned.shadow_id, record.planned.symbol, item.parent_id, item.outcome)
    ctx.emit(event)
    return Done((event,))


def tell_incumbent(ctx: Context, item: TellIncumbent) -> Reply:
    """The desk's own fills; one told before is left, and refused where it is told differently."""
    record = ctx.ledger.shadows.get(item.account, {}).get(item.parent_id)
    if record is None:
        hint = "Tell the parent first: POST /v1/shadow/parents."
        return Failed(BadRequest("not_found", f"No shadow of {item.parent_id}.", pointer="/fills", hint=hint))
    changed = [f.fill_id for f in item.fills if f.fill_id in record.fills and record.fills[f.fill_id] != f]
    fresh = {f.fill_id: f for f in item.fills if f.fill_id not in record.fills}
    if changed or any(fresh[f.fill_id] != f for f in item.fills if f.fill_id in fresh):
        detail = f"A fill of {item.parent_id} was told before with other numbers."
        return Failed(BadRequest("client_order_id_conflict", detail, pointer="/fills", hint="Use a new fill_id."))
    if not fresh:
        return Done()
    fills = tuple(fresh.values())
    event = IncumbentFilled(item.account, record.planned.shadow_id, record.planned.symbol, item.parent_id, fills)
    ctx.emit(event)
    return Done((event,))


@dataclass(frozen=True, slots=True)
class _Told:
    """The parts of a plan that the fact keeps."""

    refusal: str
    route_id: str = ""
    receipt_sha256: str = ""
    children: tuple[ShadowChild, ...] = ()


def _foresee(ctx: Context, order: ParentOrder, mode: Mode) -> Preview:
    """The preview of `order`, in a turn that is thrown away."""
    return preview(Context(ctx.world, ctx.ledger, ctx.memory.foreseeing(), ctx.now_ns, Turn()), order, mode)


def _planned(ctx: Context, item: TellShadow, foreseen: Preview) -> ShadowPlanned:
    symbol, parent = foreseen.symbol, item.parent
    books, reference = ctx.market(symbol.name)
    told = _told(ctx, foreseen)
    fees = account_fees(ctx, item.account, symbol)
    mid_half = reference.mid_half_units
    shown_units = displayed_units(books, parent.side, mid_half) if mid_half else 0
    return ShadowPlanned(
        account=item.account,
        shadow_id=ctx.next_order_id("shd"),
        symbol=symbol.name,
        parent=parent,
        body_hash=item.body_hash,
        refusal=told.refusal,
        route_id=told.route_id,
        receipt_sha256=told.receipt_sha256,
        children=told.children,
        fees=tuple(VenueFee(venue, fee.taker_fee_ppm) for venue, fee in fees.items()),
        received_mid_half_units=mid_half,
        approved_mid_half_units=foreseen.mid_half_units,
        displayed_ppm=parent.qty_units * PPM // shown_units if shown_units else -1,
    )


def _told(ctx: Context, foreseen: Preview) -> _Told:
    refusals = [check.refusal.code.value for check in foreseen.checks if check.refusal is not None]
    planned = foreseen.planned
    if refusals or planned is None:
        return _Told(refusals[0] if refusals else "no_plan")
    plan = planned.plan
    return _Told("", plan.route_id, planned.receipt_sha256, _children(ctx, planned))


def _children(ctx: Context, planned: Planned) -> tuple[ShadowChild, ...]:
    universe, plan = ctx.world.universe, planned.plan
    return tuple(
        ShadowChild(
            venue=part.venue,
            qty_units=part.qty_units,
            price_units=part.limit_ticks * universe.instruments[part.venue, plan.symbol].tick_units,
            way_ns=ctx.memory.loop.one_way_ns.get(part.venue, universe.venues[part.venue].latency_ns),
        )
        for part in plan.allocations
    )


def displayed_units(books: SymbolBooks, side: Side, mid_half_units: int) -> int:
    """Quantity of all venues within the reach's distance of the mid, on the side that a taker of `side` meets."""
    row = 1 if side is Side.BUY else 0
    total = 0
    for venue_i in range(len(books.venues)):
        n = int(books.n_levels[venue_i, row])
        away = side.sign * (2 * books.price_units[venue_i, row, :n] - mid_half_units) * 10_000
        total += int(books.qty_units[venue_i, row, :n][away <= WITHIN_BPS * mid_half_units].sum())
    return total
