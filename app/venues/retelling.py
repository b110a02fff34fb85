"""A ledger's lines told in our words: the same for a fresh event, a query, and a query after a restart."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from app.domain.enums import Liquidity
from app.domain.fills import ExecutionReport, ReportKind
from app.domain.orders import ChildOrder
from app.domain.quick import changed
from app.venues.ledger import (
    AbsentLine,
    AcceptedLine,
    DoneLine,
    FillLine,
    LedgerLine,
    RefusedLine,
    VenueLedger,
)

_HOW: Final = {"canceled": ReportKind.CANCELED, "expired": ReportKind.EXPIRED}


def reports_of(venue_id: str, lines: Sequence[tuple[int, LedgerLine]]) -> list[ExecutionReport]:
    """What (offset, line) of one client id say: acknowledged, fills, end; or refused; or nothing.

    A refusal counts only where the id was never accepted, and the first one: later ones are duplicates.
    """
    reports: list[ExecutionReport] = []
    first_refused: list[ExecutionReport] = []
    for offset, line in lines:
        kind = type(line)
        if isinstance(line, RefusedLine):
            first_refused = first_refused or [_of_refused(venue_id, line, evidence(venue_id, offset))]
        elif kind in _TOLD:
            report = _TOLD[kind](venue_id, line, f"ledger:{venue_id}:{offset}")
            if report is not None:
                reports.append(report)
    return reports or first_refused


def answer_of(venue_id: str, ledger: VenueLedger, child: ChildOrder, now_ns: int) -> list[ExecutionReport]:
    """The answer to a question about `child`: all that the ledger holds of it, or NOT_FOUND.

    Who asks after a crash may know no more than a bound of what left: an order that was filled and was smaller than
    `child` is told to have ended with what it had.
    """
    lines = ledger.lines_of(child.client_id)
    reports = reports_of(venue_id, lines)
    for offset, line in lines:
        if isinstance(line, DoneLine) and line.how == "filled" and line.cum_qty_lots < child.qty_lots:
            reports.append(_of_end(venue_id, line, ReportKind.EXPIRED, evidence(venue_id, offset)))
    return reports or [not_found(venue_id, ledger, child, now_ns)]


def evidence(venue_id: str, offset: int) -> str:
    """The place in the ledger where it stands."""
    return f"ledger:{venue_id}:{offset}"


def not_found(venue_id: str, ledger: VenueLedger, child: ChildOrder, now_ns: int) -> ExecutionReport:
    """After the deadline the venue swears in its ledger that it will never take the id; before, it may still."""
    proof, code = "", "may_still_arrive"
    if now_ns > child.deadline_ts_ns:
        code = "never_accepted"
        if not ledger.is_absent(child.client_id):
            offsets = ledger.append([AbsentLine(now_ns, child.client_id, child.deadline_ts_ns)])
            proof = evidence(venue_id, offsets[0])
    return ExecutionReport(
        ReportKind.NOT_FOUND,
        venue_id,
        child.client_id,
        venue_ts_ns=now_ns,
        code=code,
        evidence=proof or f"query:{venue_id}:{now_ns}",
    )


def cancel_rejected(venue_id: str, ledger: VenueLedger, client_id: str, now_ns: int) -> ExecutionReport:
    """There is nothing to cancel: it is over, or was never here."""
    code = "already_done" if ledger.is_known(client_id) else "unknown_order"
    return ExecutionReport(ReportKind.CANCEL_REJECTED, venue_id, client_id, venue_ts_ns=now_ns, code=code)


def received(report: ExecutionReport, now_ns: int) -> ExecutionReport:
    """`report` as it was received at `now_ns`."""
    return changed(report, received_ts_ns=now_ns)


def _of_refused(venue_id: str, line: RefusedLine, proof: str) -> ExecutionReport:
    return ExecutionReport(
        ReportKind.REJECTED,
        venue_id,
        line.client_id,
        venue_ts_ns=line.ts_ns,
        code=line.code,
        text=line.text,
        evidence=proof,
    )


def _of_accepted(venue_id: str, line: AcceptedLine, proof: str) -> ExecutionReport:
    return ExecutionReport(
        ReportKind.ACKED,
        venue_id,
        line.client_id,
        venue_order_id=line.venue_order_id,
        venue_ts_ns=line.ts_ns,
        evidence=proof,
    )


def _of_fill(venue_id: str, line: FillLine, proof: str) -> ExecutionReport:
    return ExecutionReport(
        ReportKind.FILLED,
        venue_id,
        line.client_id,
        venue_order_id=line.venue_order_id,
        venue_trade_id=line.venue_trade_id,
        price_ticks=line.price_ticks,
        qty_lots=line.qty_lots,
        cum_qty_lots=line.cum_qty_lots,
        fee_nano=line.fee_nano,
        fee_currency=line.fee_currency,
        venue_ts_ns=line.ts_ns,
        mid_half_units=line.mid_half_units,
        gas_nano=line.gas_nano,
        liquidity=Liquidity.MAKER if line.is_maker else Liquidity.TAKER,
        evidence=proof,
    )


def _of_done(venue_id: str, line: DoneLine, proof: str) -> ExecutionReport | None:
    """None at the end of a filled order: its last fill tells the total."""
    kind = _HOW.get(line.how)
    return None if kind is None else _of_end(venue_id, line, kind, proof)


def _of_end(venue_id: str, line: DoneLine, kind: ReportKind, proof: str) -> ExecutionReport:
    return ExecutionReport(
        kind,
        venue_id,
        line.client_id,
        venue_order_id=line.venue_order_id,
        cum_qty_lots=line.cum_qty_lots,
        venue_ts_ns=line.ts_ns,
        code=line.code,
        evidence=proof,
    )


# What of a ledger is told, line by line; a refusal only where nothing else is.
_TOLD: Final[Mapping[type[LedgerLine], Callable[[str, Any, str], ExecutionReport | None]]] = {
    AcceptedLine: _of_accepted,
    FillLine: _of_fill,
    DoneLine: _of_done,
}
