"""A finished order's cost: the shape of schemas/tca.py. The basis points sum to their total, the nanos exactly."""

from __future__ import annotations

from typing import Any, Final

from app.api.wire.text import average_price, bps_split, mid_or_none, money, money_at_mid
from app.domain.events import TcaReported
from app.domain.instrument import Symbol
from app.domain.records import ParentRecord
from app.domain.units import decimal_text

Json = dict[str, Any]
WATERFALL: Final = ("delay", "spread", "impact", "timing", "fee", "gas", "basis", "opportunity")


def tca_json(record: ParentRecord, report: TcaReported, symbol: Symbol) -> Json:
    """The waterfall in money and in basis points of what the whole order was worth at the reference."""
    parts_nano = [int(getattr(report, f"{name}_nano")) for name in WATERFALL]
    scale = symbol.price_scale
    asked_units = max(report.filled_qty_units, record.accepted.order.qty_units or 0)
    base_nano = money_at_mid(symbol, report.reference_mid_half_units, asked_units)
    texts, total = bps_split(parts_nano, base_nano)
    return {
        "order_id": record.order_id,
        "symbol": symbol.name,
        "side": record.accepted.order.side.value,
        "reference": report.reference,
        "reference_price": mid_or_none(report.reference_mid_half_units, scale),
        "prices": {
            "decision": mid_or_none(report.decision_mid_half_units, scale),
            "received": mid_or_none(report.received_mid_half_units, scale),
            "approved": mid_or_none(report.approved_mid_half_units, scale),
            "first_sent": mid_or_none(report.first_sent_mid_half_units, scale),
            "closing": mid_or_none(report.closing_mid_half_units, scale),
        },
        "filled_qty": decimal_text(report.filled_qty_units, symbol.qty_scale),
        "avg_price": average_price(symbol, report.filled_money_nano, report.filled_qty_units),
        "money_currency": symbol.money_currency,
        "filled_money": money(report.filled_money_nano),
        "reference_money": money(report.reference_money_nano),
        "base_money": money(base_nano),
        "total_bps": total if base_nano else None,
        "cost_bps": dict(zip(WATERFALL, texts, strict=True)) if base_nano else None,
        "total_cost": money(report.total_nano),
        "cost": {name: money(nano) for name, nano in zip(WATERFALL, parts_nano, strict=True)},
        "total_cost_nano": report.total_nano,
        "cost_nano": dict(zip(WATERFALL, parts_nano, strict=True)),
        "fees_unconverted": [{"currency": c, "amount": money(nano)} for c, nano in report.fee_unconverted],
    }
