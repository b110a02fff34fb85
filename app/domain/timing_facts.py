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


@quick_init
@dataclass(frozen=True, slots=True)
class DiscretionUsed(Event):
    """A slice crosses by its discretion, for all of it is shown in reach; its release and plan follow in the same turn.

    `rest_price_units`: where it would have rested. `reach_price_units`: the worst price that its children may trade at.
    `shown_qty_units`: what the venues that it may use showed up to there.
    """

    KIND: ClassVar[str] = "discretion_used"
    order_id: str
    rest_price_units: int
    reach_price_units: int
    shown_qty_units: int
    slice_qty_units: int


TIMING_EVENTS: Final[tuple[type[Event], ...]] = (ScheduleBent, VolumeLearned, DiscretionUsed)
