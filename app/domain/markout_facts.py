"""Facts about what the market did after fills and at still instants."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from app.domain.event import Event
from app.domain.markouts import IntervalStats, MidPath, StillPath


@dataclass(frozen=True, slots=True)
class MarkoutsMeasured(Event):
    """What the market did after an order's fills and children. `interval`: once per order, None in later ones."""

    KIND: ClassVar[str] = "markouts_measured"
    order_id: str
    paths: tuple[MidPath, ...]
    interval: IntervalStats | None


@dataclass(frozen=True, slots=True)
class StillMeasured(Event):
    """What the market did when nothing of ours traded: instants drawn at random by `seed`, what markouts start from."""

    KIND: ClassVar[str] = "still_measured"
    seed: int
    paths: tuple[StillPath, ...]
