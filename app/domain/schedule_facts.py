"""Facts of orders that are worked in time, and of orders that were changed. Each carries what a restart needs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from app.domain.event import Event
from app.domain.schedule import Progress
from app.domain.scheduled import Schedule, ScheduleState


@dataclass(frozen=True, slots=True)
class ScheduleBegun(Event):
    """A scheduled order is under way: what it is worked by, a learned curve included, and where it starts.

    What others trade is counted from here on: `others_qty_units` of every later fact is since this one.
    """

    KIND: ClassVar[str] = "schedule_begun"
    V: ClassVar[int] = 3
    order_id: str
    state: ScheduleState


@dataclass(frozen=True, slots=True)
class SliceReleased(Event):
    """Lots that are given out now; the plan and the children that follow in the same turn are its.

    `due_qty_units`: what the schedule wanted out by now in all. `price_units`: the far touch it was decided at.
    """

    KIND: ClassVar[str] = "slice_released"
    order_id: str
    slice_qty_units: int
    due_qty_units: int
    others_qty_units: int
    price_units: int
    progress: Progress


@dataclass(frozen=True, slots=True)
class ScheduleGivenBack(Event):
    """Lots of ended children that did not fill are due again; negative: a late fill took some that were given back."""

    KIND: ClassVar[str] = "schedule_given_back"
    order_id: str
    unfilled_qty_units: int
    progress: Progress


@dataclass(frozen=True, slots=True)
class SchedulePaused(Event):
    """Nothing more is released until it is resumed; what is out stays out."""

    KIND: ClassVar[str] = "schedule_paused"
    order_id: str
    actor: str
    progress: Progress


@dataclass(frozen=True, slots=True)
class ScheduleResumed(Event):
    """What is left is planned anew from now to the same end."""

    KIND: ClassVar[str] = "schedule_resumed"
    order_id: str
    actor: str
    others_qty_units: int
    progress: Progress


@dataclass(frozen=True, slots=True)
class OrderAmended(Event):
    """The order as it is from now on: its size, its limit with the cap that comes of it, its schedule if it has one.

    Its acknowledgement stays that of its acceptance. `limits_version`: under which what it adds was looked at again.
    """

    KIND: ClassVar[str] = "order_amended"
    V: ClassVar[int] = 3
    order_id: str
    actor: str
    qty_units: int
    limit_price_units: int | None
    price_cap_units: int
    limits_version: int
    schedule: Schedule | None
    state: ScheduleState | None
    others_qty_units: int
