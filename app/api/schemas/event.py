"""The journal as an account sees it."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from app.api.schemas.base import IN_QUERY, Answer, Time
from app.api.schemas.order import AccountQuery
from app.domain.enums import ExecType, OrderStatus


class Event(Answer):
    """One fact. `exec_type` (FIX 150) says what happened, `order_status` (FIX 39) where the order stood after it."""

    seq: int = Field(description="Gapless per account.")
    ts: Time
    kind: str = Field(examples=["child_filled"])
    order_id: str | None
    child_id: str | None
    exec_type: ExecType | None
    order_status: OrderStatus | None
    cum_qty: str | None
    leaves_qty: str | None
    data: dict[str, Any] = Field(description="The fact's own members, as decimals and times.")


class EventPage(Answer):
    """Ascending. `last_seq` is the account's newest; ask again with `after_seq` = the last `seq` you have."""

    data: list[Event]
    has_more: bool
    last_seq: int


class EventList(Answer):
    data: list[Event]


class EventsQuery(AccountQuery):
    after_seq: Annotated[int, Field(ge=0, le=2**53), IN_QUERY] = 0
    limit: Annotated[int, Field(ge=1, le=1_000), IN_QUERY] = 200
