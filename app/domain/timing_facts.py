"""Facts of orders in time that follow forecasts and use discretion, and of what was learned of volume."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Final

from app.domain.bending import Bend, Outlook
from app.domain.event import Event
from app.domain.quick import quick_init


@quick_init
@dataclass(frozen=True, slots=True)
class ScheduleBent(Event):
    """An adaptive schedule's slice begins: what was forecast of it, and how far ahead or behind that puts the plan.

    `weight_ppm`: how much of its usual part of what is left the slice takes, within its bounds.
    """

    KIND: ClassVar[str] = "schedule_bent"
    order_id: str
    outlook: Outlook
    weight_ppm: int
    bend: Bend


TIMING_EVENTS: Final[tuple[type[Event], ...]] = (ScheduleBent,)
