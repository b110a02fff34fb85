"""What is said on /v1/ws, in both directions. The AsyncAPI document is generated from these structs.

Client messages are strict: an unknown member or a wrong type is an error. Decimals are strings; times are RFC 3339 in
UTC, microseconds truncated. Every message about an account carries its own gapless sequence (docs/streams.md).
"""

from __future__ import annotations

from enum import StrEnum, unique
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from app.domain.enums import (
    DoneReason,
    ExecType,
    KillAction,
    KillScope,
    Liquidity,
    Mode,
    OrderStatus,
    OrderType,
    RefusalCode,
    Scope,
    Side,
)
from app.domain.units import DECIMAL_PATTERN

Dec = Annotated[str, Meta(pattern=DECIMAL_PATTERN, description="A plain decimal.")]
SignedDec = Annotated[str, Meta(pattern="^-?" + DECIMAL_PATTERN[1:], description="A plain decimal, maybe negative.")]
Time = Annotated[str, Meta(description="RFC 3339, UTC, microseconds.", examples=["2026-11-22T19:40:02.114233Z"])]
Seq = Annotated[int, Meta(ge=0, le=2**53, description="Of the account's gapless sequence.")]
RequestId = Annotated[int, Meta(ge=-(2**53), le=2**53)] | Annotated[str, Meta(max_length=64)] | None
Name = Annotated[str, Meta(min_length=1, max_length=64)]


@unique
class Channel(StrEnum):
    """`orders`, `executions`, `risk` are the account's and sequenced; `books` and `system` are everybody's."""

    ORDERS = "orders"
    EXECUTIONS = "executions"
    RISK = "risk"
    BOOKS = "books"
    SYSTEM = "system"

    @property
    def is_sequenced(self) -> bool:
        return self not in (Channel.BOOKS, Channel.SYSTEM)


# What a client says.


class ClientMessage(Struct, forbid_unknown_fields=True, tag_field="op", kw_only=True):
    """`id` is echoed in the answer."""

    id: RequestId = None


class Auth(ClientMessage, tag="auth"):
    """The first message, within 5 s. `account` only where the key is the operator's, to say whose streams."""

    token: Annotated[str, Meta(max_length=256)]
    account: Name | None = None


class Subscribe(ClientMessage, tag="subscribe"):
    """Starts a subscription.

    `symbols`: names, or `*` for every one; for `books` they must be named. `after_seq` replays what came after it, then
    goes on live. `snapshot` sends what is open once the replay, if any, has reached the present. Without either the
    subscription begins with the next event.
    """

    channel: Channel
    symbols: Annotated[list[Name], Meta(min_length=1, max_length=100)] = msgspec.field(default_factory=lambda: ["*"])
    snapshot: bool = False
    after_seq: Seq | None = None
    depth: Annotated[int, Meta(ge=1, le=50, description="Levels a side, for `books`.")] = 10


class Unsubscribe(ClientMessage, tag="unsubscribe"):
    """Ends one subscription (`sub`) or all of a channel."""

    sub: Annotated[int, Meta(ge=1)] | None = None
    channel: Channel | None = None


class Ping(ClientMessage, tag="ping"):
    """Answered by `pong`."""


ClientMessages = Auth | Subscribe | Unsubscribe | Ping


# What the server answers.


class AuthReply(Struct, tag_field="op", tag="auth", kw_only=True):
    """The key is good. `last_seq` is the account's newest sequence number."""

    id: RequestId
    ok: Literal[True] = True
    account: str
    mode: Mode
    scopes: list[Scope]
    last_seq: Seq
    heartbeat_ms: int


class SubscribeReply(Struct, tag_field="op", tag="subscribe", kw_only=True):
    """The subscription stands; its messages carry `sub`. `last_seq` is where the account stood at that moment."""

    id: RequestId
    ok: Literal[True] = True
    sub: int
    symbols: list[str]
    last_seq: Seq


class UnsubscribeReply(Struct, tag_field="op", tag="unsubscribe", kw_only=True):
    id: RequestId
    ok: Literal[True] = True
    subs: list[int]


class Pong(Struct, tag_field="op", tag="pong", kw_only=True):
    id: RequestId
    ts: Time


class ErrorReply(Struct, tag_field="op", tag="error", kw_only=True):
    """What was asked was not done. The connection stays open unless a close follows."""

    id: RequestId
    ok: Literal[False] = False
    code: str
    detail: str
    hint: str = ""


# What the server tells.


