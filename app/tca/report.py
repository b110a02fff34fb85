"""A dossier as one self-contained HTML page: text, tables, charts; no script, no request to anywhere.

jinja2 and matplotlib are imported when the first page is made. Callers hold a lock (tca/charts.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from app.domain.enums import Mode
from app.domain.markouts import HORIZONS_NS, PathKind
from app.domain.units import NANO, decimal_text
from app.tca import charts
from app.tca.benchmarks import average_units
from app.tca.charts import ArmBar, Curve, Strip
from app.tca.dossier import Dossier, OrderCosts
from app.tca.intervals import NEEDED_FILLS, NEEDED_PARENTS, Estimate
from app.tca.markouts import HORIZON_NAMES, MarkoutRow
from app.tca.tables import order_rows
from app.tca.waterfall import STEPS, base_nano, part_nano

TEMPLATE: Final = Path(__file__).with_name("report.html.j2")
MAX_ORDERS_SHOWN: Final = 100
_BPS: Final = 10_000
_NS: Final = 1_000_000_000
_NAMES: Final = {
    "arrival": "Arrival mid",
    "decision": "Decision price",
    "twap": "Interval TWAP",
    "vwap": "Interval VWAP",
    "close": "Close",
    "opportunity": "Opportunity",
}


def render(dossier: Dossier, now_ns: int, mode: Mode) -> bytes:
    """The page of `dossier`, as of `now_ns`, in UTF-8."""
    from jinja2 import Environment, StrictUndefined

    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters |= {"bps": bps_text, "span": span_text, "share": share_text, "count": "{:,}".format}
    template = environment.from_string(TEMPLATE.read_text(encoding="utf-8"))
    return template.render(page_values(dossier, now_ns, mode)).encode()


def page_values(dossier: Dossier, now_ns: int, mode: Mode) -> dict[str, Any]:
    """What the template shows, charts drawn."""
    found = dossier.found
    reported = [costs for costs in dossier.orders if costs.record.tca is not None]
    featured = max(reported, key=_value_nano, default=None)
    in_time = (costs for costs in reported if costs.record.accepted.order.strategy.is_scheduled)
    longest = max(in_time, key=_worked_ns, default=None)
    is_single = len(reported) == 1
    main = max(dossier.waterfalls, key=lambda w: w.n_orders, default=None)
    return {
        "account": found.account,
        "title": f"Order {reported[0].record.order_id}" if is_single else "Transaction costs",
        "is_single": is_single,
        "period": _period(dossier),
        "made_at": _time(now_ns),
        "badge": "simulated" if found.is_simulated else "live market" if mode is Mode.LIVE else "paper, live market",
        "is_simulated": found.is_simulated,
        "is_cut": found.is_cut,
        "n_orders": len(reported),
        "n_fills": dossier.n_fills,
        "n_measured": dossier.n_measured,
        "n_still": len(found.still),
        "waterfalls": [_waterfall_values(w) for w in dossier.waterfalls],
        "main": main,
        "waterfall_svg": _waterfall_svg(main) if main is not None and main.base_nano > 0 else "",
        "featured": _order_values(featured) if featured is not None else None,
        "longest": _order_values(longest) if longest is not None and longest is not featured else None,
        "markouts_svg": _markouts_svg(dossier),
        "markouts": _lines(dossier.by_venue),
        "groups": [line for line in _lines((*dossier.by_side, *dossier.by_size)) if line["kind"] is PathKind.FILL],
        "horizons": HORIZON_NAMES,
        "cards": dossier.cards,
        "orders": list(reversed(order_rows(dossier)))[:MAX_ORDERS_SHOWN],
        "steps": STEPS,
        "needed_fills": NEEDED_FILLS,
        "needed_parents": NEEDED_PARENTS,
    }


def bps_text(value: float | None, n_places: int = 2) -> str:
    """A number of basis points with its sign; a dash for what is not known."""
    if value is None:
        return "–"
    text = f"{value:+.{n_places}f}"
    return text[1:] if not float(text) else text.replace("-", "−")


def span_text(found: Estimate) -> str:
    """The 95 % interval, or that there is none."""
    if found.low_bps is None or found.high_bps is None:
        return "no interval"
    return f"{bps_text(found.low_bps)} … {bps_text(found.high_bps)}"


def share_text(value_bps: float | None) -> str:
    """A share given in basis points of 1, in per cent."""
    return "–" if value_bps is None else f"{value_bps / 100:.1f} %"


def _value_nano(costs: OrderCosts) -> int:
    return costs.record.tca.reference_money_nano if costs.record.tca is not None else 0


def _worked_ns(costs: OrderCosts) -> int:
    """How long an order was at work."""
    return costs.record.updated_ts_ns - costs.record.created_ts_ns


def _time(ts_ns: int) -> str:
    return datetime.fromtimestamp(ts_ns // _NS, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def _period(dossier: Dossier) -> str:
    records = dossier.found.records
    if not records:
        wanted = dossier.found.wanted
        return f"{_time(wanted.start_ts_ns)} – {_time(wanted.end_ts_ns)}"
    first, last = records[0].created_ts_ns, max(record.updated_ts_ns for record in records)
    return _time(first) if len(records) == 1 else f"{_time(first)} – {_time(last)}"


def _waterfall_values(found: Any) -> dict[str, Any]:
    base = found.base_nano
    steps = [
        {"name": step, "bps": nano / base * _BPS if base > 0 else None, "money": _money(nano)}
        for step, nano in found.parts_nano.items()
    ]
    return {
        "currency": found.currency,
        "n_orders": found.n_orders,
        "filled": _money(found.filled_nano),
        "total": _money(found.total_nano),
        "total_bps": found.total_nano / base * _BPS if base > 0 else None,
        "shortfall": found.shortfall,
        "steps": steps,
    }


def _money(nano: int) -> str:
    """Money to the hundredth, thousands apart, for people; tables of the API have all of it."""
    return f"{nano / NANO:,.2f}".replace("-", "−")


def _waterfall_svg(found: Any) -> str:
    base = found.base_nano
    steps = [(step, nano / base * _BPS) for step, nano in found.parts_nano.items()]
    return charts.waterfall_chart(steps, found.total_nano / base * _BPS)


def _order_values(costs: OrderCosts) -> dict[str, Any]:
    """One order as the page shows it."""
    record, symbol, report = costs.record, costs.symbol, costs.record.tca
    assert report is not None
    base = base_nano(record, symbol)
    scale = 10**symbol.price_scale
    price = average_units(symbol, report.filled_money_nano, report.filled_qty_units) if report.filled_qty_units else 0.0
    shown = [arm for arm in costs.arms if arm.planned_bps is not None]
    bars = [
        ArmBar(arm.name.replace("_", " "), arm.planned_bps, arm.low_bps, arm.high_bps, arm.is_chosen)
        for arm in shown
        if arm.planned_bps is not None
    ]
    return {
        "order_id": record.order_id,
        "symbol": symbol.name,
        "side": record.accepted.order.side.value,
        "strategy": record.accepted.order.strategy.value,
        "filled_qty": decimal_text(report.filled_qty_units, symbol.qty_scale),
        "avg_price": f"{price / scale:,.{symbol.price_scale}f}" if price else "–",
        "currency": symbol.money_currency,
        "reference": report.reference,
        "total_bps": report.total_nano / base * _BPS if base > 0 else None,
        "steps": [{"name": step, "bps": part_nano(report, step) / base * _BPS if base > 0 else None} for step in STEPS],
        "benchmarks": [
            {
                "name": _NAMES[b.name],
                "price": f"{b.half_units / 2 / scale:,.{symbol.price_scale}f}" if b.half_units else "–",
                "bps": b.cost_nano / b.base_nano * _BPS if b.base_nano else None,
                "missing": b.missing,
            }
            for b in costs.benchmarks
        ],
        "arms": costs.arms,
        "arms_svg": charts.arms_chart(bars) if bars else "",
        "reach": costs.reach,
        "plan_error": costs.plan_error,
        "strip_svg": _strip_svg(costs),
    }


def _lines(rows: Sequence[MarkoutRow]) -> list[dict[str, Any]]:
    """Groups with all horizons side by side; how many there are is told at a second."""
    lines: dict[tuple[str, str, PathKind], list[MarkoutRow]] = {}
    for row in rows:
        lines.setdefault((row.group, row.name, row.kind), []).append(row)
    found = []
    for (group, name, kind), cells in lines.items():
        told = cells[1]
        if any(cell.markout.n for cell in cells):
            found.append(
                {"group": group, "name": name, "kind": kind, "cells": cells, "net": told.net, "n": told.markout.n}
            )
    return found


def _strip_svg(costs: OrderCosts) -> str:
    record, symbol, interval = costs.record, costs.symbol, costs.record.interval
    start_ns = record.created_ts_ns
    scale = 10**symbol.price_scale
    own = [f for f in record.fills if f.fill.symbol == symbol.name]
    largest = max((f.fill.qty_units for f in own), default=1)
    mids = [(offset_ms / 1_000, mid / 2 / scale) for offset_ms, mid in interval.strip] if interval else []
    fills = [
        ((f.ts_ns - start_ns) / _NS, f.fill.price_units / scale, f.fill.qty_units / largest, f.fill.venue) for f in own
    ]
    if not mids:
        return ""
    wanted = {"arrival": "arrival mid", "twap": "TWAP", "vwap": "VWAP"}
    levels = [(wanted[b.name], b.half_units / 2 / scale) for b in costs.benchmarks if b.name in wanted and b.half_units]
    end_ns = interval.end_ts_ns if interval else record.updated_ts_ns
    # An order that lived for a moment is a line in a minute of market: its own seconds are what can be seen.
    horizon_s = max(5.0, (end_ns - start_ns) / _NS / 2)
    near = [(t, p) for t, p in mids if -horizon_s <= t <= horizon_s + (end_ns - start_ns) / _NS]
    return charts.strip_chart(Strip(near or mids, fills, levels, (end_ns - start_ns) / _NS))


def _markouts_svg(dossier: Dossier) -> str:
    curves: dict[str, list[tuple[float, float, float | None, float | None]]] = {}
    notes: dict[str, str] = {}
    for row, horizon_ns in zip(dossier.by_venue, HORIZONS_NS * (len(dossier.by_venue) // 4), strict=True):
        if row.kind is PathKind.FILL and row.net.mean_bps is not None:
            curves.setdefault(row.name, []).append(
                (horizon_ns / _NS, row.net.mean_bps, row.net.low_bps, row.net.high_bps)
            )
            notes[row.name] = f"{row.net.n:,} fills" + (", underpowered" if row.net.is_underpowered else "")
    drawn = [Curve(name, points, notes[name]) for name, points in curves.items()]
    return charts.markout_chart(drawn) if drawn else ""
