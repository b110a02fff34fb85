"""What a venue says of one account there at one instant: the side of a reconciliation that we do not write."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum, unique

from app.domain.enums import Side


@dataclass(frozen=True, slots=True)
class VenueBalance:
    """`total_nano` is all that is there, `free_nano` what no order or margin holds, both in 1e-9 of `currency`."""

    currency: str
    total_nano: int
    free_nano: int


@dataclass(frozen=True, slots=True)
class VenuePosition:
    """A contract position; `qty_lots` is signed, above 0 long. `margin_nano`: what it holds, in `margin_currency`."""

    symbol: str
    qty_lots: int
    entry_price_units: int = 0
    margin_nano: int = 0
    margin_currency: str = ""


@dataclass(frozen=True, slots=True)
class VenueOpenOrder:
    """An order that the venue holds open. `client_id` is empty where the venue has none: somebody else placed it."""

    client_id: str
    venue_order_id: str
    symbol: str
    side: Side
    price_ticks: int
    leaves_lots: int


@dataclass(frozen=True, slots=True)
class VenueStatement:
    """Everything at one venue. `as_of_ts_ns` is the venue's own time of looking, 0 where it does not say.

    A currency or symbol that is absent is zero there; `open_orders` is complete.
    """

    venue: str
    as_of_ts_ns: int
    balances: tuple[VenueBalance, ...]
    positions: tuple[VenuePosition, ...]
    open_orders: tuple[VenueOpenOrder, ...]


@unique
class VenueState(StrEnum):
    """UP: everything works. DEGRADED: cancels and queries only, or a stream is missing. DOWN: nothing new goes."""

    UP = "up"
    DEGRADED = "degraded"
    DOWN = "down"


@dataclass(frozen=True, slots=True)
class VenueHealth:
    """How a venue's connections are now: routing input, for nothing new goes where `state` is not UP.

    `clock_offset_ns`: the venue's clock minus ours. `heard_ts_ns`: by stream, our time of its last message.
    `budget_left_ppm`: what is left of the request budget that is tightest.
    """

    venue: str
    state: VenueState
    reason: str = ""
    since_ts_ns: int = 0
    clock_offset_ns: int = 0
    budget_left_ppm: int = 1_000_000
    heard_ts_ns: Mapping[str, int] = field(default_factory=dict)
