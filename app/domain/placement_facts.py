"""Facts of children that rest at a venue: why a slice was posted there, that its child is taken back, and stops."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Final

from app.domain.enums import Side
from app.domain.event import Event
from app.domain.posting import OneTouch
from app.domain.quick import quick_init
from app.domain.venue_stops import StopSource


@quick_init
@dataclass(frozen=True, slots=True)
class SlicePosted(Event):
    """A slice is posted instead of crossed: its child, which follows in the same turn, rests at one venue until
    `rest_until_ns`. It is a wave of its own, without a route.

    `near_price_units`, `far_price_units`: its touch when it was decided. `ahead_qty_units`: shown there before us.
    `maker_fee_ppm`: negative is a rebate. `behind_ppm`: how far our price is behind the best near touch of all venues.
    `n_posts`: how often this slice has been posted before. `toxic_ppm`: what resting there is believed to lose to who
    knows more. `rule`: why one touch and no split of queues.
    """

    KIND: ClassVar[str] = "slice_posted"
    V: ClassVar[int] = 2
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
    toxic_ppm: int
    rule: OneTouch


@quick_init
@dataclass(frozen=True, slots=True)
class QueueWeighed:
    """One venue's queue as a split saw it. `outflow_units`: what the touch there was seen to lose in as long as our
    child may rest, as quantiles at (i + 1/2) / n. `filled_ppm`: the part of ours that is expected to trade.
    """

    venue: str
    price_units: int
    ahead_qty_units: int
    maker_fee_ppm: int
    behind_ppm: int
    toxic_ppm: int
    outflow_units: tuple[int, ...]
    limit_qty_units: int
    filled_ppm: int


@quick_init
@dataclass(frozen=True, slots=True)
class SliceSplit(Event):
    """A slice is split over queues and the crossing, at the least expected cost on what each queue was seen to lose.

    Its children that rest follow in the same turn; they are one wave, without a route. `cross_qty_units` goes through
    the router, in the wave after it. `half_spread_ppm`, `cross_ppm`, `short_ppm`: of
    crossing, and of a unit that has not traded in time. `cost_ppm`: of the whole slice, against the mid, as believed.
    `unmeasured`: venues that could take it, but of which too little was seen.
    """

    KIND: ClassVar[str] = "slice_split"
    order_id: str
    qty_units: int
    cross_qty_units: int
    half_spread_ppm: int
    cross_ppm: int
    short_ppm: int
    cost_ppm: int
    rest_until_ns: int
    queues: tuple[QueueWeighed, ...]
    unmeasured: tuple[str, ...]


@quick_init
@dataclass(frozen=True, slots=True)
class PostingTurned(Event):
    """Children of any order stop resting on a venue's side (`is_down`), or may again.

    `markout_ppm`: what fills there are believed to lose a second later. `flow_ppm`: what the signed flow of the last
    seconds adds. `saved_ppm`: what resting saves against crossing there; at or above it nothing rests. `reason`: what
    turned it: demoted, markout or flow, and healed or calm.
    """

    KIND: ClassVar[str] = "posting_turned"
    venue: str
    symbol: str
    side: Side
    is_down: bool
    markout_ppm: int
    flow_ppm: int
    saved_ppm: int
    reason: str


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


PLACEMENT_EVENTS: Final[tuple[type[Event], ...]] = (SlicePosted, SliceSplit, PostingTurned, ChildPulled, StopRested)
