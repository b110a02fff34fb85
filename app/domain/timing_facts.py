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


@quick_init
@dataclass(frozen=True, slots=True)
class VolumeBin:
    """What a five-minute bin of the UTC day has shown so far: what others traded in it, and how long it was watched."""

    bin_i: int
    seen_qty_units: int
    watched_ms: int


@quick_init
@dataclass(frozen=True, slots=True)
class VolumeLearned(Event):
    """A symbol's learned volume curve as far as it has changed: each bin's newest word stands, so a start goes on."""

    KIND: ClassVar[str] = "volume_learned"
    symbol: str
    bins: tuple[VolumeBin, ...]


TIMING_EVENTS: Final[tuple[type[Event], ...]] = (ScheduleBent, VolumeLearned)
