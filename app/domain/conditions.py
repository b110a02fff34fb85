"""Conditional orders: what is waited for, and how the quantities of several legs hang together.

Laws: a leg becomes orders only through the gate, when its condition holds. Legs of one pool share its quantity: what
one of them has filled or may still fill is not there for another. Nothing here knows a book or a clock.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum, unique

from app.domain.enums import Side
from app.domain.orders import VenueFilter
from app.domain.venue_stops import TriggerLocation


@unique
class OrderClass(StrEnum):
    """FIX 1385. `simple` is one order; the others are groups."""

    SIMPLE = "simple"
    OCO = "oco"
    OTO = "oto"
    BRACKET = "bracket"


@unique
class AskedType(StrEnum):
    """What a desk may ask for. The first two are orders at once, the others are conditional."""

    MARKET = "market"
    LIMIT = "limit"
    STOP = "stop"
    STOP_LIMIT = "stop_limit"
    MARKET_IF_TOUCHED = "market_if_touched"
    TRAILING_STOP = "trailing_stop"

    @property
    def is_conditional(self) -> bool:
        return self not in (AskedType.MARKET, AskedType.LIMIT)


@unique
class TriggerSource(StrEnum):
    """Whose price is looked at. `mid`: the class mid, the median over valid venues. `cross_venue`: so many venues' own
    mids must be beyond at once. `last`: the newest trade of any venue. `mark`: the median of the venues' own mark
    prices, of a perpetual."""

    LAST = "last"
    MID = "mid"
    MARK = "mark"
    CROSS_VENUE = "cross_venue"


@unique
class ConditionKind(StrEnum):
    """STOP: the market runs away (a buyer's from below). TOUCH: it comes near. TRAIL: a stop behind a water mark."""

    STOP = "stop"
    TOUCH = "touch"
    TRAIL = "trail"


@unique
class OtoTrigger(StrEnum):
    """When the fills of an entry arm what follows: each part as it fills, or all of it once all is filled."""

    PARTIAL = "partial"
    FULL = "full"


@unique
class LegState(StrEnum):
    """Derived, never stored. `waiting`: its entry has not armed it. `armed`: its condition is watched."""

    WAITING = "waiting"
    ARMED = "armed"
    TRIGGERED = "triggered"
    FILLED = "filled"
    CANCELED = "canceled"


@dataclass(frozen=True, slots=True)
class Trail:
    """How far a stop stays behind the best level seen: exactly one of `offset_units` and `offset_ppm` is above 0.

    `activation_units`: the level from which marks are taken; 0 for at once.
    """

    offset_units: int
    offset_ppm: int
    activation_units: int

    def stop_half_units(self, mark_half_units: int, side: Side) -> int:
        """The stop level behind a water mark, as twice the price; never tighter than asked."""
        if self.offset_units:
            return mark_half_units + side.sign * 2 * self.offset_units
        if side is Side.SELL:
            return mark_half_units * (1_000_000 - self.offset_ppm) // 1_000_000
        return -(-mark_half_units * (1_000_000 + self.offset_ppm) // 1_000_000)


@dataclass(frozen=True, slots=True)
class Condition:
    """What a leg waits for. `price_units` is 0 for a trail; `n_venues` belongs to cross_venue, else 0."""

    kind: ConditionKind
    source: TriggerSource
    n_venues: int
    price_units: int
    trail: Trail | None = None

    def is_rising(self, side: Side) -> bool:
        """Whether it triggers on the way up: a buyer's stop and a seller's touch do."""
        return (side is Side.BUY) is (self.kind is not ConditionKind.TOUCH)


@dataclass(frozen=True, slots=True)
class Leg:
    """One order in waiting. Without a condition it is a limit order that works as soon as it is armed."""

    name: str
    side: Side
    qty_units: int
    condition: Condition | None
    limit_price_units: int | None


@dataclass(frozen=True, slots=True)
class Conditional:
    """A definition in symbol units. With oto and bracket the first leg is the entry, and arms the others.

    `has_entry_order`: the entry is an ordinary order, placed with the definition. `expire_ts_ns` 0: until canceled.
    `trigger_location`: who watches its stops.
    """

    account: str
    client_order_id: str
    symbol: str
    order_class: OrderClass
    legs: tuple[Leg, ...]
    oto_trigger: OtoTrigger
    has_entry_order: bool
    venues: VenueFilter
    max_slippage_ppm: int | None
    expire_ts_ns: int
    received_ts_ns: int
    body_hash: str
    tags: tuple[tuple[str, str], ...] = field(default=())
    trigger_location: TriggerLocation = TriggerLocation.ENGINE

    @property
    def has_entry(self) -> bool:
        return self.order_class in (OrderClass.OTO, OrderClass.BRACKET)


@dataclass(frozen=True, slots=True)
class Pool:
    """Legs that share one quantity. `is_armed_by_entry`: it has what the entry's fills bring, else `total_units`."""

    leg_indices: tuple[int, ...]
    total_units: int
    is_armed_by_entry: bool


def pools(definition: Conditional) -> tuple[Pool, ...]:
    """The legs by the quantity they share: all of a simple order or oco; entry and exits of a bracket apart; each
    leg of an oto alone."""
    legs = definition.legs
    everything = tuple(range(len(legs)))
    match definition.order_class:
        case OrderClass.SIMPLE | OrderClass.OCO:
            return (Pool(everything, legs[0].qty_units, is_armed_by_entry=False),)
        case OrderClass.BRACKET:
            entry_units = legs[0].qty_units
            return (
                Pool((0,), entry_units, is_armed_by_entry=False),
                Pool(everything[1:], entry_units, is_armed_by_entry=True),
            )
        case OrderClass.OTO:
            return tuple(Pool((i,), leg.qty_units, is_armed_by_entry=i > 0) for i, leg in enumerate(legs))
