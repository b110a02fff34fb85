"""The order: what a desk sends, what it is told, and what became of it."""

from __future__ import annotations

from enum import StrEnum, unique
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, StringConstraints, model_validator

from app.api.schemas.base import IN_BODY, IN_QUERY, Answer, Body, Bool, Dec, Page, SignedDec, Text, Time
from app.api.schemas.legs import LegBody, StopLossBody, TakeProfitBody, TriggerBody
from app.api.schemas.problem import Problem
from app.api.schemas.route import Route
from app.api.schemas.schedule import ScheduleAnswer, StrategyParams
from app.api.schemas.sweep import SweepAnswer
from app.domain.conditions import AskedType, LegState, OrderClass, OtoTrigger
from app.domain.enums import (
    DoneReason,
    ExecType,
    Liquidity,
    Mode,
    OrderStatus,
    OrderType,
    Remainder,
    Side,
    Strategy,
    TimeInForce,
)
from app.domain.quote_pool import Carrier

CLIENT_ORDER_ID_PATTERN = r"^[A-Za-z0-9._-]{1,64}$"
ClientOrderId = Annotated[str, StringConstraints(strict=True, pattern=CLIENT_ORDER_ID_PATTERN)]
Name = Annotated[str, StringConstraints(strict=True, min_length=1, max_length=64)]
TagKey = Annotated[str, StringConstraints(strict=True, pattern=r"^[A-Za-z0-9._-]{1,32}$")]
TagValue = Annotated[str, StringConstraints(strict=True, max_length=128)]


@unique
class ResponseType(StrEnum):
    """How much the answer to a placed order says."""

    ACK = "ack"
    RESULT = "result"
    FULL = "full"


class VenueChoice(Body):
    """Which venues an order may use."""

    include: list[Name] = Field(default_factory=list, max_length=64, description="Empty means every venue.")
    exclude: list[Name] = Field(default_factory=list, max_length=64)
    max: Annotated[int, Field(ge=1, le=64), IN_BODY] | None = Field(default=None, description="So many at once.")


class PoolBody(Body):
    """Other quote currencies that may pay for the order. Spot only; each counts in the order's quote at a rate."""

    currencies: list[Annotated[str, StringConstraints(strict=True, pattern=r"^[A-Z0-9]{1,16}$")]] = Field(
        min_length=2, max_length=8, description="Every one that may be used, the symbol's own quote among them."
    )
    max_basis_bps: Dec = Field(
        description="A currency whose rate is further than this from 1 is left out. In 0.01 steps, 100 at most.",
        examples=["5"],
    )
    carrier: Carrier = Field(description="Who has the other currency afterwards; `convert` is not offered.")


