"""Facts of children that rest at a venue: why a slice was posted there, that its child is taken back, and stops."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Final

from app.domain.event import Event
from app.domain.quick import quick_init
from app.domain.venue_stops import StopSource


@quick_init
@dataclass(frozen=True, slots=True)
class SlicePosted(Event):
    """A slice is posted instead of crossed: its child, which follows in the same turn, rests at one venue until
    `rest_until_ns`. It is a wave of its own, without a route.

    `near_price_units`, `far_price_units`: its touch when it was decided. `ahead_qty_units`: shown there before us.
    `maker_fee_ppm`: negative is a rebate. `behind_ppm`: how far our price is behind the best near touch of all venues.
    `n_posts`: how often this slice has been posted before.
    """

    KIND: ClassVar[str] = "slice_posted"
    order_id: str
    venue: str
    price_units: int
    qty_units: int
    near_price_units: int
    far_price_units: int
    ahead_qty_units: int
    maker_fee_ppm: int
    behind_ppm: int
    rest_until_ns: int
    n_posts: int


@quick_init
@dataclass(frozen=True, slots=True)
class ChildPulled(Event):
    """A child that rests is canceled while its parent goes on; it keeps its exposure until its venue has spoken."""

    KIND: ClassVar[str] = "child_pulled"
    order_id: str
    child_id: str
    reason: str


@quick_init
@dataclass(frozen=True, slots=True)
class StopRested(Event):
    """A leg's stop is given to its venue: the one child of `order_id`, which follows in the same turn, waits there. It
    is a wave of its own, without a route.

    `price_units`: the worst that it may trade at once it has gone off. `replaces`: the order whose place it takes.
    """

    KIND: ClassVar[str] = "stop_rested"
    order_id: str
    conditional_id: str
    leg_i: int
    venue: str
    by: StopSource
    stop_price_units: int
    price_units: int
    qty_units: int
    replaces: str


PLACEMENT_EVENTS: Final[tuple[type[Event], ...]] = (SlicePosted, ChildPulled, StopRested)
