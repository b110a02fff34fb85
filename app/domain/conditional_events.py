"""Facts of conditional orders. What a leg's order does is told by that order's own facts.

`leg_i` is the leg's place in its definition. Levels, marks and stops are twice the price, as mids are.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Final

from app.domain.conditions import Conditional
from app.domain.enums import DoneReason, Mode, RefusalCode
from app.domain.events import Event


@dataclass(frozen=True, slots=True)
class ConditionalAccepted(Event):
    """The acknowledgement is a pure function of this fact. `approved_mid_half_units`: the class mid at acceptance."""

    KIND: ClassVar[str] = "conditional_accepted"
    V: ClassVar[int] = 2
    conditional_id: str
    symbol: str
    definition: Conditional
    mode: Mode
    limits_version: int
    approved_mid_half_units: int
    approved_ts_ns: int


@dataclass(frozen=True, slots=True)
class ConditionalAmended(Event):
    """The whole definition from here on: one fact, so that there is no instant without one."""

    KIND: ClassVar[str] = "conditional_amended"
    V: ClassVar[int] = 2
    conditional_id: str
    symbol: str
    definition: Conditional
    limits_version: int
    actor: str


@dataclass(frozen=True, slots=True)
class TrailMarked(Event):
    """A trailing leg's water mark: its first, and later ones often enough that a restart loses next to nothing."""

    KIND: ClassVar[str] = "trail_marked"
    conditional_id: str
    symbol: str
    leg_i: int
    mark_half_units: int


@dataclass(frozen=True, slots=True)
class LegTriggered(Event):
    """A leg's condition held at this turn, once and for all. `mark_half_units` is 0 but for a trail."""

    KIND: ClassVar[str] = "leg_triggered"
    conditional_id: str
    symbol: str
    leg_i: int
    level_half_units: int
    stop_half_units: int
    mark_half_units: int


@dataclass(frozen=True, slots=True)
class LegOrdered(Event):
    """`leg_order_id`, accepted in this turn, is an order of the leg."""

    KIND: ClassVar[str] = "leg_ordered"
    conditional_id: str
    symbol: str
    leg_i: int
    leg_order_id: str
    qty_units: int


@dataclass(frozen=True, slots=True)
class LegRefused(Event):
    """The gate said no to a leg's order; it is tried again, ever more slowly."""

    KIND: ClassVar[str] = "leg_refused"
    conditional_id: str
    symbol: str
    leg_i: int
    code: RefusalCode
    limit: str
    value: str
    unit: str


@dataclass(frozen=True, slots=True)
class LegCanceled(Event):
    """The leg places no further order; the others go on."""

    KIND: ClassVar[str] = "leg_canceled"
    conditional_id: str
    symbol: str
    leg_i: int
    actor: str
    reason: str


@dataclass(frozen=True, slots=True)
class ConditionalCancelRequested(Event):
    """No leg places any further order; what is at venues is canceled, and counts until its venue has spoken."""

    KIND: ClassVar[str] = "conditional_cancel_requested"
    conditional_id: str
    symbol: str
    actor: str
    reason: str


@dataclass(frozen=True, slots=True)
class ConditionalDone(Event):
    KIND: ClassVar[str] = "conditional_done"
    conditional_id: str
    symbol: str
    reason: DoneReason
    detail: str


CONDITIONAL_EVENTS: Final[tuple[type[Event], ...]] = (
    ConditionalAccepted,
    ConditionalAmended,
    TrailMarked,
    LegTriggered,
    LegOrdered,
    LegRefused,
    LegCanceled,
    ConditionalCancelRequested,
    ConditionalDone,
)
