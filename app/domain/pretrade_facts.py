"""The fact of what an order was expected to cost, written with its acceptance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from app.domain.event import Event
from app.domain.pretrade import AskedUnits, CostEstimate
from app.domain.quick import quick_init


@quick_init
@dataclass(frozen=True, slots=True)
class CostForetold(Event):
    """What was said of an order's cost before any child left, and from what; its outcome is judged against this."""

    KIND: ClassVar[str] = "cost_foretold"
    order_id: str
    asked: AskedUnits
    estimate: CostEstimate
