"""A dossier as flat rows: the same for JSON, CSV, Parquet and the report. Numbers stay numbers, None is not known."""

from __future__ import annotations

from collections.abc import Sequence

from app.domain.units import decimal_text
from app.tca.benchmarks import average_units
from app.tca.dossier import Dossier, OrderCosts
from app.tca.intervals import Estimate
from app.tca.markouts import HORIZON_NAMES, Marked, MarkoutRow
from app.tca.scorecards import Scorecard
from app.tca.waterfall import STEPS, base_nano, part_nano

Cell = str | int | float | bool | None
Row = dict[str, Cell]
_BPS = 10_000


def order_rows(dossier: Dossier) -> list[Row]:
    """One row per order, oldest first: what it was, its cost by step and against each benchmark, in basis points."""
    return [_order_row(costs) for costs in dossier.orders if costs.record.tca is not None]


def venue_rows(dossier: Dossier) -> list[Row]:
    """One row per venue: its scorecard. Shares are fractions of 1."""
    return [_card_row(card) for card in dossier.cards]


def group_rows(dossier: Dossier) -> list[Row]:
    """One row per group (venue, side, size), kind and horizon: markouts with intervals."""
    return [_group_row(row) for rows in (dossier.by_venue, dossier.by_side, dossier.by_size) for row in rows]


def fill_rows(dossier: Dossier) -> list[Row]:
    """One row per measured fill or child and horizon: what the groups are made of."""
    return [_fill_row(marked, i) for marked in dossier.marked for i in range(len(HORIZON_NAMES))]


def _order_row(costs: OrderCosts) -> Row:
    record, symbol = costs.record, costs.symbol
    report = record.tca
    assert report is not None
    base = base_nano(record, symbol)
    row: Row = {
        "order_id": record.order_id,
        "accepted_ts_ns": record.created_ts_ns,
        "symbol": symbol.name,
        "side": record.accepted.order.side.value,
        "strategy": record.accepted.order.strategy.value,
        "filled_qty": decimal_text(report.filled_qty_units, symbol.qty_scale),
        "avg_price": _average_price(costs),
        "currency": symbol.money_currency,
        "n_fills": len(record.fills),
        "total_bps": _bps(report.total_nano, base),
    }
    row |= {f"{step}_bps": _bps(part_nano(report, step), base) for step in STEPS}
    row |= {f"vs_{b.name}_bps": _bps(b.cost_nano, b.base_nano) for b in costs.benchmarks if b.name != "opportunity"}
    return row


def _average_price(costs: OrderCosts) -> float | None:
    report = costs.record.tca
    if report is None or not report.filled_qty_units:
        return None
    units = average_units(costs.symbol, report.filled_money_nano, report.filled_qty_units)
    return float(units / 10**costs.symbol.price_scale)


def _card_row(card: Scorecard) -> Row:
    row: Row = {
        "venue": card.venue,
        "n_children": card.n_children,
        "n_fills": card.n_fills,
        "n_rejected": card.n_rejected,
    }
    for name, share in (("fill_ratio", card.fill_ratio), ("reject_rate", card.reject_rate), ("fade", card.fade)):
        row |= _spelled(name, share, 1 / _BPS)
    row |= _spelled("price_variation_bps", card.price_variation, 1)
    row |= {"improved": card.improved_frac, "worse": card.worse_frac}
    row |= {"latency_ms_p50": card.latency.p50_ms, "latency_ms_p90": card.latency.p90_ms}
    row |= {"hold_ms_p50": card.hold_time.p50_ms, "hold_ms_p90": card.hold_time.p90_ms}
    return row | _spelled("markout_1s_bps", card.markout, 1)


def _group_row(row: MarkoutRow) -> Row:
    found: Row = {"group": row.group, "name": row.name, "kind": row.kind.value, "horizon": row.horizon}
    found |= _spelled("markout_bps", row.markout, 1)
    found |= _spelled("net_bps", row.net, 1)
    found |= _spelled("net_drift_bps", row.net_drift, 1)
    return found | {"n_unmatched": row.n_unmatched}


def _fill_row(marked: Marked, horizon_i: int) -> Row:
    return {
        "kind": marked.kind.value,
        "order_id": marked.order_id,
        "ref_id": marked.ref_id,
        "venue": marked.venue,
        "symbol": marked.symbol,
        "side": marked.side.value,
        "liquidity": marked.liquidity,
        "size": marked.size,
        "start_ts_ns": marked.start_ts_ns,
        "horizon": HORIZON_NAMES[horizon_i],
        "markout_bps": marked.markout_bps[horizon_i],
        "drift_bps": marked.drift_bps[horizon_i],
        "control_bps": marked.control_bps[horizon_i],
        "net_bps": marked.net_bps(horizon_i),
        "n_controls": marked.n_controls,
    }


def _spelled(name: str, found: Estimate, scale: float) -> Row:
    """An estimate as columns: mean, interval, sizes, and whether it is too small to say anything."""
    return {
        name: _scaled(found.mean_bps, scale),
        f"{name}_low": _scaled(found.low_bps, scale),
        f"{name}_high": _scaled(found.high_bps, scale),
        f"{name}_n": found.n,
        f"{name}_n_parents": found.n_clusters,
        f"{name}_n_eff": round(found.n_eff_units, 1),
        f"{name}_n_needed": found.n_needed,
        f"{name}_is_underpowered": found.is_underpowered,
    }


def _scaled(value: float | None, scale: float) -> float | None:
    return None if value is None else float(value * scale)


def _bps(cost_nano: int, base: int) -> float | None:
    return float(cost_nano / base * _BPS) if base > 0 else None


def columns(rows: Sequence[Row]) -> list[str]:
    """The columns of `rows` in the order in which they first come."""
    return list(dict.fromkeys(name for row in rows for name in row))
