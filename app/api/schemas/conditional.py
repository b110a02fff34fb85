"""Conditional orders as they are told: the definition, its legs, and the orders that the legs have placed."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from app.api.schemas.base import Answer, Dec, Page, Time
from app.api.schemas.order import AccountQuery, Flag, Order, OrdersQuery, OrderVenues
from app.domain.conditions import AskedType, LegState, OrderClass, OtoTrigger, TriggerSource
from app.domain.enums import DoneReason, Mode, OrderStatus, RefusalCode, Side
from app.domain.venue_stops import TriggerLocation


class Trigger(Answer):
    source: TriggerSource
    venues: int | None


class ConditionalLeg(Answer):
    """One leg: what it waits for, and what it has done. `working_qty` is at venues, and no other leg's meanwhile."""

    leg: str = Field(examples=["stop_loss"])
    side: Side
    type: AskedType
    qty: Dec
    limit_price: Dec | None
    stop_price: Dec | None
    trail_amount: Dec | None
    trail_bps: Dec | None
    activation_price: Dec | None
    trigger: Trigger | None
    held_at: TriggerLocation | None = Field(description="Who watches it now: `venue` while its stop rests there.")
    status: LegState
    cum_qty: Dec
    working_qty: Dec
    water_mark: Dec | None = Field(description="Of a trail: the best level that is on disk.")
    triggered_at: Time | None
    refusal: RefusalCode | None = Field(description="Why the gate said no to its last order, while it tries again.")
    order_ids: list[str]
    orders: list[Order] | None = Field(default=None, description="With `nested` only.")


class ConditionalOrder(Answer):
    """A definition. `trigger_location`: who was asked to watch its stops; each leg says who does."""

    conditional_id: str = Field(examples=["cnd_01KAPZK3V9M3QG9Z5W8R7T6Y4X"])
    client_order_id: str
    account: str
    symbol: str
    order_class: OrderClass
    oto_trigger: OtoTrigger | None
    status: OrderStatus
    trigger_location: TriggerLocation
    held_at: Literal["engine", "venue"] = Field(description="`venue` while a stop of it rests at one.")
    legs: list[ConditionalLeg]
    venues: OrderVenues
    max_slippage_bps: Dec | None
    expire_at: Time | None
    tags: dict[str, str]
    mode: Mode
    done_reason: DoneReason | None
    done_detail: str | None
    version: int = Field(description="Counts amendments; send it as `if_version`.")
    created_at: Time
    updated_at: Time
    last_seq: int = Field(description="The account's sequence number of the definition's newest event.")
    durability: Literal["local"]


class ConditionalPage(Page[ConditionalOrder]):
    pass


class ConditionalQuery(AccountQuery):
    nested: Flag = Field(default=False, description="Each leg with its orders.")


class ConditionalsQuery(OrdersQuery):
    pass
