"""What can enter a turn, what leaves it. Plain frozen values; nothing here decides."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from app.domain.belief import Observation
from app.domain.conditional_events import ConditionalAccepted
from app.domain.conditions import Conditional
from app.domain.enums import KillAction, KillScope, Mode, Scope
from app.domain.errors import BestexError
from app.domain.events import Event, Fact, FillKey, OrderAccepted
from app.domain.fills import ExecutionReport
from app.domain.limits import Limits
from app.domain.markouts import Measurement
from app.domain.orders import Approved, ChildOrder, ParentOrder
from app.domain.ports import SearchJob
from app.domain.quick import quick_init
from app.domain.quotes import Quote, QuoteRequest
from app.domain.scheduled import Amendment
from app.domain.shadow import DeskParent, Execution, OwnOutcome
from app.domain.statement import VenueStatement
from app.domain.timing_facts import VolumeBin


@dataclass(frozen=True, slots=True)
class Start:
    """A process took the log over: opens a new log, loses every live child until its venue speaks."""

    shard: str
    epoch: str
    release: str
    mode: Mode


@quick_init
@dataclass(frozen=True, slots=True)
class Submit:
    order: ParentOrder
    mode: Mode


@dataclass(frozen=True, slots=True)
class SubmitConditional:
    """`entry`: the ordinary order that a definition with `has_entry_order` begins with; its client id is ours."""

    definition: Conditional
    entry: ParentOrder | None
    mode: Mode


@dataclass(frozen=True, slots=True)
class AmendConditional:
    """`definition` replaces the one of `version` whole."""

    account: str
    conditional_id: str
    definition: Conditional
    version: int
    actor: str


@dataclass(frozen=True, slots=True)
class CancelConditional:
    account: str
    conditional_id: str
    actor: str
    reason: str = "client"


@dataclass(frozen=True, slots=True)
class Cancel:
    account: str
    order_id: str
    actor: str
    reason: str = "client"


@dataclass(frozen=True, slots=True)
class Pause:
    account: str
    order_id: str
    actor: str


@dataclass(frozen=True, slots=True)
class Resume:
    account: str
    order_id: str
    actor: str


@dataclass(frozen=True, slots=True)
class Amend:
    account: str
    order_id: str
    actor: str
    change: Amendment


@quick_init
@dataclass(frozen=True, slots=True)
class Report:
    report: ExecutionReport


@dataclass(frozen=True, slots=True)
class Found:
    """The plans of a search that was sent away, in words; None: nobody could search, plan it here."""

    order_id: str
    wave: int
    words: memoryview | None


@dataclass(frozen=True, slots=True)
class Tick:
    """Time passed: deadlines, expiries, held remainders, unknown children to ask about."""


@dataclass(frozen=True, slots=True)
class Drain:
    """The process is about to stop: what rests is taken back, and no slice begins any more."""


@dataclass(frozen=True, slots=True)
class BookReached:
    """A book of `symbol` has come within the limit of an order that waits for it: look now, not at the next tick."""

    symbol: str


@dataclass(frozen=True, slots=True)
class SetLimits:
    account: str
    limits: Limits
    actor: str


@dataclass(frozen=True, slots=True)
class SetKillSwitch:
    """`account` is the actor's own, empty for the operator of the whole shard."""

    account: str
    scope: KillScope
    target: str
    action: KillAction
    reason: str
    actor: str


@dataclass(frozen=True, slots=True)
class ClearKillSwitch:
    account: str
    scope: KillScope
    target: str
    actor: str


@dataclass(frozen=True, slots=True)
class SetVenue:
    venue: str
    is_enabled: bool
    actor: str


@dataclass(frozen=True, slots=True)
class SetLoop:
    """Turns the loop from measurement to routes on or off."""

    is_on: bool
    actor: str


@dataclass(frozen=True, slots=True)
class Measured:
    """What was measured after the fact, markouts above all; the same `subject` counts once."""

    observations: tuple[Observation, ...]


@dataclass(frozen=True, slots=True)
class LearnVolume:
    """Bins of a symbol's volume curve, as they are now."""

    symbol: str
    bins: tuple[VolumeBin, ...]


@dataclass(frozen=True, slots=True)
class CreateKey:
    account: str
    prefix: str
    key_sha256: str
    scopes: tuple[Scope, ...]
    mode: Mode


@dataclass(frozen=True, slots=True)
class RevokeKey:
    account: str
    prefix: str


@dataclass(frozen=True, slots=True)
class SetBalance:
    account: str
    venue: str
    currency: str
    amount_nano: int
    reason: str


@dataclass(frozen=True, slots=True)
class Resolve:
    """An operator's word on an unknown child, with evidence."""

    account: str
    order_id: str
    child_id: str
    actor: str
    evidence: str


@dataclass(frozen=True, slots=True)
class StatementAsked:
    """A venue is about to be asked for its statement of an account: what the ledger holds now is one bound."""

    account: str
    venue: str


