"""A child's decisions: what each report of a venue means. Facts and commands only.

A venue's word is taken once, in any order, any number of times: fills are keyed by the venue's trade id, and a
terminal word whose own total disagrees with the fills we hold is answered by a question, not believed.
"""

from __future__ import annotations

from typing import Final

from app.domain.enums import ChildState, ContractKind, KillAction, KillScope, ParentState, Side
from app.domain.events import (
    ChildAcked,
    ChildCanceled,
    ChildExpired,
    ChildFilled,
    ChildRejected,
    ChildUnknown,
    KillSwitchSet,
    OverfillRecorded,
    fill_key,
)
from app.domain.fills import UNHELD, ExecutionReport, ReportKind
from app.domain.ids import prefixed_ulid
from app.domain.instrument import Symbol
from app.domain.orders import ChildOrder
from app.domain.records import ChildRecord, ParentRecord
from app.execution.closed import fill_mark
from app.execution.closing import judge
from app.execution.context import Context
from app.execution.fees import audit
from app.execution.inputs import CancelChild, QueryChild, Recall
from app.execution.machine import ChildStep, may_child
from app.execution.parent import advance
from app.execution.posting import POST_ONLY_CODE
from app.execution.reserve_record import NEVER_LEFT
from app.execution.reserving import others_never_left
from app.risk.exposure import qty_nano

ENGINE_ACTOR: Final = "engine"  # of the kill switches that no person has set

# Words about a child that no venue has which never had it.
_IS_THERE: Final = frozenset(
    {ReportKind.ACKED, ReportKind.FILLED, ReportKind.CANCELED, ReportKind.EXPIRED, ReportKind.REJECTED}
)


def on_report(ctx: Context, report: ExecutionReport) -> None:
    """Takes one report of one child. One about nobody we know is only counted, unless its order may have left memory:
    then that is taken back first.
    """
    child_id = ctx.ledger.by_venue_client_id.get(report.client_id)
    if child_id is None:
        if ctx.ledger.closed is None:
            ctx.memory.n_foreign_reports += 1
        else:
            ctx.turn.commands.append(Recall(report))
        return
    parent = ctx.ledger.parents[ctx.ledger.child_parent[child_id]]
    record = parent.children[child_id]
    if report.venue != record.child.venue:
        ctx.memory.n_foreign_reports += 1
        return
    if record.child.is_bound and not record.state.is_terminal and report.kind in _IS_THERE:
        others_never_left(ctx, parent, record.child)
    if report.kind is ReportKind.FILLED:
        _filled(ctx, parent, record, report)
    elif not record.state.is_terminal:
        _told(ctx, parent, record, report)
    elif report.code == UNHELD:  # its venue still has something to say: asked, it tells all of it
        ctx.turn.commands.append(QueryChild(record.child))
    advance(ctx, parent)


def _told(ctx: Context, parent: ParentRecord, record: ChildRecord, report: ExecutionReport) -> None:
    """A word about a live child that is not a fill."""
    account, order_id, child_id = parent.account, parent.order_id, record.child.child_id
    match report.kind:
        case ReportKind.ACKED:
            ctx.memory.heard_ns[child_id] = ctx.now_ns
            if record.state in (ChildState.SENDING, ChildState.UNKNOWN):
                ctx.emit(ChildAcked(account, order_id, child_id, report.venue_order_id, report.venue_ts_ns))
        case ReportKind.CANCELED | ReportKind.EXPIRED:
            if _lacks_fills(ctx, record, report):
                return
            fact = ChildCanceled if report.kind is ReportKind.CANCELED else ChildExpired
            ctx.emit(fact(account, order_id, child_id, report.cum_qty_lots, report.evidence))
        case ReportKind.REJECTED:
            if may_child(record.state, ChildStep.REJECT) and not record.cum_qty_units:
                _reject(ctx, parent, record, report.code, report)
            else:  # it has filled there: the venue contradicts itself
                lose(ctx, parent, record, "rejected_after_fill")
        case ReportKind.NOT_FOUND:
            _not_found(ctx, parent, record, report)
        case ReportKind.UNKNOWN:
            lose(ctx, parent, record, report.code or "ambiguous")
        case ReportKind.CANCEL_REJECTED | ReportKind.FILLED:
            ctx.memory.next_query_ns.setdefault(child_id, ctx.now_ns)


