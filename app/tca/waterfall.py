"""Many orders' waterfalls as one: money added up exactly per currency, basis points of the whole at reference."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from app.domain.events import TcaReported
from app.domain.instrument import Symbol
from app.domain.records import ParentRecord
from app.tca.benchmarks import mid_money_nano
from app.tca.intervals import NEEDED_PARENTS, Estimate, estimate

STEPS: Final = ("delay", "timing", "basis", "spread", "impact", "fee", "gas", "opportunity")
_BPS: Final = 10_000


@dataclass(frozen=True, slots=True)
class Waterfall:
    """Sums over orders in one currency, in nano; the parts sum to `total_nano` exactly.

    `base_nano`: every order's quantity at its reference. `shortfall`: mean over parents of each one's own total.
    """

    currency: str
    n_orders: int
    base_nano: int
    filled_nano: int
    parts_nano: Mapping[str, int]
    total_nano: int
    shortfall: Estimate


def part_nano(report: TcaReported, step: str) -> int:
    """One step of a report."""
    value: int = getattr(report, f"{step}_nano")
    return value


def base_nano(record: ParentRecord, symbol: Symbol) -> int:
    """What the whole order was worth at its reference: what its basis points are of. 0 without a reference."""
    report = record.tca
    assert report is not None
    asked_units = max(report.filled_qty_units, record.accepted.order.qty_units or 0)
    if not report.reference_mid_half_units or not asked_units:
        return 0
    return mid_money_nano(symbol, report.reference_mid_half_units, asked_units)


def waterfalls(records: Iterable[ParentRecord], symbols: Mapping[str, Symbol]) -> list[Waterfall]:
    """One waterfall per money currency over the reported orders of `records` (in order of time), by currency."""
    groups: dict[str, list[tuple[ParentRecord, Symbol]]] = {}
    for record in records:
        symbol = symbols.get(record.accepted.order.symbol)
        if record.tca is not None and symbol is not None:
            groups.setdefault(symbol.money_currency, []).append((record, symbol))
    return [_sum(currency, rows) for currency, rows in sorted(groups.items())]


def _sum(currency: str, rows: list[tuple[ParentRecord, Symbol]]) -> Waterfall:
    reports = [record.tca for record, _ in rows if record.tca is not None]
    bases = [base_nano(record, symbol) for record, symbol in rows]
    parts = {step: sum(part_nano(report, step) for report in reports) for step in STEPS}
    known = [
        (report.total_nano / base * _BPS, report.order_id)
        for report, base in zip(reports, bases, strict=True)
        if base > 0
    ]
    return Waterfall(
        currency=currency,
        n_orders=len(rows),
        base_nano=sum(bases),
        filled_nano=sum(abs(report.filled_money_nano) for report in reports),
        parts_nano=parts,
        total_nano=sum(report.total_nano for report in reports),
        shortfall=estimate([v for v, _ in known], [order_id for _, order_id in known], NEEDED_PARENTS),
    )
