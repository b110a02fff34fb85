"""Orders on their way: ParentOrder -> Approved -> ChildOrder.

`Approved` is made in one place, risk/gate.py; nothing routes or leaves without it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Generic, TypeVar

from app.domain.enums import OrderType, Remainder, Side, Strategy, TimeInForce
from app.domain.quick import quick_init
from app.domain.quote_pool import QuotePool
from app.domain.scheduled import Schedule
from app.domain.sweeps import SweepTerms
from app.domain.venue_stops import VenueStop

T_co = TypeVar("T_co", covariant=True)


@quick_init
@dataclass(frozen=True, slots=True)
class VenueFilter:
    """`include` empty means every enabled venue; `max_venues` 0 means no bound."""

    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    max_venues: int = 0


@quick_init
@dataclass(frozen=True, slots=True)
class ParentOrder:
    """What a desk asked for, in symbol units: exactly one of `qty_units` and `notional_nano` is set.

    `limit_price_units` binds every child's raw execution price. `max_slippage_ppm` is against the arrival mid and
    becomes a price cap at acceptance. `decision_ts_ns` is the client's own decision time, 0 if not given.
    `decision_price_units` likewise. `expire_ts_ns` belongs to gtd, 0 otherwise. `quote_pool`: which other quote
    currencies it may be filled in; None: only the symbol's own. `schedule`: how a scheduled strategy works it in time.
    `sweep`: what an order at once asks for beyond a plain sweep.
    """

    account: str
    client_order_id: str
    symbol: str
    side: Side
    order_type: OrderType
    time_in_force: TimeInForce
    strategy: Strategy
    remainder: Remainder
    qty_units: int | None
    notional_nano: int | None
    limit_price_units: int | None
    max_slippage_ppm: int | None
    expire_ts_ns: int
    venues: VenueFilter
    is_full_fill_required: bool
    decision_ts_ns: int
    decision_price_units: int | None
    received_ts_ns: int
    body_hash: str
    tags: tuple[tuple[str, str], ...] = field(default=())
    quote_pool: QuotePool | None = None
    schedule: Schedule | None = None
    sweep: SweepTerms | None = None


@quick_init
@dataclass(frozen=True, slots=True)
class ChildOrder:
    """One order to one venue, in the venue's ticks and lots. `client_id` is what the venue sees, used once ever.

    `price_ticks` is the worst raw price it may trade at. `deadline_ts_ns`: the venue must refuse it afterwards; what it
    has taken by then stays. `rest_until_ns`: it rests in the book, and the engine cancels it then; 0 for one that rests
    nowhere. `is_post_only`: the venue must refuse it where it would take anything. `stop`: it waits at the venue for a
    price, and is what it is only then. `display_lots`: what it shows of one that rests at a time; 0: all.
    `min_qty_lots`: the least that may be executed at once, 0 is any; `quote_id`: of the dealer's quote that it accepts.
    `wave` 0: it was reserved, and a bound of what may have left (docs/adr/0063).
    """

    child_id: str
    client_id: str
    order_id: str
    account: str
    wave: int
    venue: str
    symbol: str
    side: Side
    time_in_force: TimeInForce
    price_ticks: int
    qty_lots: int
    tick_units: int
    lot_units: int
    deadline_ts_ns: int
    is_post_only: bool = False
    rest_until_ns: int = 0
    stop: VenueStop | None = None
    display_lots: int = 0
    min_qty_lots: int = 0
    quote_id: str = ""

    @property
    def rests(self) -> bool:
        """Whether it may stand in a book after its venue has taken it."""
        return self.rest_until_ns > 0

    @property
    def is_bound(self) -> bool:
        """Whether it is what was reserved, not what was sent: no larger and no worse one of this name may have left."""
        return not self.wave

    @property
    def price_units(self) -> int:
        return self.price_ticks * self.tick_units

    @property
    def qty_units(self) -> int:
        return self.qty_lots * self.lot_units


@quick_init
@dataclass(frozen=True, slots=True)
class Approved(Generic[T_co]):
    """Proof that the gate said yes to `value` under `limits_version`, at decision `decision_seq` of the log."""

    value: T_co
    limits_version: int
    decision_seq: int
