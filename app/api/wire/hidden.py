"""Beliefs of hidden liquidity as JSON-ready values: the shapes of schemas/hidden.py."""

from __future__ import annotations

from typing import Any, Final

from app.api.wire.text import bps_of_ppm, ms_text
from app.domain.units import PPM, decimal_text
from app.services.hidden import DarkView, DealerView, HiddenView

Json = dict[str, Any]
_PPM_SCALE: Final = 6


def hidden_json(view: HiddenView) -> Json:
    """What is believed of every venue without a book."""
    return {
        "max_pings_per_minute": view.max_pings,
        "dark": [_dark(row) for row in view.dark],
        "dealers": [_dealer(row) for row in view.dealers],
    }


def _dark(row: DarkView) -> Json:
    scale = row.symbol.qty_scale
    return {
        "venue": row.venue,
        "symbol": row.symbol.name,
        "side": row.side.value,
        "unit": decimal_text(row.unit_units, scale),
        "n_answers": row.n_answers,
        "asked_qty": decimal_text(row.asked_units, scale),
        "filled_qty": decimal_text(row.filled_units, scale),
        "chances": [decimal_text(ppm, _PPM_SCALE) for ppm in row.chance_ppm],
        "leak_bps": bps_of_ppm(row.leak_ppm),
        "pings": row.n_pings,
    }


def _dealer(row: DealerView) -> Json:
    belief = row.belief
    return {
        "venue": row.venue,
        "symbol": row.symbol.name,
        "side": row.side.value,
        "n_looks": belief.n_looks,
        "hit_rate": decimal_text(round(belief.hit_frac * PPM), _PPM_SCALE),
        "adverse_bps": bps_of_ppm(round(belief.move_ppm)),
        "cost_bps": bps_of_ppm(belief.cost_ppm),
        "cost_low_bps": bps_of_ppm(belief.low_ppm),
        "cost_high_bps": bps_of_ppm(belief.high_ppm),
        "hold_ms": ms_text(row.hold_ns),
        "pings": row.n_pings,
    }