def _reject(ctx: Context, parent: ParentRecord, record: ChildRecord, code: str, report: ExecutionReport) -> None:
    """Each rejection of this parent doubles the venue's pause, so that a held order never hammers a venue."""
    ctx.emit(ChildRejected(parent.account, parent.order_id, record.child.child_id, code, report.text, report.evidence))
    if code == POST_ONLY_CODE and record.child.is_post_only:
        return  # no fault of the venue's: the book had moved
    venue, timing = record.child.venue, ctx.world.timing
    n_rejected = sum(
        c.state is ChildState.REJECTED and c.child.venue == venue for c in reversed(parent.children.values())
    )
    pause_ns = timing.reject_pause_ns << min(n_rejected - 1, timing.max_reject_doublings)
    ctx.memory.rejected_until_ns[(parent.order_id, venue)] = ctx.now_ns + pause_ns


def _not_found(ctx: Context, parent: ParentRecord, record: ChildRecord, report: ExecutionReport) -> None:
    """A miss is proof only if the venue looked after the child's deadline and never showed any sign of it.

    The venue's clock, which enforces the deadline, must say so: an answer that travelled long was given before it.
    An answer without the venue's time proves nothing.
    """
    child, timing = record.child, ctx.world.timing
    was_seen = bool(record.venue_order_id) or record.cum_qty_units > 0
    is_expired = min(ctx.now_ns - timing.clock_skew_ns, report.venue_ts_ns) > child.deadline_ts_ns
    if was_seen or not is_expired:
        lose(ctx, parent, record, "not_found")
        return
    if child.is_bound:  # it never left us, which says nothing of its venue
        ctx.emit(ChildRejected(child.account, child.order_id, child.child_id, NEVER_LEFT, report.text, report.evidence))
    else:
        _reject(ctx, parent, record, "not_accepted", report)


def lose(ctx: Context, parent: ParentRecord, record: ChildRecord, reason: str) -> None:
    """Marks the child unknown and asks its venue, once: the next question is a tick's. It keeps its full exposure."""
    if record.state is not ChildState.UNKNOWN:
        ctx.emit(ChildUnknown(parent.account, parent.order_id, record.child.child_id, reason))
        ask(ctx, record)


def ask(ctx: Context, record: ChildRecord) -> None:
    """One question to the venue about a child, and the time of the next; a wish to cancel may have been lost too."""
    if record.is_canceling:
        ctx.turn.commands.append(CancelChild(record.child))
    ctx.turn.commands.append(QueryChild(record.child))
    ctx.memory.next_query_ns[record.child.child_id] = ctx.now_ns + ctx.world.timing.query_every_ns


def _lacks_fills(ctx: Context, record: ChildRecord, report: ExecutionReport) -> bool:
    """The venue's own total says that fills are still missing here: ask (at most so often) before closing anything."""
    if report.cum_qty_lots < 0 or report.cum_qty_lots * record.child.lot_units <= record.cum_qty_units:
        return False
    if ctx.memory.next_query_ns.get(record.child.child_id, 0) <= ctx.now_ns:
        ask(ctx, record)
    return True