class Fee(Struct):
    currency: str
    amount: SignedDec


class ConditionalUpdate(Struct, kw_only=True, tag_field="kind", tag="conditional"):
    """What happened to a conditional order; `event` is the fact's kind. Members that do not belong to it are null.

    The whole of it as it stands: GET /v1/conditional-orders/{id}. Its legs' orders come as orders.
    """

    event: str
    conditional_id: str
    client_order_id: str | None
    symbol: str
    leg_i: int | None
    leg_order_id: str | None
    qty: Dec | None
    level: Dec | None
    stop: Dec | None
    water_mark: Dec | None
    code: RefusalCode | None
    done_reason: DoneReason | None
    text: str | None
    transact_time: Time


class OrderUpdate(Struct, kw_only=True, tag_field="kind", tag="order"):
    """A parent order right after the event of this message's `seq`. Always read `cum_qty` and `leaves_qty` themselves.

    `exec_type` (FIX 150) says what happened, `order_status` (FIX 39) where the order stands. `exec_id`, `venue`,
    `child_id`, `last_qty`, `last_price` belong to trades; `child_status` to events of one child.
    """

    order_id: str
    client_order_id: str
    account: str
    symbol: str
    side: Side
    type: OrderType
    exec_type: ExecType
    order_status: OrderStatus
    qty: Dec | None
    notional: Dec | None
    limit_price: Dec | None
    cum_qty: Dec
    leaves_qty: Dec | None
    cum_notional: Dec
    leaves_notional: Dec | None
    avg_price: Dec | None
    fees: list[Fee]
    route_id: str | None
    n_waves: int
    child_id: str | None
    venue: str | None
    child_status: OrderStatus | None
    exec_id: str | None
    last_qty: Dec | None
    last_price: Dec | None
    done_reason: DoneReason | None
    text: str | None
    created_at: Time
    transact_time: Time


class Execution(Struct, kw_only=True):
    """One fill, and where its order stood right after it (in a snapshot: where it stands at the snapshot's `seq`)."""

    exec_id: str
    order_id: str
    client_order_id: str
    child_id: str
    account: str
    symbol: str
    side: Side
    venue: str
    venue_trade_id: str
    venue_order_id: str | None
    last_qty: Dec
    last_price: Dec
    last_notional: Dec
    fee: SignedDec
    fee_currency: str
    fee_status: Literal["estimated", "final"]
    liquidity: Liquidity
    exec_type: ExecType
    order_status: OrderStatus
    cum_qty: Dec
    leaves_qty: Dec | None
    leaves_notional: Dec | None
    transact_time: Time
    venue_time: Time | None
    received_at: Time | None
    sent_at: Time | None
    acked_at: Time | None
    decision_at: Time | None
    seq: Seq


class OrderRefused(Struct, kw_only=True, tag_field="kind", tag="order_refused"):
    """A well-formed order that a rule said no to. It is not an order; its client id may be used again."""

    refusal_id: str
    client_order_id: str
    symbol: str
    code: RefusalCode
    limit: str
    actual: str
    unit: str
    limits_version: int


class RefusalsAggregated(Struct, kw_only=True, tag_field="kind", tag="refusals_aggregated"):
    """Beyond ten refusals a second: how many more there were of this code."""

    code: RefusalCode
    n_refused: int
    from_at: Time
    to_at: Time


class KillSwitchSet(Struct, kw_only=True, tag_field="kind", tag="kill_switch_set"):
    scope: KillScope
    target: str
    action: KillAction
    reason: str
    actor: str


class KillSwitchCleared(Struct, kw_only=True, tag_field="kind", tag="kill_switch_cleared"):
    scope: KillScope
    target: str
    actor: str


class LimitsSet(Struct, kw_only=True, tag_field="kind", tag="limits_set"):
    """The account's limits changed; GET /v1/risk/limits has the numbers."""

    limits_version: int
    actor: str


class OverfillRecorded(Struct, kw_only=True, tag_field="kind", tag="overfill_recorded"):
    """A venue filled more than was asked for."""

    order_id: str
    child_id: str
    symbol: str
    venue: str
    excess_qty: Dec


class ChildUnknown(Struct, kw_only=True, tag_field="kind", tag="child_unknown"):
    """Nothing is proven about this child; it keeps its full exposure until the venue's own evidence."""

    order_id: str
    child_id: str
    symbol: str
    venue: str
    leaves_qty: Dec
    reason: str