class OrderBody(Body):
    """A parent order. Decimals are strings; exactly one of `qty` and `notional`."""

    model_config = Body.model_config | {
        "json_schema_extra": {
            "examples": [
                {
                    "client_order_id": "desk-1.2026-01-31.17",
                    "symbol": "BTC/USDT",
                    "side": "buy",
                    "type": "limit",
                    "qty": "0.5",
                    "limit_price": "64010.5",
                    "time_in_force": "ioc",
                }
            ]
        }
    }

    client_order_id: ClientOrderId | None = Field(
        default=None, description="Unique per account for ever; made up if absent, which forgoes safe retries."
    )
    account: Name | None = Field(default=None, description="The key's own account.")
    symbol: Annotated[str, StringConstraints(strict=True, min_length=1, max_length=64)] = Field(
        description="CCXT unified; `BTC-USDT` and `BTCUSDT` are understood where unique.", examples=["BTC/USDT"]
    )
    side: Side
    type: AskedType
    qty: Dec | None = Field(default=None, description="In the base currency, or contracts.")
    notional: Dec | None = Field(default=None, description="Gross amount in the quote currency, fees apart.")
    limit_price: Dec | None = Field(default=None, description="Binds every execution's raw price.")
    time_in_force: TimeInForce = TimeInForce.GTC
    expire_at: Time | None = Field(default=None, description="With `gtd` only.")
    remainder: Remainder | None = Field(
        default=None, description="`held` waits inside the engine: the default of gtc and gtd limit orders."
    )
    strategy: Strategy = Strategy.SOR
    strategy_params: StrategyParams | None = Field(
        default=None, description="By strategy; needed by twap, vwap, pov and is."
    )
    venues: VenueChoice | None = None
    max_slippage_bps: Dec | None = Field(default=None, description="Against the arrival mid, in 0.01 steps.")
    require_full_fill: Bool = False
    quote_pool: PoolBody | None = Field(default=None, description="Absent: the symbol's own quote currency only.")
    order_class: OrderClass = Field(default=OrderClass.SIMPLE, description="See docs/conditional-orders.md.")
    stop_price: Dec | None = Field(default=None, description="Where a stop triggers, or a market_if_touched.")
    trail_amount: Dec | None = Field(default=None, description="trailing_stop: so far behind the water mark.")
    trail_bps: Dec | None = Field(default=None, description="trailing_stop: the same as a share of it, in 0.01 steps.")
    activation_price: Dec | None = Field(default=None, description="trailing_stop: marks are taken from here on.")
    trigger: TriggerBody | None = Field(default=None, description="For every condition of the order.")
    take_profit: TakeProfitBody | None = None
    stop_loss: StopLossBody | None = None
    legs: list[LegBody] | None = Field(default=None, min_length=1, max_length=4, description="oco (2-4), oto (1-4).")
    oto_trigger: OtoTrigger | None = Field(default=None, description="oto, bracket: `partial` if absent.")
    decision_at: Time | None = Field(default=None, description="When the desk decided: the start of the delay cost.")
    decision_price: Dec | None = None
    tags: dict[TagKey, TagValue] = Field(default_factory=dict, max_length=16)
    deadline: Time | None = Field(default=None, description="Refused as stale_request if it arrives later.")
    response_type: ResponseType = ResponseType.ACK
    wait_ms: Annotated[int, Field(ge=0, le=10_000), IN_BODY] = Field(
        default=0, description="With `result` and `full`: how long to wait for the end. The order lives on."
    )

    @model_validator(mode="before")
    @classmethod
    def tell_params_apart(cls, members: Any) -> Any:
        """The order's own `strategy` says which shape `strategy_params` has; there it may be left out."""
        params = members.get("strategy_params") if isinstance(members, dict) else None
        if not isinstance(params, dict) or "strategy" in params:
            return members
        return members | {"strategy_params": params | {"strategy": members.get("strategy", Strategy.SOR.value)}}


class OrderVenues(Answer):
    """The order's venue filter as it stands."""

    include: list[str]
    exclude: list[str]
    max: int | None


class OrderPool(Answer):
    """The order's quote_pool as it stands."""

    currencies: list[str]
    max_basis_bps: Dec
    carrier: Carrier


class Fee(Answer):
    currency: str
    amount: SignedDec = Field(description="Negative is a rebate.")


class Arrival(Answer):
    """The market at acceptance, over all valid venues."""

    bid: Dec | None
    ask: Dec | None
    mid: Dec | None
    at: Time


class Reject(Answer):
    """Why an order ended without being filled."""

    code: str
    text: str


class GroupLeg(Answer):
    """One leg of the definition that an order belongs to."""

    leg: str
    status: LegState
    cum_qty: Dec
    order_ids: list[str]


class OfConditional(Answer):
    """Whose leg an order is. `legs` with `nested` only: all of the definition."""

    conditional_id: str
    leg: str
    legs: list[GroupLeg] | None = None


class Order(Answer):
    """A parent order: what was asked, and where it stands."""

    order_id: str = Field(examples=["ord_01KAPZK3V9M3QG9Z5W8R7T6Y4X"])
    client_order_id: str
    account: str
    symbol: str
    side: Side
    type: OrderType
    qty: Dec | None
    notional: Dec | None
    limit_price: Dec | None
    time_in_force: TimeInForce
    expire_at: Time | None
    remainder: Remainder
    strategy: Strategy
    venues: OrderVenues
    max_slippage_bps: Dec | None
    require_full_fill: bool
    quote_pool: OrderPool | None = Field(default=None, description="Only where the order has one.")
    schedule: ScheduleAnswer | None = Field(default=None, description="Only where the order is worked in time.")
    sweep: SweepAnswer | None = Field(default=None, description="Only where the order asks for more than lit books.")
    conditional: OfConditional | None = Field(default=None, description="Only of an order that a leg has placed.")
    decision_at: Time | None
    decision_price: Dec | None
    tags: dict[str, str]
    mode: Mode
    status: OrderStatus
    done_reason: DoneReason | None
    reject: Reject | None
    cum_qty: Dec
    leaves_qty: Dec | None = Field(description="Null for an order by notional.")
    cum_notional: Dec
    leaves_notional: Dec | None = Field(description="Null for an order by quantity.")
    avg_price: Dec | None
    fees: list[Fee]
    price_cap: Dec | None = Field(description="The tightest raw price that any child may trade at.")
    arrival: Arrival
    route_id: str | None
    version: int
    created_at: Time
    updated_at: Time
    last_seq: int = Field(description="The account's sequence number of its newest event.")
    durability: Literal["local"] = Field(description="On this host's disk before the answer left.")


