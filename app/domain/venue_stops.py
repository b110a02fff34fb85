"""Stops that a venue holds itself: what one is, and what each venue offers.

Laws: a stop at a venue claims its whole quantity until the venue has spoken. `replaces` is one step of the venue: the
new stop stands before the old one is gone, and never may both trade; where the old one has gone off, the new one is
refused.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum, unique

from app.domain.enums import ContractKind
from app.domain.quick import quick_init

# A stop that nobody bounds in time: 2^62, beyond every clock, within every column.
FOREVER_NS = 2**62


@unique
class TriggerLocation(StrEnum):
    """Who watches a stop: our engine, the venue, or the venue where it offers that and the engine elsewhere."""

    ENGINE = "engine"
    VENUE = "venue"
    AUTO = "auto"


@unique
class StopSource(StrEnum):
    """Whose price sets a venue's stop off: its own last public trade, or its own mark price."""

    LAST = "last"
    MARK = "mark"


@quick_init
@dataclass(frozen=True, slots=True)
class VenueStop:
    """What makes a child a stop. `replaces`: the client id of the stop whose place it takes, empty for none."""

    price_ticks: int
    by: StopSource
    replaces: str = ""


@dataclass(frozen=True, slots=True)
class StopOffer:
    """What one venue offers. `sources`: what may set a stop off. `can_replace`: a stop takes another's place in one
    step. `has_trailing`, `has_oco`: offered there; nothing here uses them. `is_served`: whether we use any of it, and
    in markets of which `kinds`. `source`, `as_of`: who says so, and when.
    """

    venue: str
    is_served: bool
    has_stop: bool
    has_stop_limit: bool
    has_trailing: bool
    has_oco: bool
    can_replace: bool
    sources: frozenset[StopSource]
    source: str
    as_of: str
    kinds: frozenset[ContractKind] = frozenset(ContractKind)