class ChildResolved(Struct, kw_only=True, tag_field="kind", tag="child_resolved"):
    """An operator closed an unknown child with evidence."""

    order_id: str
    child_id: str
    symbol: str
    venue: str
    actor: str
    evidence: str


RiskEvent = (
    OrderRefused
    | RefusalsAggregated
    | KillSwitchSet
    | KillSwitchCleared
    | LimitsSet
    | OverfillRecorded
    | ChildUnknown
    | ChildResolved
)


class VenueSet(Struct, kw_only=True, tag_field="kind", tag="venue_set"):
    """An operator took a venue out, or back in."""

    venue: str
    is_enabled: bool


SystemEvent = KillSwitchSet | KillSwitchCleared | VenueSet


class SequencedMessage(Struct, kw_only=True):
    """`prev_seq` is the `seq` of the message before it in this subscription: equal to yours, or something is missing.

    `replay`: the event was on disk before the subscription was made.
    """

    type: Literal["update"] = "update"
    sub: int
    seq: Seq
    prev_seq: Seq
    replay: bool
    ts: Time


class OrdersMessage(SequencedMessage, tag_field="channel", tag="orders"):
    data: list[OrderUpdate | ConditionalUpdate]


class ExecutionsMessage(SequencedMessage, tag_field="channel", tag="executions"):
    data: list[Execution]


class RiskMessage(SequencedMessage, tag_field="channel", tag="risk"):
    data: list[RiskEvent]


class SnapshotMessage(Struct, kw_only=True):
    """What is open at `seq`; updates that follow have a higher one. `more`: another part with this `seq` follows."""

    type: Literal["snapshot"] = "snapshot"
    sub: int
    seq: Seq
    prev_seq: Seq
    more: bool
    ts: Time


class OrdersSnapshot(SnapshotMessage, tag_field="channel", tag="orders"):
    data: list[OrderUpdate]


class ExecutionsSnapshot(SnapshotMessage, tag_field="channel", tag="executions"):
    """The fills of the orders that are open."""

    data: list[Execution]


class RiskSnapshot(SnapshotMessage, tag_field="channel", tag="risk"):
    """The switches that cover the account, and the version of its limits."""

    data: list[RiskEvent]


class BookLevel(Struct, array_like=True):
    """One level: price, quantity, venue."""

    price: Dec
    qty: Dec
    venue: str


class Book(Struct, kw_only=True):
    """A whole book of `depth` levels over all valid venues, best first; a crossed top is an opportunity, not an error.

    `crc32` of the UTF-8 text `price:qty:venue` of each bid, then each ask, joined by `|`.
    """

    symbol: str
    bids: list[BookLevel]
    asks: list[BookLevel]
    book_seqs: dict[str, int]
    crc32: int


class BooksMessage(Struct, kw_only=True, tag_field="channel", tag="books"):
    """Conflated: a slow reader gets the newest book, not every book. `seq` counts the books of this symbol and process.

    Each message is the whole book, so that one that was skipped is never missed.
    """

    type: Literal["snapshot", "update"]
    sub: int
    seq: int
    prev_seq: int
    ts: Time
    data: list[Book]


class SystemMessage(Struct, kw_only=True, tag_field="channel", tag="system"):
    """What holds for everybody: switches on anything but an account, venues taken out. Not sequenced."""

    type: Literal["snapshot", "update"]
    sub: int
    ts: Time
    data: list[SystemEvent]


class ServerShutdown(Struct, kw_only=True, tag_field="channel", tag="server"):
    """The server goes away in `in_ms` and closes with 1012. Resume with `after_seq` when it is back."""

    type: Literal["server_shutdown"] = "server_shutdown"
    in_ms: int
    ts: Time


class Heartbeat(Struct, kw_only=True, tag_field="channel", tag="heartbeat"):
    """Each second, behind everything sent before it. `last_seq` is the account's.

    `sub_seq`: per subscription, the `seq` of its last message; if it is not yours, something is missing. `replaying`:
    subscriptions that have not reached the present yet.
    """

    type: Literal["heartbeat"] = "heartbeat"
    last_seq: Seq
    sub_seq: dict[str, Seq]
    replaying: list[int]
    ts: Time


Replies = AuthReply | SubscribeReply | UnsubscribeReply | Pong | ErrorReply
Updates = OrdersMessage | ExecutionsMessage | RiskMessage | BooksMessage | SystemMessage | ServerShutdown | Heartbeat
Snapshots = OrdersSnapshot | ExecutionsSnapshot | RiskSnapshot