@dataclass(frozen=True, slots=True)
class StatementTaken:
    """What the venue said; the ledger as it is now is the other bound."""

    account: str
    statement: VenueStatement


@dataclass(frozen=True, slots=True)
class ProjectionCompared:
    """Every slot of an account in which the projection differs from the log at one sequence: (venue, item) -> nano."""

    account: str
    differences: tuple[tuple[str, str, int, int], ...]  # venue, item, ours, theirs


@dataclass(frozen=True, slots=True)
class MarketMeasured:
    """What the market did after an order, or at instants of none."""

    measurement: Measurement


@dataclass(frozen=True, slots=True)
class TellShadow:
    """A desk's parent to be planned and never sent; `order` is it as an order of the account."""

    account: str
    parent: DeskParent
    order: ParentOrder
    mode: Mode
    body_hash: str


@dataclass(frozen=True, slots=True)
class TellMet:
    """What a shadow's plan came to on the books that arrived."""

    account: str
    parent_id: str
    outcome: OwnOutcome


@dataclass(frozen=True, slots=True)
class TellIncumbent:
    """Fills that the desk really got for one of its parents."""

    account: str
    parent_id: str
    fills: tuple[Execution, ...]


@dataclass(frozen=True, slots=True)
class Quoted:
    """What a dealer answered to an `AskQuote`."""

    order_id: str
    quote: Quote


Input = (
    Start
    | Submit
    | SubmitConditional
    | AmendConditional
    | CancelConditional
    | Cancel
    | Pause
    | Resume
    | Amend
    | Report
    | Found
    | Tick
    | Drain
    | BookReached
    | SetLimits
    | SetKillSwitch
    | ClearKillSwitch
    | SetVenue
    | SetLoop
    | Measured
    | LearnVolume
    | CreateKey
    | RevokeKey
    | SetBalance
    | Resolve
    | StatementAsked
    | StatementTaken
    | ProjectionCompared
    | MarketMeasured
    | Quoted
    | TellShadow
    | TellMet
    | TellIncumbent
)
# What is turned away while the log cannot keep up; a word about what is there already never is.
NEW_ORDERS: Final[frozenset[type]] = frozenset({Submit, SubmitConditional, TellShadow, TellIncumbent})
# Whoever asks this has time: its facts wait for a commit of others, as a venue's words do.
PATIENT: Final[frozenset[type]] = frozenset({MarketMeasured})


@quick_init
@dataclass(frozen=True, slots=True)
class SendChild:
    """`delay_ns`: wait so long first, so that children of one wave arrive together (execution/spray.py)."""

    approved: Approved[ChildOrder]
    delay_ns: int = 0


@dataclass(frozen=True, slots=True)
class CancelChild:
    child: ChildOrder


@dataclass(frozen=True, slots=True)
class QueryChild:
    child: ChildOrder


@dataclass(frozen=True, slots=True)
class SearchAway:
    """Hands a search to the plan queue; its answer is a `Found`."""

    job: SearchJob


@dataclass(frozen=True, slots=True)
class AskQuote:
    """Asks a dealer once; whatever comes of it is a `Quoted`."""

    order_id: str
    request: QuoteRequest


@dataclass(frozen=True, slots=True)
class Recall:
    """A report that memory cannot place, though orders have left it: its order is to be taken back, and it to come
    again. `fill_key` None: no child in memory has its client id; else: a fill that may have been counted before.
    """

    report: ExecutionReport
    fill_key: FillKey | None = None


Command = SendChild | CancelChild | QueryChild | SearchAway | AskQuote | Recall


@quick_init
@dataclass(frozen=True, slots=True)
class Accepted:
    """Reply to Submit: the fact whose pure function is the acknowledgement; `is_replay` for a repeated client id."""

    fact: OrderAccepted
    account_seq: int
    is_replay: bool


@dataclass(frozen=True, slots=True)
class ConditionalTaken:
    """Reply to SubmitConditional, as Accepted is to Submit."""

    fact: ConditionalAccepted
    account_seq: int
    is_replay: bool


@quick_init
@dataclass(frozen=True, slots=True)
class Done:
    """Reply to everything else: what happened, if anything had to."""

    events: tuple[Event, ...] = ()


@dataclass(frozen=True, slots=True)
class Failed:
    """Reply that raises `error` at the asker."""

    error: BestexError


Reply = Accepted | ConditionalTaken | Done | Failed


@dataclass(slots=True)
class Turn:
    """One step's outcome. Nothing of it leaves the process before `facts` are durable, but what was reserved.

    `replies[i]` answers input i. `receipts`: (sha256 hex, bytes) referenced from RoutePlanned facts of this turn.
    `n_reserved`: how many of the children sent were reserved, and need not wait for this turn's facts.
    """

    facts: list[Fact] = field(default_factory=list)
    commands: list[Command] = field(default_factory=list)
    replies: list[Reply] = field(default_factory=list)
    receipts: list[tuple[str, bytes]] = field(default_factory=list)
    n_reserved: int = 0


Inputs = Sequence[Input]
