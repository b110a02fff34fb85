"""How an order is worked in time: one typed, versioned shape per strategy, told apart by the order's `strategy`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from app.api.schemas.base import IN_BODY, Answer, Body, Bool, Dec, SignedDec, Time
from app.api.schemas.sweep import SorParams, SweepParams
from app.domain.calibration import Decay
from app.domain.posting import Peg, PostOnly, Switch
from app.domain.schedule import (
    MAX_BINS,
    MAX_DISCRETION_TICKS,
    MAX_WEIGHT,
    CostLaw,
    Disguise,
    ScheduleUrgency,
    VolumeBase,
)

Version = Annotated[Literal[1], IN_BODY]
ClockedVersion = Annotated[Literal[1, 2], IN_BODY]
Weight = Annotated[int, Field(ge=0, le=MAX_WEIGHT), IN_BODY]


class ScheduleParams(Body):
    """What every strategy in time takes."""

    start_at: Time | None = Field(default=None, description="Absent: when it is accepted.")
    end_at: Time = Field(description="At this time all is due; POV leaves its rest.")
    slice: Dec | None = Field(default=None, description="Seconds from child to child; absent: a sixtieth of all.")
    urgency: ScheduleUrgency = Field(default=ScheduleUrgency.NORMAL, description="Meaning: docs/schedules.md.")
    participation_cap: Dec | None = Field(
        default=None, description="Most part of what others trade, above 0 and at most 1, in steps of 0.000001."
    )
    would_price: Dec | None = Field(default=None, description="At this price or better all is due at once.")
    discretion_ticks: Annotated[int, Field(ge=1, le=MAX_DISCRETION_TICKS), IN_BODY] | None = Field(
        default=None,
        description="A slice that rests crosses where all of it is shown so near its price: docs/schedules.md.",
    )
    discretion_past_limit: Bool = Field(default=False, description="Whether it may do so beyond `limit_price`, too.")
    min_clip: Dec | None = Field(default=None, description="Nothing smaller is given out, but the last of it.")
    posting: Switch | None = Field(
        default=None, description="Whether slices rest before they cross. Absent: the setting's word (routing.posting)."
    )
    post_only: PostOnly | None = Field(
        default=None,
        description="Where a child that is to rest would take. Absent: the setting's (routing.post_only).",
    )
    peg: Peg = Field(default=Peg.NONE, description="What the price of a resting child follows at its venue.")
    display_qty: Dec | None = Field(default=None, description="Most of a resting child that its venue shows at a time.")


class ClockedParams(ScheduleParams):
    """What every strategy takes whose plan is the clock's."""

    version: ClockedVersion = Field(
        default=1, description="2: bent by forecasts of volume, spread and volatility: docs/schedules.md."
    )
    max_tilt: Dec | None = Field(
        default=None,
        description="version 2: most part of the order ahead or behind of version 1; at most 0.5, 0.1 if absent.",
    )
    disguise: Disguise = Field(
        default=Disguise.NONE,
        description="`on`: times and sizes like others' trades. It costs tracking: docs/schedules.md.",
    )


class TwapParams(ClockedParams):
    """Evenly over time."""

    strategy: Literal["twap"] = "twap"


class VwapParams(ClockedParams):
    """Along a curve of volume."""

    strategy: Literal["vwap"] = "vwap"
    curve: list[Weight] | None = Field(
        default=None,
        min_length=1,
        max_length=MAX_BINS,
        description="Volume expected in equal bins from start to end, at any scale. Absent: as it was learned.",
    )


class PovParams(ScheduleParams):
    """A part of the volume."""

    strategy: Literal["pov"] = "pov"
    version: Version = 1
    rate: Dec = Field(
        description="Part of the volume, above 0; at most 1 of_others, below 1 of_total; in steps of 0.000001.",
        examples=["0.1"],
    )
    volume_base: VolumeBase = VolumeBase.OF_OTHERS


class ImpactParams(Body):
    """Own impact as the desk believes it: so many bps at so much traded a second."""

    law: CostLaw
    bps: Dec
    at_rate: Dec = Field(description="Base a second; for the transient law base at once.")
    decay: Decay = Decay.EXPONENTIAL
    decay_s: Dec | None = Field(default=None, description="The transient law's.")
    decay_power: Dec | None = Field(default=None, description="The transient law's.")
    stays: Dec | None = Field(default=None, description="The transient law's: the part that never fades.")


class ShortfallParams(ClockedParams):
    """Least expected cost plus risk aversion times variance."""

    strategy: Literal["is"] = "is"
    impact: ImpactParams
    volatility_bps: Dec = Field(description="Of the price over one second.")
    risk_aversion: Dec = Field(
        description="What one unit of variance (quote money squared) is worth in quote money.", examples=["0.000001"]
    )


StrategyParams = Annotated[
    SorParams | SweepParams | TwapParams | VwapParams | PovParams | ShortfallParams,
    Field(discriminator="strategy", description="One shape a strategy; `strategy` repeats the order's own."),
]


class AmendBody(Body):
    """What changes; all else stays. Needs at least one member beside `if_version`.

    `participation_cap` and `would_price` sent as null: the order has none from now on.
    """

    qty: Dec | None = Field(default=None, description="The whole new quantity, what is filled included.")
    limit_price: Dec | None = None
    end_at: Time | None = None
    participation_cap: Dec | None = Field(default=None, description="null takes it away.")
    would_price: Dec | None = Field(default=None, description="null takes it away.")
    urgency: ScheduleUrgency | None = None
    if_version: Annotated[int, Field(ge=1, le=2**53), IN_BODY] | None = Field(
        default=None, description="Refused as version_conflict if the order's `version` is another by now."
    )

    def drops(self, name: str) -> bool:
        """Whether the member was sent as null, and not merely left out."""
        return name in self.model_fields_set and getattr(self, name) is None


class SliceAnswer(Answer):
    """A slice as the clock's plan has it, if no cap, limit or would-price holds it up."""

    at: Time
    qty: Dec


class RestAnswer(Answer):
    """Where a part of the slice that is due now would rest before it crosses."""

    venue: str
    price: Dec
    qty: Dec
    ahead_qty: Dec = Field(description="Shown at its price and better, before us.")
    until: Time = Field(description="Then what has not filled is canceled, and crosses.")


class ScheduleAnswer(Answer):
    """How a scheduled order is worked, and where it stands."""

    strategy: str
    version: int
    start_at: Time | None
    end_at: Time
    slice: Dec | None = Field(description="Seconds; null before it has begun where none was asked for.")
    urgency: ScheduleUrgency
    participation_cap: Dec | None
    would_price: Dec | None
    min_clip: Dec | None
    rate: Dec | None
    volume_base: VolumeBase | None
    disguise: Disguise
    discretion: Dec | None = Field(description="In price, not ticks.")
    discretion_past_limit: bool
    max_tilt: Dec | None = Field(description="version 2 only.")
    lead_qty: SignedDec | None = Field(description="version 2: how far the newest slice is ahead of version 1's plan.")
    posting: Switch | None
    post_only: PostOnly | None
    peg: Peg
    display_qty: Dec | None
    curve: list[int] | None = Field(description="As it is used: null before it has begun with a learned one.")
    impact: ImpactParams | None
    volatility_bps: Dec | None
    risk_aversion: Dec | None
    is_paused: Bool
    released_qty: Dec = Field(description="In children, filled or open.")