def _filled(ctx: Context, parent: ParentRecord, record: ChildRecord, report: ExecutionReport) -> None:
    child = record.child
    key = fill_key(child.venue, parent.account, child.symbol, report.venue_trade_id, child.side.sign)
    if key in ctx.ledger.fill_keys:
        ctx.memory.n_duplicate_fills += 1
        return
    if ctx.ledger.closed is not None and fill_mark(key) in ctx.ledger.closed:
        ctx.turn.commands.append(Recall(report, key))
        return
    if not report.venue_trade_id or report.qty_lots < 1 or report.price_ticks < 1:
        # Nothing that can be counted once. The child stays open, and its venue is asked for the real fill.
        ctx.memory.n_malformed_fills += 1
        if not record.state.is_terminal:
            lose(ctx, parent, record, "malformed_fill")
        return
    is_late = record.state.is_terminal
    is_unnamed = record.state in (ChildState.SENDING, ChildState.UNKNOWN) and not record.venue_order_id
    if is_unnamed and report.venue_order_id:
        ctx.emit(ChildAcked(parent.account, parent.order_id, child.child_id, report.venue_order_id, report.venue_ts_ns))
    fill = _fill_fact(ctx, parent, record, report, is_late=is_late)
    ctx.emit(fill)
    audit(ctx, fill)
    excess_units = max(
        record.cum_qty_units - child.qty_units,
        parent.cum_qty_units - (parent.accepted.order.qty_units or parent.cum_qty_units),
    )
    if excess_units > 0:
        ctx.emit(OverfillRecorded(parent.account, parent.order_id, child.child_id, excess_units))
        _halt(ctx, child, "overfill")
    if report.qty_lots < child.min_qty_lots:
        _halt(ctx, child, "below_least")
    if child.side.sign * (report.price_ticks - child.price_ticks) > 0:
        _halt(ctx, child, "price_beyond_limit")
    if parent.state is ParentState.DONE:
        judge(ctx, parent)


def _halt(ctx: Context, child: ChildOrder, reason: str) -> None:
    """A venue that fills beyond what it was asked gets nothing more until an operator has looked (I3)."""
    if (KillScope.VENUE, child.venue) not in ctx.ledger.kills:
        text = f"{reason} {child.child_id}"
        ctx.emit(KillSwitchSet("", KillScope.VENUE, child.venue, KillAction.BLOCK, text, ENGINE_ACTOR))


def _fill_fact(
    ctx: Context, parent: ParentRecord, record: ChildRecord, report: ExecutionReport, *, is_late: bool
) -> ChildFilled:
    child = record.child
    symbol = ctx.world.universe.symbols[child.symbol]
    price_units = report.price_ticks * child.tick_units
    fill_units = report.qty_lots * child.lot_units
    money_nano = symbol.money_nano(price_units, fill_units)
    return ChildFilled(
        account=parent.account,
        order_id=parent.order_id,
        child_id=child.child_id,
        exec_id=_exec_id(ctx, child, report.venue_trade_id),
        venue=child.venue,
        symbol=child.symbol,
        venue_trade_id=report.venue_trade_id,
        price_units=price_units,
        qty_units=fill_units,
        qty_lots=report.qty_lots,
        money_nano=money_nano,
        notional_nano=symbol.notional_nano(price_units, fill_units),
        fee_nano=report.fee_nano,
        fee_currency=report.fee_currency or symbol.money_currency,
        liquidity=report.liquidity,
        venue_ts_ns=report.venue_ts_ns,
        received_ts_ns=report.received_ts_ns,
        venue_mid_half_units=report.mid_half_units,
        class_mid_half_units=ctx.mid_half_units(parent.accepted.order.symbol),
        is_late=is_late,
        signed_qty_units=child.side.sign * fill_units,
        moves=balance_moves(symbol, child.side, fill_units, money_nano, report),
        gas_nano=report.gas_nano,
    )


def _exec_id(ctx: Context, child: ChildOrder, venue_trade_id: str) -> str:
    """A sale's says so: both sides of a trade with oneself may come in one turn."""
    side = () if child.side is Side.BUY else (child.side.value,)
    return prefixed_ulid("exe", ctx.now_ns, child.venue, child.account, child.symbol, venue_trade_id, *side)


def balance_moves(
    symbol: Symbol, side: Side, fill_units: int, money_nano: int, report: ExecutionReport
) -> tuple[tuple[str, int], ...]:
    """(currency, signed nano) of the venue balances: base and quote of a spot trade; contracts move only the fee."""
    moves: dict[str, int] = {}
    if symbol.fungible.kind is ContractKind.SPOT:
        moves[symbol.fungible.base] = side.sign * qty_nano(symbol, fill_units)
        moves[symbol.fungible.quote] = -side.sign * money_nano
    fee_currency = report.fee_currency or symbol.money_currency
    moves[fee_currency] = moves.get(fee_currency, 0) - report.fee_nano
    return tuple(sorted(moves.items()))
