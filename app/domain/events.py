"""Facts: past tense, frozen, integers and names only. The log is made of these and nothing else.

State changes only by folding facts (execution/ledger.py), live and in replay. Whatever a decision used that replay
needs is in its fact. Every fact may concern one account (`account` field) or none (shard-wide).
Encoding: store/codec.py, canonical JSON in declared field order, with `KIND` and `V` on the envelope. The kinds that
every order tells are spelled without names (store/unnamed.py); a field that comes, goes or moves needs a new `V`.
"""

# ruff: noqa: PLC0414 - facts that live in other files are told here too: one name for all of them

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from app.domain.enums import (
    BreakKind,
    DoneReason,
    KillAction,
    KillScope,
    Liquidity,
    Mode,
    RefusalCode,
    Scope,
)
from app.domain.event import Event as Event
from app.domain.fee_facts import FeeDeviated as FeeDeviated
from app.domain.fee_facts import FeeTierSet as FeeTierSet
from app.domain.limits import Limits
from app.domain.loop_events import BeliefChanged as BeliefChanged
from app.domain.loop_events import LoopSet as LoopSet
from app.domain.loop_events import LoopWeighed as LoopWeighed
from app.domain.markout_facts import MarkoutsMeasured as MarkoutsMeasured
from app.domain.markout_facts import StillMeasured as StillMeasured
from app.domain.orders import ChildOrder, ParentOrder
from app.domain.plan import RoutePlan
from app.domain.pretrade import Said
from app.domain.pretrade_facts import CostForetold as CostForetold
from app.domain.quick import quick_init
from app.domain.schedule_facts import OrderAmended as OrderAmended
from app.domain.schedule_facts import ScheduleBegun as ScheduleBegun
from app.domain.schedule_facts import ScheduleGivenBack as ScheduleGivenBack
from app.domain.schedule_facts import SchedulePaused as SchedulePaused
from app.domain.schedule_facts import ScheduleResumed as ScheduleResumed
from app.domain.schedule_facts import SliceReleased as SliceReleased


@dataclass(frozen=True, slots=True)
class ShardOpened(Event):
    """First fact of a log: the seed of every id."""

    KIND: ClassVar[str] = "shard_opened"
    shard: str
    epoch: str
    release: str


@dataclass(frozen=True, slots=True)
class EngineStarted(Event):
    """A process took the log over (recovery included)."""

    KIND: ClassVar[str] = "engine_started"
    release: str
    mode: Mode
    recovered_seq: int


@dataclass(frozen=True, slots=True)
class KeyCreated(Event):
    KIND: ClassVar[str] = "key_created"
    prefix: str
    key_sha256: str
    scopes: tuple[Scope, ...]
    mode: Mode


@dataclass(frozen=True, slots=True)
class KeyRevoked(Event):
    KIND: ClassVar[str] = "key_revoked"
    prefix: str


@dataclass(frozen=True, slots=True)
class LimitsSet(Event):
    KIND: ClassVar[str] = "limits_set"
    limits: Limits
    actor: str


@dataclass(frozen=True, slots=True)
class BalanceSet(Event):
    """A paper balance, or what reconciliation proved."""

    KIND: ClassVar[str] = "balance_set"
    venue: str
    currency: str
    amount_nano: int
    reason: str


@dataclass(frozen=True, slots=True)
class KillSwitchSet(Event):
    KIND: ClassVar[str] = "kill_switch_set"
    scope: KillScope
    target: str
    action: KillAction
    reason: str
    actor: str


@dataclass(frozen=True, slots=True)
class KillSwitchCleared(Event):
    KIND: ClassVar[str] = "kill_switch_cleared"
    scope: KillScope
    target: str
    actor: str


@dataclass(frozen=True, slots=True)
class VenueSet(Event):
    KIND: ClassVar[str] = "venue_set"
    venue: str
    is_enabled: bool
    actor: str


@quick_init
@dataclass(frozen=True, slots=True)
class OrderAccepted(Event):
    """The acknowledgement is a pure function of this fact.

    `price_cap_units`: the tightest raw price any child may trade at (limit and slippage cap together).
    Four prices are stamped as twice the class mid: decision (0 if the client gave none), received, approved; the
    fourth, first_sent, is in the first RoutePlanned. Times: decision (client), received, approved (this turn).
    `foretold`: what it was expected to cost; None where nothing was said.
    """

    KIND: ClassVar[str] = "order_accepted"
    V: ClassVar[int] = 7
    order_id: str
    order: ParentOrder
    mode: Mode
    limits_version: int
    price_cap_units: int
    arrival_bid_units: int
    arrival_ask_units: int
    received_mid_half_units: int
    approved_mid_half_units: int
    approved_ts_ns: int
    foretold: Said | None = None


