"""The shadow as JSON-ready values: the shapes of schemas/shadow.py."""

from __future__ import annotations

from typing import Any

from app.api.wire.text import mid_or_none
from app.domain.instrument import Symbol
from app.domain.shadow_events import ShadowPlanned
from app.domain.units import decimal_text
from app.services.replay_report import bps
from app.services.replay_stats import Summary
from app.services.shadow import ShadowReport
from app.services.shadow_judge import ShadowRow, needed_sentence

Json = dict[str, Any]


def planned_json(planned: ShadowPlanned, symbol: Symbol) -> Json:
    """What was planned and not sent."""
    return {
        "shadow_id": planned.shadow_id,
        "parent_id": planned.parent.parent_id,
        "symbol": planned.symbol,
        "is_sent": False,
        "refused": planned.refusal or None,
        "route_id": planned.route_id or None,
        "receipt_sha256": planned.receipt_sha256 or None,
        "mid": mid_or_none(planned.received_mid_half_units, symbol.price_scale),
        "displayed_percent": decimal_text(planned.displayed_ppm, 4) if planned.displayed_ppm >= 0 else None,
        "allocations": [
            {
                "venue": child.venue,
                "qty": decimal_text(child.qty_units, symbol.qty_scale),
                "limit_price": decimal_text(child.price_units, symbol.price_scale),
            }
            for child in planned.children
        ],
    }


def report_json(report: ShadowReport) -> Json:
    """Every row, loser and exclusion."""
    return {
        "evidence": report.evidence,
        "needed": needed_sentence(report),
        "n_told": report.n_told,
        "n_late_fills": report.n_late_fills,
        "unfilled_percent": bps(100 * report.incomplete_frac, 4),
        "rows": [_row(row) for row in report.rows],
        "prices": [
            {"price": name, "incumbent_bps": bps(incumbent, 4), "own_bps": bps(own, 4)}
            for name, incumbent, own in report.prices
        ],
        "worst": [
            {
                "parent_id": item.parent_id,
                "symbol": item.symbol,
                "side": item.side.value,
                "difference_bps": bps(item.difference_bps, 4),
            }
            for item in report.worst
        ],
        "excluded": [
            {"parent_id": item.parent_id, "reason": item.reason.value, "detail": item.detail}
            for item in report.excluded
        ],
    }


def _row(row: ShadowRow) -> Json:
    return {
        "size": row.size,
        "side": row.side,
        "n_parents": row.n,
        "n_days": row.n_days,
        "difference": _summary(row.difference),
        "loss": _summary(row.loss),
        "incumbent": _summary(row.incumbent),
        "own": _summary(row.own),
        "low_bps": None if row.low_bps is None else bps(row.low_bps, 4),
        "high_bps": None if row.high_bps is None else bps(row.high_bps, 4),
        "n_eff": bps(row.n_eff, 1),
        "n_blocks": bps(row.n_blocks, 1),
        "is_clustered_by_day": row.is_by_day,
        "p_holm": bps(row.p_holm, 4),
        "is_underpowered": row.is_underpowered,
        "is_equivalent": row.is_equivalent,
        "n_needed": row.n_needed,
        "verdict": row.verdict,
    }


def _summary(summary: Summary) -> Json:
    names = {"mean_bps": summary.mean, "median_bps": summary.median, "p95_bps": summary.q95}
    return {name: bps(value, 4) for name, value in (names | {"cvar95_bps": summary.cvar95}).items()}
