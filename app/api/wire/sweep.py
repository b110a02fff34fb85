"""What an order at once asks for beyond a plain sweep, as JSON-ready values: the shape of schemas/sweep.py."""

from __future__ import annotations

from typing import Any

from app.domain.instrument import Symbol
from app.domain.orders import ParentOrder
from app.domain.units import NANO_SCALE, decimal_text

Json = dict[str, Any]


def sweep_json(order: ParentOrder, symbol: Symbol) -> Json:
    """The member `sweep` of an order that has one; nothing for others, which read as they always did."""
    terms = order.sweep
    if terms is None:
        return {}
    return {
        "sweep": {
            "sweep_style": terms.style.value,
            "version": terms.version,
            "min_qty": decimal_text(terms.min_qty_units, symbol.qty_scale) if terms.min_qty_units else None,
            "wait": decimal_text(terms.wait_ns, NANO_SCALE),
            "dealers": terms.asks_dealers,
        }
    }