class Execution(Answer):
    """One fill."""

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
    transact_time: Time = Field(description="When it became a fact of the log.")
    venue_time: Time | None
    received_at: Time | None
    sent_at: Time | None
    acked_at: Time | None
    decision_at: Time | None
    seq: int


class PlacedOrder(Order):
    """The answer to a placed order. `ack` is the order at acceptance, the same bytes for ever."""

    executions: list[Execution] | None = Field(default=None, description="With `full` only.")
    route: list[Route] | None = Field(default=None, description="With `full` only.")


class ChildOrder(Answer):
    """One order to one venue."""

    child_id: str
    order_id: str
    client_id: str = Field(description="What the venue sees; used once ever.")
    venue: str
    venue_order_id: str | None
    wave: int
    symbol: str
    side: Side
    time_in_force: TimeInForce
    price: Dec
    qty: Dec
    status: OrderStatus
    min_qty: Dec | None = Field(default=None, description="Least execution of a question in the dark.")
    quote_id: str | None = Field(default=None, description="Of the dealer's quote that it accepts.")
    cum_qty: Dec
    leaves_qty: Dec
    avg_price: Dec | None
    reject: Reject | None
    deadline: Time | None
    sent_at: Time
    acked_at: Time | None
    updated_at: Time


class CanceledOrder(Answer):
    """One line of a cancel-all."""

    order_id: str
    client_order_id: str
    status: OrderStatus
    problem: Problem | None


class OrderPage(Page[Order]):
    pass


class ExecutionPage(Page[Execution]):
    pass


class ChildList(Answer):
    data: list[ChildOrder]


class ExecutionList(Answer):
    data: list[Execution]


class CanceledList(Answer):
    data: list[CanceledOrder]


class ResolveBody(Body):
    """An operator's word on a child whose state is unknown."""

    evidence: Annotated[Text, StringConstraints(min_length=1, max_length=2_000)] = Field(
        description="What proves it: the venue's message, statement or ticket.",
        examples=["venue support ticket 4711: order never reached the book"],
    )


@unique
class Openness(StrEnum):
    OPEN = "open"
    CLOSED = "closed"


@unique
class Direction(StrEnum):
    ASC = "asc"
    DESC = "desc"


class AccountQuery(Body):
    """The operator's key names an account; any other key may only repeat its own."""

    account: Name | None = Field(default=None, description="Needed with the operator's key, else the key's own.")


def _flag(value: object) -> object:
    """`true` or `false` of a query, which is text."""
    return {"true": True, "false": False}.get(value, value) if isinstance(value, str) else value


Flag = Annotated[Bool, BeforeValidator(_flag)]


class PageQuery(AccountQuery):
    limit: Annotated[int, Field(ge=1, le=200), IN_QUERY] = 50
    cursor: Annotated[str, StringConstraints(strict=True, min_length=1, max_length=128)] | None = Field(
        default=None, description="`next_cursor` of the page before."
    )
    order: Direction = Direction.DESC


class OrdersQuery(PageQuery):
    status: Openness | None = None
    symbol: Name | None = None
    nested: Flag = Field(
        default=False, description="An order of a leg comes with all legs of its definition, a leg with its orders."
    )


class ExecutionsQuery(PageQuery):
    symbol: Name | None = None
    order_id: Name | None = None


class CancelAllQuery(AccountQuery):
    symbol: Name | None = None
    side: Side | None = None
    venue: Name | None = None
    tag: Annotated[str, StringConstraints(strict=True, min_length=1, max_length=161)] | None = Field(
        default=None, description="`key` or `key=value`."
    )
