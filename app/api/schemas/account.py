"""What an account has, may do and was refused; keys and switches."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StringConstraints

from app.api.schemas.base import IN_BODY, Answer, Body, Dec, Page, SignedDec, Time
from app.api.schemas.order import Name
from app.domain.enums import BreakKind, KillAction, KillScope, Mode, OrderStatus, RefusalCode, Scope


class Balance(Answer):
    venue: str
    currency: str
    amount: SignedDec


class BalanceList(Answer):
    account: str
    last_seq: int
    data: list[Balance]


class Position(Answer):
    venue: str
    symbol: str
    qty: SignedDec = Field(description="In the base currency, or contracts; negative is short.")


class PositionList(Answer):
    account: str
    last_seq: int
    data: list[Position]


class Break(Answer):
    """A difference that nothing explains. While it is open nothing new goes to the venue for the account."""

    account: str
    venue: str
    what: BreakKind
    item: str = Field(description="The currency, the symbol, or the venue's order id.")
    ours: SignedDec
    theirs: SignedDec
    difference: SignedDec = Field(description="Theirs less ours, as a whole.")
    explained: SignedDec = Field(description="The part of it that what is under way could have made.")
    tolerance: Dec = Field(description="One lot; less is rounding.")
    is_blocking: bool
    opened_at: Time
    age_s: Dec
    statement_at: Time | None = Field(description="When the other side looked, by its own clock.")
    detail: str


class BreakList(Answer):
    account: str | None
    data: list[Break]


class LimitsBody(Body):
    """An account's limits as a whole. `version` is the next one: read, change, send back."""

    version: Annotated[int, Field(ge=1, le=2**53), IN_BODY]
    max_order_notional: Dec
    max_order_qty: Dec
    max_open_orders: Annotated[int, Field(ge=0, le=1_000_000), IN_BODY]
    max_open_notional: Dec
    max_position: Dec
    venue_credit: Dec
    price_collar_bps: Dec
    max_slippage_bps: Dec
    default_slippage_bps: Dec = Field(description="The cap of market orders that bring none; 0 refuses them.")
    duplicate_window_ms: Annotated[int, Field(ge=0, le=3_600_000), IN_BODY] = Field(
        description="Look-alike orders within it are refused; 0 turns the check off."
    )
    message_rate_per_s: Annotated[int, Field(ge=1, le=1_000_000), IN_BODY]
    message_burst: Annotated[int, Field(ge=1, le=1_000_000), IN_BODY]
    allowed_symbols: list[Name] = Field(default_factory=list, max_length=1_000, description="Empty means every one.")


class Limits(LimitsBody):
    """The limits in force."""

    account: str


class Usage(Answer):
    """One limit, what is used of it, and the room left."""

    code: RefusalCode
    limit: Dec
    used: SignedDec
    headroom: SignedDec
    unit: str
    detail: str


class UsageList(Answer):
    account: str
    limits_version: int
    data: list[Usage]


class Refusal(Answer):
    """A well-formed order that a rule said no to, or how many more there were in one second."""

    refusal_id: str | None
    seq: int
    at: Time
    code: RefusalCode
    check: str
    client_order_id: str | None
    symbol: str | None
    limit: str
    actual: str
    unit: str
    limits_version: int | None
    n_refused: int
    from_at: Time | None
    to_at: Time | None


class RefusalPage(Page[Refusal]):
    pass


class KillBody(Body):
    """Blocks first, then cancels if asked to. The operator may name any scope, an account's key only its own."""

    scope: KillScope = KillScope.ACCOUNT
    target: Name | None = Field(default=None, description="The account, venue or symbol; absent: one's own.")
    action: KillAction = KillAction.CANCEL
    reason: Annotated[str, StringConstraints(strict=True, min_length=1, max_length=500)]


class KillQuery(Body):
    scope: KillScope = KillScope.ACCOUNT
    target: Name | None = None


class KillSwitch(Answer):
    scope: KillScope
    target: str | None
    action: KillAction
    reason: str
    actor: str


class KillSwitchList(Answer):
    data: list[KillSwitch]


class UnconfirmedChild(Answer):
    """A child that no venue has confirmed dead yet: believe nothing until it does."""

    venue: str
    account: str
    order_id: str
    child_id: str
    client_id: str
    status: OrderStatus
    leaves_qty: Dec
    is_open_at_venue: bool | None = Field(description="The venue's own word; null where it could not be asked.")


class ForeignOrder(Answer):
    """An order that a venue holds open and the log does not."""

    venue: str
    client_id: str


class KillReport(Answer):
    scope: KillScope
    target: str | None
    action: KillAction
    reason: str
    actor: str
    n_orders_hit: int
    n_orders_done: int
    n_unconfirmed: int
    unconfirmed: list[UnconfirmedChild]
    venue_only: list[ForeignOrder]
    unreachable_venues: list[str]


class KillCleared(Answer):
    scope: KillScope
    target: str | None


class KeyBody(Body):
    account: Name
    scopes: Annotated[list[Scope], Field(min_length=1, max_length=4)]
    mode: Mode = Mode.PAPER


class ApiKey(Answer):
    """A key without its secret."""

    prefix: str
    account: str
    scopes: list[Scope]
    mode: Mode


class NewApiKey(ApiKey):
    token: str = Field(description="Shown once, stored nowhere.")


class ApiKeyList(Answer):
    data: list[ApiKey]
