"""What our own trading measures of a venue, one observation at a time, and what is believed from it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum, unique

from app.domain.enums import Side


@unique
class Measure(StrEnum):
    """What is measured; unit of an observation's value, positive is bad for us.

    MARKOUT: bps by which the leave-one-out mid went against us after a fill, matched no-trade instants taken off, at
    the horizon of the watch (1 s). FADE: part of an IOC child that was planned and did not fill. REJECT: 1 for a child
    the venue refused, 0 for one it took. FADE_NEW, FADE_YOUNG: as FADE, of children that took a touch which had stood
    below 0.1 s, or below 1 s; FADE has the others. GONE and its kin: part of a touch of that age that was gone when a
    child could have come, from books alone. LATENCY: natural logarithm of (sent to acknowledged) over what is usual
    there.
    """

    MARKOUT = "markout"
    FADE = "fade"
    FADE_NEW = "fade_new"
    FADE_YOUNG = "fade_young"
    GONE = "gone"
    GONE_NEW = "gone_new"
    GONE_YOUNG = "gone_young"
    REJECT = "reject"
    LATENCY = "latency"


@dataclass(frozen=True, slots=True)
class BeliefKey:
    """Of whom and of what: one venue, one symbol, one side of ours."""

    measure: Measure
    venue: str
    symbol: str
    side: Side


@dataclass(frozen=True, slots=True)
class Observation:
    """One measurement, once: of a fill (its `subject` is the execution id) or of a child. `ts_ns`: when it traded."""

    key: BeliefKey
    subject: str
    value: float
    ts_ns: int
