"""A finished order's cost: the shape of schemas/tca.py. The basis points sum to their total, the nanos exactly."""

from __future__ import annotations

from typing import Any, Final

from app.api.wire.text import average_price, bps_or_none, bps_split, mid_or_none, money, money_at_mid, time_text
from app.domain.events import TcaReported
from app.domain.instrument import Symbol
from app.domain.records import ParentRecord
from app.domain.units import decimal_text
from app.services.tca import Dossier, OrderCosts, Row, group_rows, order_rows, venue_rows

Json = dict[str, Any]
_DECIMALS: Final = 4
WATERFALL: Final = ("delay", "spread", "impact", "timing", "fee", "gas", "basis", "opportunity")


def order_tca_json(costs: OrderCosts, report: TcaReported) -> Json:
    """A finished order: its waterfall, benchmarks, and what other ways of routing were planned to cost."""
    error, reach, scale = costs.plan_error, costs.reach, costs.symbol.price_scale
    return tca_json(costs.record, report, costs.symbol) | {
        "benchmarks": [
            {
                "name": b.name,
                "price": mid_or_none(b.half_units, scale),
                "cost_bps": bps_or_none(b.cost_nano, b.base_nano),
                "cost": money(b.cost_nano),
                "missing": b.missing,
            }
            for b in costs.benchmarks
        ],
        "arms": [
            {
                "name": arm.name,
                "venue": arm.venue or None,
                "n_venues": arm.n_venues,
                "is_chosen": arm.is_chosen,
                "planned_bps": number_text(arm.planned_bps),
                "low_bps": number_text(arm.low_bps),
                "high_bps": number_text(arm.high_bps),
                "saved_bps": number_text(arm.saved_bps),
            }
            for arm in costs.arms
        ],
        "plan_error": {"n": error.n, "mean_bps": number_text(error.mean_bps), "sd_bps": number_text(error.sd_bps)},
        "reach": {"is_within": reach.is_within, "why": reach.why, "shown": number_text(reach.shown_frac)},
    }


def summary_json(dossier: Dossier) -> Json:
    """Waterfalls per currency and one row per order."""
    return _headed(dossier) | {
        "waterfalls": [_waterfall_json(found) for found in dossier.waterfalls],
        "data": [_order_json(row) for row in order_rows(dossier)],
    }


def venues_json(dossier: Dossier) -> Json:
    """One scorecard per venue."""
    names = ("fill_ratio", "reject_rate", "fade", "price_variation_bps", "markout_1s_bps")
    return _headed(dossier) | {"data": [_nested(row, names) for row in venue_rows(dossier)]}


def markouts_json(dossier: Dossier) -> Json:
    """Markouts by venue, side and size."""
    return _headed(dossier) | {
        "data": [_nested(row, ("markout_bps", "net_bps", "net_drift_bps")) for row in group_rows(dossier)]
    }


def number_text(value: float | None) -> str | None:
    """A figure as a plain decimal of at most four decimals; None where it is not known."""
    if value is None:
        return None
    return decimal_text(round(value * 10**_DECIMALS), _DECIMALS)


def _headed(dossier: Dossier) -> Json:
    found, wanted = dossier.found, dossier.found.wanted
    return {
        "account": found.account,
        "scope": {
            "start": time_text(wanted.start_ts_ns),
            "end": time_text(wanted.end_ts_ns),
            "symbol": wanted.symbol or None,
            "side": wanted.side.value if wanted.side is not None else None,
            "venue": wanted.venue or None,
            "n_orders": len(found.records),
            "n_fills": dossier.n_fills,
            "n_measured": dossier.n_measured,
            "n_still": len(found.still),
            "is_cut": found.is_cut,
            "is_simulated": found.is_simulated,
        },
    }


def _waterfall_json(found: Any) -> Json:
    parts_nano = [found.parts_nano[name] for name in WATERFALL]
    texts, total = bps_split(parts_nano, found.base_nano)
    has_base = found.base_nano > 0
    shortfall = found.shortfall
    return {
        "currency": found.currency,
        "n_orders": found.n_orders,
        "base_money": money(found.base_nano),
        "filled_money": money(found.filled_nano),
        "total_bps": total if has_base else None,
        "cost_bps": dict(zip(WATERFALL, texts, strict=True)) if has_base else None,
        "total_cost": money(found.total_nano),
        "cost": {name: money(nano) for name, nano in zip(WATERFALL, parts_nano, strict=True)},
        "shortfall_bps": {
            "mean": number_text(shortfall.mean_bps),
            "low": number_text(shortfall.low_bps),
            "high": number_text(shortfall.high_bps),
            "n": shortfall.n,
            "n_parents": shortfall.n_clusters,
            "n_eff": number_text(shortfall.n_eff_units),
            "n_needed": shortfall.n_needed,
            "is_underpowered": shortfall.is_underpowered,
        },
    }


def _order_json(row: Row) -> Json:
    plain = {name: number_text(v) if isinstance(v, float) else v for name, v in row.items()}
    against = {name.removeprefix("vs_").removesuffix("_bps"): v for name, v in plain.items() if name.startswith("vs_")}
    kept = ("order_id", "symbol", "side", "strategy", "filled_qty", "avg_price", "currency", "n_fills", "total_bps")
    return {name: plain[name] for name in kept} | {
        "accepted_at": time_text(int(row["accepted_ts_ns"] or 0)),
        "cost_bps": {name: plain[f"{name}_bps"] for name in WATERFALL},
        "vs_bps": against,
    }


def _nested(row: Row, names: tuple[str, ...]) -> Json:
    """A flat row with each estimate of `names` as an object of its own."""
    plain = {name: number_text(v) if isinstance(v, float) else v for name, v in row.items()}
    nested: Json = {}
    for name in names:
        nested[name] = {"mean": plain.pop(name)} | {
            part: plain.pop(f"{name}_{part}")
            for part in ("low", "high", "n", "n_parents", "n_eff", "n_needed", "is_underpowered")
        }
    return plain | nested


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
