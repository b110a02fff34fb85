"""Facts of the loop from what is measured of venues to the next route (execution/loop.py)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from app.domain.belief import Measure
from app.domain.enums import Side
from app.domain.event import Event


@dataclass(frozen=True, slots=True)
class LoopSet(Event):
    """Whether what is measured of venues flows back into routes from here on."""

    KIND: ClassVar[str] = "loop_set"
    is_on: bool
    actor: str


@dataclass(frozen=True, slots=True)
class BeliefChanged(Event):
    """What is believed of one venue from here on, and why: `reason` is `demoted`, `healed` or `measured`.

    ppm as learning/beliefs.py says them. `tried_ppm`: propensity of a route as if it were not demoted.
    """

    KIND: ClassVar[str] = "belief_changed"
    measure: Measure
    venue: str
    symbol: str
    side: Side
    is_demoted: bool
    old_ppm: int
    new_ppm: int
    low_ppm: int
    high_ppm: int
    tried_ppm: int
    n_observed: int
    reason: str


@dataclass(frozen=True, slots=True)
class LoopWeighed(Event):
    """What the loop did to one wave. `tried`: (venue, propensity, draw, both ppm) of each demoted venue; it was tried
    where the draw is below. `without`: the shadow arm's (venue, units) had the loop been off; empty where not asked.
    """

    KIND: ClassVar[str] = "loop_weighed"
    order_id: str
    wave: int
    tried: tuple[tuple[str, int, int], ...]
    is_shadowed: bool
    without: tuple[tuple[str, int], ...]
