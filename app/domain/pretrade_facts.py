"""What an order was expected to cost, as older logs tell it: since order_accepted 6 that fact says it itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from app.domain.event import Event
from app.domain.pretrade import AskedUnits, CostEstimate, Said
from app.domain.quick import quick_init


@quick_init
@dataclass(frozen=True, slots=True)
class CostForetold(Event):
    """As `Said`, of an order that was accepted in the fact before. Read and folded for ever, written no more."""

    KIND: ClassVar[str] = "cost_foretold"
    order_id: str
    asked: AskedUnits
    estimate: CostEstimate

    @property
    def said(self) -> Said:
        """As an acceptance of today says it."""
        return Said(self.asked, self.estimate)