@dataclass(frozen=True, slots=True)
class OrderRefused(Event):
    """A well-formed order that a rule said no to. Not an order: the client id is not consumed."""

    KIND: ClassVar[str] = "order_refused"
    refusal_id: str
    client_order_id: str
    symbol: str
    code: RefusalCode
    limit: str
    value: str
    unit: str
    limits_version: int


@dataclass(frozen=True, slots=True)
class RefusalsAggregated(Event):
    """Beyond ten refusals a second of one account: how many more there were of each code in that second."""

    KIND: ClassVar[str] = "refusals_aggregated"
    code: RefusalCode
    n_refused: int
    from_ts_ns: int
    to_ts_ns: int


@quick_init
@dataclass(frozen=True, slots=True)
class RoutePlanned(Event):
    KIND: ClassVar[str] = "route_planned"
    V: ClassVar[int] = 4
    order_id: str
    plan: RoutePlan


@quick_init
@dataclass(frozen=True, slots=True)
class ChildSending(Event):
    """Intent before effect: durable before the child leaves, or reserved by a fact that is (ChildrenReserved)."""

    KIND: ClassVar[str] = "child_sending"
    V: ClassVar[int] = 4
    child: ChildOrder
    limits_version: int
    mid_half_units: int


@dataclass(frozen=True, slots=True)
class ChildrenReserved(Event):
    """From now on one of `children` may leave before its own fact is durable: intent before effect (docs/adr/0063).

    At most one of them, no larger and at no worse price, until a child of the order is told; it leaves with the
    deadline that its own fact says, theirs is 0. Empty: none may any more. No account's stream tells it.
    """

    KIND: ClassVar[str] = "children_reserved"
    order_id: str
    children: tuple[ChildOrder, ...]


@quick_init
@dataclass(frozen=True, slots=True)
class ChildAcked(Event):
    KIND: ClassVar[str] = "child_acked"
    V: ClassVar[int] = 2
    order_id: str
    child_id: str
    venue_order_id: str
    venue_ts_ns: int


# (venue, account, symbol, the venue's trade id, whether we bought): what counts a fill once.
FillKey = tuple[str, str, str, str, bool]


def fill_key(venue: str, account: str, symbol: str, venue_trade_id: str, sign: int) -> FillKey:
    """A fill's key; `sign` is above zero for a buy. Both sides of a trade with oneself have the same trade id."""
    return venue, account, symbol, venue_trade_id, sign > 0


@dataclass(frozen=True, slots=True)
class ChildFilled(Event):
    """One fill, counted once by its `key`. `is_late`: the child was terminal already.

    `money_nano` is the gross settlement money by the symbol's own rule. `moves`: (currency, signed nano) that the
    account's balances at the venue change by, fee included. `signed_qty_units`: change of the position there.
    `fee_nano` is the whole charge of the venue; `gas_nano` the part of it that did not depend on the size.
    Prices and money are of `symbol`, which is not the order's where that has a quote_pool: then the route's conversion
    of it says what counts. `class_mid_half_units` is of the order's own class, always.
    """

    KIND: ClassVar[str] = "child_filled"
    V: ClassVar[int] = 2
    order_id: str
    child_id: str
    exec_id: str
    venue: str
    symbol: str
    venue_trade_id: str
    price_units: int
    qty_units: int
    qty_lots: int
    money_nano: int
    notional_nano: int
    fee_nano: int
    fee_currency: str
    liquidity: Liquidity
    venue_ts_ns: int
    received_ts_ns: int
    venue_mid_half_units: int
    class_mid_half_units: int
    is_late: bool
    signed_qty_units: int
    moves: tuple[tuple[str, int], ...]
    gas_nano: int = 0

    @property
    def key(self) -> FillKey:
        return fill_key(self.venue, self.account, self.symbol, self.venue_trade_id, self.signed_qty_units)


@dataclass(frozen=True, slots=True)
class ChildCanceled(Event):
    """The venue's evidence that nothing of it is left alive. `cum_qty_lots` is the venue's own total, -1 if untold."""

    KIND: ClassVar[str] = "child_canceled"
    order_id: str
    child_id: str
    cum_qty_lots: int
    evidence: str


@dataclass(frozen=True, slots=True)
class ChildExpired(Event):
    KIND: ClassVar[str] = "child_expired"
    order_id: str
    child_id: str
    cum_qty_lots: int
    evidence: str


@dataclass(frozen=True, slots=True)
class ChildRejected(Event):
    """The venue said no, or a query proved after the deadline that it never accepted (`not_accepted`)."""

    KIND: ClassVar[str] = "child_rejected"
    order_id: str
    child_id: str
    code: str
    text: str
    evidence: str


