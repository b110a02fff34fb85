"""What a desk sends for an order that waits: its trigger, its trail, and the legs of a group."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from app.api.schemas.base import IN_BODY, Body, Dec
from app.domain.conditions import AskedType, TriggerSource
from app.domain.enums import Side
from app.domain.venue_stops import TriggerLocation


class TriggerBody(Body):
    """Whose price triggers. Absent: `mid`."""

    source: TriggerSource = TriggerSource.MID
    venues: Annotated[int, Field(ge=1, le=64), IN_BODY] | None = Field(
        default=None, description="With `cross_venue` only: so many venues' own mids must be beyond at once."
    )
    location: TriggerLocation = Field(
        default=TriggerLocation.ENGINE,
        description="Who watches stops: `venue` needs one venue that holds them, `auto` uses it where it can.",
    )


class TakeProfitBody(Body):
    """A limit order on the other side."""

    limit_price: Dec


class StopLossBody(Body):
    """A stop on the other side: `stop_price`, or exactly one of `trail_amount` and `trail_bps`."""

    stop_price: Dec | None = None
    limit_price: Dec | None = Field(default=None, description="Makes it a stop_limit.")
    trail_amount: Dec | None = None
    trail_bps: Dec | None = None
    activation_price: Dec | None = None


class LegBody(Body):
    """One leg of `oco`, or one order that an `oto` entry arms."""

    side: Side | None = Field(default=None, description="oco: the order's side if absent; oto: the other one.")
    type: AskedType
    qty: Dec | None = Field(default=None, description="oto only; the entry's if absent.")
    limit_price: Dec | None = None
    stop_price: Dec | None = None
    trail_amount: Dec | None = None
    trail_bps: Dec | None = None
    activation_price: Dec | None = None


class LegChange(Body):
    """What changes of one leg; what is absent stays."""

    leg: Annotated[str, Field(strict=True, min_length=1, max_length=32)] = Field(examples=["stop_loss"])
    stop_price: Dec | None = None
    limit_price: Dec | None = None
    trail_amount: Dec | None = None
    trail_bps: Dec | None = None
    activation_price: Dec | None = None


class ConditionalAmendBody(Body):
    """A change of a definition. It stands whole or not at all."""

    if_version: Annotated[int, Field(ge=1, le=2**53), IN_BODY] | None = Field(
        default=None, description="The `version` you have seen; another one is refused as version_conflict."
    )
    qty: Dec | None = Field(default=None, description="simple and oco only.")
    legs: list[LegChange] = Field(default_factory=list, max_length=5)
