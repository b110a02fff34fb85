"""A child's decisions: what each report of a venue means. Facts and commands only.

A venue's word is taken once, in any order, any number of times: fills are keyed by the venue's trade id, and a
terminal word whose own total disagrees with the fills we hold is answered by a question, not believed.
"""

from __future__ import annotations

from app.domain.enums import ChildState, ContractKind, Side
from app.domain.events import (
    ChildAcked,
    ChildCanceled,
    ChildExpired,
    ChildFilled,
    ChildRejected,
    ChildUnknown,
    OverfillRecorded,
)
from app.domain.fills import ExecutionReport, ReportKind
from app.domain.ids import prefixed_ulid
from app.domain.instrument import Symbol
from app.domain.records import ChildRecord, ParentRecord
from app.execution.context import Context
from app.execution.inputs import QueryChild
from app.execution.machine import ChildStep, may_child
from app.execution.parent import advance, judge
from app.risk.exposure import qty_nano


def on_report(ctx: Context, report: ExecutionReport) -> None:
    """Takes one report of one child; a report about nobody we know is only counted."""
    child_id = ctx.ledger.by_venue_client_id.get(report.client_id)
    if child_id is None:
        ctx.memory.n_foreign_reports += 1
        return
    parent = ctx.ledger.parents[ctx.ledger.child_parent[child_id]]
    record = parent.children[child_id]
    if report.kind is ReportKind.FILLED:
        _filled(ctx, parent, record, report)
    elif not record.state.is_terminal:
        _told(ctx, parent, record, report)
    advance(ctx, parent)


def _told(ctx: Context, parent: ParentRecord, record: ChildRecord, report: ExecutionReport) -> None:
    """A word about a live child that is not a fill."""
    account, order_id, child_id = parent.account, parent.order_id, record.child.child_id
    match report.kind:
        case ReportKind.ACKED:
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
        case ReportKind.NOT_FOUND:
            _not_found(ctx, parent, record, report)
        case ReportKind.UNKNOWN:
            lose(ctx, parent, record, report.code or "ambiguous")
        case ReportKind.CANCEL_REJECTED | ReportKind.FILLED:
            ctx.memory.next_query_ns.setdefault(child_id, ctx.now_ns)


def _reject(ctx: Context, parent: ParentRecord, record: ChildRecord, code: str, report: ExecutionReport) -> None:
    ctx.emit(ChildRejected(parent.account, parent.order_id, record.child.child_id, code, report.text, report.evidence))
    pause_ns = ctx.now_ns + ctx.world.timing.reject_pause_ns
    ctx.memory.rejected_until_ns[(parent.order_id, record.child.venue)] = pause_ns


def _not_found(ctx: Context, parent: ParentRecord, record: ChildRecord, report: ExecutionReport) -> None:
    """A miss is proof only after the child's deadline, and only if the venue never showed any sign of it."""
    child, timing = record.child, ctx.world.timing
    was_seen = bool(record.venue_order_id) or record.cum_qty_units > 0
    is_expired = ctx.now_ns > child.deadline_ts_ns + timing.clock_skew_ns
    if was_seen or not is_expired:
        if record.state is not ChildState.UNKNOWN:
            lose(ctx, parent, record, "not_found")
        return
    _reject(ctx, parent, record, "not_accepted", report)


def lose(ctx: Context, parent: ParentRecord, record: ChildRecord, reason: str) -> None:
    """Marks the child unknown (once) and asks its venue; it keeps its full exposure."""
    if record.state is not ChildState.UNKNOWN:
        ctx.emit(ChildUnknown(parent.account, parent.order_id, record.child.child_id, reason))
    ask(ctx, record)


def ask(ctx: Context, record: ChildRecord) -> None:
    """One question to the venue about a child, and the time of the next."""
    ctx.turn.commands.append(QueryChild(record.child))
    ctx.memory.next_query_ns[record.child.child_id] = ctx.now_ns + ctx.world.timing.query_every_ns


def _lacks_fills(ctx: Context, record: ChildRecord, report: ExecutionReport) -> bool:
    """The venue's own total says that fills are still missing here: ask before anything is closed."""
    if report.cum_qty_lots < 0 or report.cum_qty_lots * record.child.lot_units <= record.cum_qty_units:
        return False
    ask(ctx, record)
    return True


def _filled(ctx: Context, parent: ParentRecord, record: ChildRecord, report: ExecutionReport) -> None:
    child = record.child
    key = (child.venue, parent.account, child.symbol, report.venue_trade_id)
    if key in ctx.ledger.fill_keys:
        ctx.memory.n_duplicate_fills += 1
        return
    is_late = record.state.is_terminal
    if record.state is ChildState.SENDING and report.venue_order_id:
        ctx.emit(ChildAcked(parent.account, parent.order_id, child.child_id, report.venue_order_id, report.venue_ts_ns))
    ctx.emit(_fill_fact(ctx, parent, record, report, is_late=is_late))
    excess_units = max(
        record.cum_qty_units - child.qty_units,
        parent.cum_qty_units - (parent.accepted.order.qty_units or parent.cum_qty_units),
    )
    if excess_units > 0:
        ctx.emit(OverfillRecorded(parent.account, parent.order_id, child.child_id, excess_units))
    if parent.state.value == "done":
        judge(ctx, parent)


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
        exec_id=prefixed_ulid("exe", ctx.now_ns, child.venue, parent.account, child.symbol, report.venue_trade_id),
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
        class_mid_half_units=ctx.mid_half_units(child.symbol),
        is_late=is_late,
        signed_qty_units=child.side.sign * fill_units,
        moves=balance_moves(symbol, child.side, fill_units, money_nano, report),
    )


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