@dataclass(frozen=True, slots=True)
class ChildUnknown(Event):
    """Nothing is proven; the child keeps its full exposure until the venue's own evidence."""

    KIND: ClassVar[str] = "child_unknown"
    order_id: str
    child_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class ChildResolved(Event):
    """An operator closed an unknown child with evidence: nothing more will come of it beyond recorded fills."""

    KIND: ClassVar[str] = "child_resolved"
    order_id: str
    child_id: str
    actor: str
    evidence: str


@dataclass(frozen=True, slots=True)
class CancelRequested(Event):
    KIND: ClassVar[str] = "cancel_requested"
    order_id: str
    actor: str
    reason: str


@dataclass(frozen=True, slots=True)
class OverfillRecorded(Event):
    """The venue filled more than was asked: recorded and alarmed, never dropped."""

    KIND: ClassVar[str] = "overfill_recorded"
    order_id: str
    child_id: str
    excess_qty_units: int


@quick_init
@dataclass(frozen=True, slots=True)
class OrderDone(Event):
    KIND: ClassVar[str] = "order_done"
    V: ClassVar[int] = 2
    order_id: str
    reason: DoneReason
    detail: str


@quick_init
@dataclass(frozen=True, slots=True)
class TcaReported(Event):
    """Cost of a done parent by the declared waterfall, in nano of the symbol's money; positive is a cost.

    delay = decision (or received) to approved mid; spread, impact and timing from approved mid to fills; fee; gas;
    basis (own-venue mid against class mid); opportunity on what stayed unfilled, at the closing class mid.
    The parts sum to `total_nano` exactly. `reference_money_nano` is the filled quantity at the reference mid.
    """

    KIND: ClassVar[str] = "tca_reported"
    V: ClassVar[int] = 2
    order_id: str
    reference: str
    reference_mid_half_units: int
    decision_mid_half_units: int
    received_mid_half_units: int
    approved_mid_half_units: int
    first_sent_mid_half_units: int
    closing_mid_half_units: int
    filled_qty_units: int
    filled_money_nano: int
    reference_money_nano: int
    delay_nano: int
    spread_nano: int
    impact_nano: int
    timing_nano: int
    fee_nano: int
    gas_nano: int
    basis_nano: int
    opportunity_nano: int
    total_nano: int
    fee_unconverted: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, slots=True)
class BreakFound(Event):
    """A venue's statement (or the projection) differs from the log by more than a lot, twice, and nothing in flight
    explains it. Told again when the amounts change.

    `item`: the currency, the symbol, or the venue's order id. Amounts in 1e-9 of the currency, or of the quantity.
    `statement_ts_ns`: when the other side looked, by its own clock, 0 if it did not say.
    """

    KIND: ClassVar[str] = "break_found"
    venue: str
    what: BreakKind
    item: str
    ours_nano: int
    theirs_nano: int
    explained_nano: int
    tolerance_nano: int
    statement_ts_ns: int
    detail: str


@dataclass(frozen=True, slots=True)
class BreakClosed(Event):
    """The two agree again; `age_ns` since the break was first found."""

    KIND: ClassVar[str] = "break_closed"
    venue: str
    what: BreakKind
    item: str
    age_ns: int


@quick_init
@dataclass(frozen=True, slots=True)
class Fact:
    """A fact in its place: `seq` is gapless per shard, `account_seq` gapless per account (0 for shard-wide facts)."""

    seq: int
    ts_ns: int
    account_seq: int
    event: Event

    @property
    def account(self) -> str:
        return self.event.account


EVENT_TYPES: tuple[type[Event], ...] = (
    ShardOpened,
    EngineStarted,
    KeyCreated,
    KeyRevoked,
    LimitsSet,
    BalanceSet,
    KillSwitchSet,
    KillSwitchCleared,
    VenueSet,
    OrderAccepted,
    OrderRefused,
    RefusalsAggregated,
    RoutePlanned,
    ChildSending,
    ChildrenReserved,
    ChildAcked,
    ChildFilled,
    ChildCanceled,
    ChildExpired,
    ChildRejected,
    ChildUnknown,
    ChildResolved,
    CancelRequested,
    OverfillRecorded,
    OrderDone,
    TcaReported,
    FeeTierSet,
    FeeDeviated,
    BreakFound,
    BreakClosed,
    ScheduleBegun,
    SliceReleased,
    ScheduleGivenBack,
    SchedulePaused,
    ScheduleResumed,
    OrderAmended,
    MarkoutsMeasured,
    StillMeasured,
    LoopSet,
    BeliefChanged,
    LoopWeighed,
    CostForetold,
)

# Facts are made on the order path, several for each order.
for _made in (*EVENT_TYPES, Fact):
    quick_init(_made)
