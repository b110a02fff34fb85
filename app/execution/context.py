"""What one turn may look at and write to. Values in, facts and commands out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from typing import Any, Final, Protocol

import numpy as np
import numpy.typing as npt

from app.domain.bending import Outlook
from app.domain.enums import ChildState, ExclusionCode, KillScope, Mode, RefusalCode, Side
from app.domain.errors import InvariantBroken
from app.domain.events import ChildFilled, ChildSending, Event, Fact, OrderAccepted, RoutePlanned, TcaReported
from app.domain.ids import counted_ulid
from app.domain.instrument import Symbol
from app.domain.orders import ChildOrder, ParentOrder
from app.domain.placement import Placed, PlacementAsk
from app.domain.plan import Exclusion, Planned, PlanRequest
from app.domain.ports import Prepared
from app.domain.posting import Posting
from app.domain.quick import maker
from app.domain.records import ChildRecord, ParentRecord
from app.domain.universe import Universe
from app.domain.venue_stops import StopOffer
from app.execution.break_record import BreakKey
from app.execution.commitments import Commitments, flying_notional_nano
from app.execution.gathered import Gathered
from app.execution.hits import Hits
from app.execution.inputs import Turn
from app.execution.ledger import Ledger, evolve
from app.execution.observing import LoopMemory
from app.execution.shares import Reserve
from app.execution.taken import COUNTED, Taken
from app.learning.pretrade import CostEstimator
from app.learning.quote_age import QuoteAges
from app.risk.exposure import is_in_dollars
from app.risk.plain import Frame
from app.risk.reference import Reference, read_reference, without
from app.risk.throttle import Throttle
from app.shm.books import SymbolBooks


class Planner(Protocol):
    """The door to routing: one parent and one market in, one verified plan out."""

    def plan(self, request: PlanRequest, books: SymbolBooks) -> Planned: ...


class AwayPlanner(Protocol):
    """The planner's second door: problems above the break-even are searched elsewhere and verified here."""

    def prepare(self, request: PlanRequest, books: SymbolBooks) -> Prepared | None:
        """The problem in words where sending it away pays; None: plan it in this turn."""
        ...

    def adopt(self, prepared: Prepared, request: PlanRequest, words: memoryview) -> Planned | None:
        """The verified plan of an answer, if it breaks no law of `request`, made now; None: plan anew."""
        ...


class Believer(Protocol):
    """What is believed beside what is known, put into a request before it is planned."""

    def informed(self, request: PlanRequest, books: SymbolBooks) -> PlanRequest: ...


class HiddenSplit(Protocol):
    """One quantity over places where what is there is known as worths only (routing/dark.py)."""

    def __call__(self, tail: npt.NDArray[np.float64], volume_units: int, /) -> npt.NDArray[np.int64]:
        """Units for each place, int64[k], together at most `volume_units`. tail: float64[k, m], 0 to 1, falling."""
        ...


class Board(Protocol):
    """Where books are read: one private copy per call."""

    def read(self, symbol: str) -> SymbolBooks: ...


class Volumes(Protocol):
    """What the world trades, ourselves left out."""

    def others_units(self, symbol: str) -> int | None:
        """Symbol units that others have traded since the process began; never falls. None: nobody tells it."""
        ...

    def curve(self, symbol: str, start_ns: int, end_ns: int) -> tuple[int, ...]:
        """Volume expected in equal bins from `start_ns` to `end_ns`, at any scale, as far as it was learned."""
        ...

    def lasts(self, symbol: str) -> Mapping[str, tuple[int, int]]:
        """Each venue's last trade as (price units, when it was heard)."""
        ...

    def sizes_units(self, symbol: str) -> tuple[int, ...]:
        """Sizes of the newest trades, of any venue."""
        ...

    def expected_units(self, symbol: str, start_ns: int, end_ns: int) -> float:
        """Symbol units that others are expected to trade from `start_ns` to `end_ns`; 0 where nothing is known."""
        ...


class Marks(Protocol):
    """What venues say that their perpetuals are worth."""

    def is_told(self, symbol: str) -> bool:
        """Whether any venue tells a mark price of `symbol`."""
        ...

    def marks(self, symbol: str) -> Mapping[str, tuple[int, int]]:
        """Each venue's mark as (price units, when it was heard)."""
        ...


class Outlooks(Protocol):
    """What is forecast of a market."""

    def outlook(self, symbol: str, horizon_ns: int) -> Outlook:
        """Of the next `horizon_ns`, as parts of the usual; as usual where nothing is known."""
        ...


class QueueOutflows(Protocol):
    """What queues at the touch lose, by what the tape and the books of this process showed."""

    def quantiles_units(
        self, venue: str, symbol: str, side: Side, horizon_ns: int, ahead_units: int
    ) -> tuple[int, ...]:
        """What a queue of `ahead_units` at the touch of `side`, and we behind it, lose within `horizon_ns`.

        Quantiles at (i + 1/2) / n, rising. Empty: too little was seen.
        """
        ...

    def against_ppm(self, venue: str, symbol: str, side: Side, now_ns: int) -> int:
        """Signed flow of the last seconds against who rests on `side`: PPM where all of it took from there."""
        ...


Placer = Callable[[PlacementAsk], Placed]
Judge = Callable[[ParentRecord, Symbol, int], TcaReported]

_fact: Final = maker(Fact)
# The facts of an acceptance, which change no balance, position, fee tier, kill switch, break or venue.
_STANDING: Final = frozenset({OrderAccepted, RoutePlanned, ChildSending})


@dataclass(frozen=True, slots=True)
class Timing:
    """How long the engine waits, in nanoseconds. Each number bounds something that would otherwise hang or spin."""

    answer_grace_ns: int = 1_000_000_000  # after a child's deadline, before its silence makes it unknown
    clock_skew_ns: int = 500_000_000  # a venue's clock may lag ours by this when a miss is taken as proof
    query_every_ns: int = 500_000_000
    rest_query_every_ns: int = 5_000_000_000  # of a child that rests and of which its venue says nothing
    replan_every_ns: int = 100_000_000
    max_working_ns: int = 10_000_000_000  # of an order that rests nowhere
    max_waves: int = 5
    reject_pause_ns: int = 1_000_000_000  # a venue that rejected a child of a parent is left alone for this long
    max_reject_doublings: int = 6  # each further rejection doubles that pause, this often
    refusal_facts_per_s: int = 10
    max_search_ns: int = 2_000_000_000  # of a search that was sent away; then it is planned here
    confirm_break_ns: int = 200_000_000  # between the two statements that make a difference a break
    max_last_age_ns: int = 10_000_000_000  # of the last trade that a trigger may still believe
    resilience_ns: int = 1_000_000_000  # after a fill of ours, before its venue's price says where the market is
    max_hushed_ns: int = 3_000_000_000  # that a venue may be left out so, however often we trade there


@dataclass(frozen=True, slots=True)
class World:
    """What does not change while a process lives. `ceilings`: field of Limits -> what no API call may pass.

    `tier_response_ppm` above 0: the way to a better fee tier is worth something to the route, and volume is believed to
    follow it so far (learning/tier_plan.py). `child_cap_nano`: venue -> the most quote money of one child there, in a
    dollar; 0: none at all. Venues that are not in it have no such bound.
    """

    universe: Universe
    board: Board
    planner: Planner
    judge: Judge
    mode: Mode
    timing: Timing
    max_book_age_ns: dict[str, int]
    ceilings: Mapping[str, int] = field(default_factory=dict)
    tier_response_ppm: int = 0
    beliefs: Believer | None = None
    away: AwayPlanner | None = None
    child_cap_nano: Mapping[str, int] = field(default_factory=dict)
    volumes: Volumes | None = None
    may_loop: bool = False  # whether the loop may be on at all; the switch is a fact
    may_reserve: bool = False  # whether children are reserved for orders that wait near the market
    posting: Posting | None = None  # None: no child rests anywhere
    stops: Mapping[str, StopOffer] = field(default_factory=dict)  # venues that hold stops for us
    marks: Marks | None = None
    outflows: QueueOutflows | None = None  # None: no queue is measured
    place: Placer | None = None  # what splits a slice over queues; None: it rests at one touch
    ages: QuoteAges | None = None  # of touches; None: nobody looks, and fade is one number a venue
    costs: CostEstimator | None = None  # what says before an order what it will cost; None: nothing is said
    outlooks: Outlooks | None = None  # what adaptive schedules are bent by; None: they are refused
    split_hidden: HiddenSplit | None = None  # None: nobody is asked for hidden liquidity
    max_pings: int = 30  # questions to one dark venue in a minute, of all orders together
    max_align_ns: int = 0  # the longest that a child waits for its siblings at slower venues


@dataclass(frozen=True, slots=True)
class Searching:
    """A first wave, or a schedule's slice of `slice_lots`, that is being searched elsewhere, and since when."""

    wave: int
    since_ns: int
    prepared: Prepared
    slice_lots: int = 0


@dataclass(frozen=True, slots=True)
class Watch:
    """Levels at which a definition wants to be looked at, 0 for none: twice a venue's mid on the way down or up, an ask
    to buy at, a bid to sell at. `wake_ns`: when it wants to be looked at whatever the books say; 0: at every tick.
    """

    falling_half_units: int
    rising_half_units: int
    ask_units: int
    bid_units: int
    wake_ns: int

    def is_reached(self, bid_units: int, ask_units: int) -> bool:
        """Whether a venue's touch (0: none) is at one of them."""
        if ask_units and self.ask_units and ask_units <= self.ask_units:
            return True
        if bid_units and self.bid_units and bid_units >= self.bid_units:
            return True
        if not 0 < bid_units < ask_units:
            return False
        level_half = bid_units + ask_units
        is_up = 0 < self.rising_half_units <= level_half
        return is_up or level_half <= self.falling_half_units

    def is_due(self, reference: Reference, now_ns: int) -> bool:
        """Whether it must be looked at now: no level of any kind is beyond a stop while every venue's mid is not."""
        if now_ns >= self.wake_ns:
            return True
        mids = reference.venue_mids.values()
        if not mids:
            return False
        if self.rising_half_units and max(mids) >= self.rising_half_units:
            return True
        if self.falling_half_units and min(mids) <= self.falling_half_units:
            return True
        if self.ask_units and reference.best_ask_units <= self.ask_units:
            return True
        return bool(self.bid_units) and reference.best_bid_units >= self.bid_units


@dataclass(slots=True)
class Memory:
    """Timers and counters of the running process: never facts, never needed by a replay."""

    throttle: Throttle = field(default_factory=Throttle)
    commitments: Commitments = field(default_factory=Commitments)
    next_query_ns: dict[str, int] = field(default_factory=dict)
    heard_ns: dict[str, int] = field(default_factory=dict)
    canceling_ns: dict[str, int] = field(default_factory=dict)  # since when a child that rests is wished away
    last_words: list[ChildOrder] = field(default_factory=list)  # of an earlier process, still to be asked about
    is_draining: bool = False  # the process is about to stop: nothing rests any more, no slice begins
    next_replan_ns: dict[str, int] = field(default_factory=dict)
    # symbol -> order id -> (side's sign, price cap) of orders that wait for a book to come within their cap
    awaited: dict[str, dict[str, tuple[int, int]]] = field(default_factory=dict)
    # symbol -> definition's id -> the levels that its legs wait for
    watching: dict[str, dict[str, Watch]] = field(default_factory=dict)
    # definition's id -> (the state it was worked out for, what it holds back)
    reserves: dict[str, tuple[int, Reserve]] = field(default_factory=dict)
    # (definition's id, leg) -> water mark, ahead of the one last written
    marks: dict[tuple[str, int], int] = field(default_factory=dict)
    rejected_until_ns: dict[tuple[str, str], int] = field(default_factory=dict)
    refusal_window_ns: dict[str, int] = field(default_factory=dict)
    n_refusals: dict[str, int] = field(default_factory=dict)
    held_refusals: dict[tuple[str, RefusalCode], int] = field(default_factory=dict)
    lookalikes: dict[tuple[object, ...], tuple[int, str]] = field(default_factory=dict)
    searching: dict[str, Searching] = field(default_factory=dict)
    unreachable: set[str] = field(default_factory=set)
    # order id -> what to add to the world's count of others' volume, so that it goes on where the order's facts are
    volume_base_units: dict[str, int] = field(default_factory=dict)
    # (account, venue) -> currency or symbol -> nano, as the ledger was when the venue was asked for its statement
    asked: dict[tuple[str, str], dict[str, int]] = field(default_factory=dict)
    # differences that one statement showed: the next one decides
    suspects: dict[BreakKey, tuple[int, int]] = field(default_factory=dict)  # (theirs - ours, since)
    n_duplicate_fills: int = 0
    n_foreign_reports: int = 0
    n_malformed_fills: int = 0
    fee_day_i: int = -1
    n_fee_accounts: int = 0
    loop: LoopMemory = field(default_factory=LoopMemory)
    hits: Hits = field(default_factory=Hits)
    taken: Taken = field(default_factory=Taken)
    # (account, symbol, side) -> what its frame was made of, and the frame
    frames: dict[tuple[str, str, Side], tuple[tuple[object, ...], Frame | None]] = field(default_factory=dict)
    last_id_ms: int = 0
    n_ids_in_ms: int = 0

    def foreseeing(self) -> Memory:
        """For a turn that is thrown away: what is committed, taken and out of reach is as it is now."""
        return Memory(commitments=self.commitments, unreachable=self.unreachable, taken=self.taken)


@dataclass(slots=True)
class Context:
    """One turn under way. `emit` is the only pen: it numbers a fact, folds it in, and queues it for the journal."""

    world: World
    ledger: Ledger
    memory: Memory
    now_ns: int
    turn: Turn
    gathered: Gathered = field(default_factory=Gathered)  # decided, not yet written: execution/plain_run.py
    # What orders of an account and symbol ask alike (stakes.py, foretell.py); until a fact that is not _STANDING
    standing: dict[tuple[str, ...], Any] = field(default_factory=dict)
    weighed: dict[tuple[str, int], tuple[PlanRequest, tuple[tuple[str, int, int], ...]]] = field(default_factory=dict)
    # (symbol, nanoseconds from now) -> what others are expected to trade until then
    expected_units: dict[tuple[str, int], float] = field(default_factory=dict)
    _references: dict[str, tuple[SymbolBooks, Reference]] = field(default_factory=dict)

    @property
    def is_loop_on(self) -> bool:
        return self.world.may_loop and self.ledger.loop is not None and self.ledger.loop.is_on

    def emit(self, event: Event) -> Fact:
        ledger, world = self.ledger, self.world
        if self.gathered.orders:
            raise InvariantBroken(kind=event.KIND, reason="orders decided before it are not written")
        account_seq = ledger.account_seqs.get(event.account, 0) + 1 if event.account else 0
        fact = _fact(ledger.seq + 1, self.now_ns, account_seq, event)
        evolve(ledger, fact)
        self.memory.commitments.note(ledger, world.universe, event)
        if type(event) in COUNTED:
            self.memory.taken.note(event, self.now_ns)
        if type(event) not in _STANDING:
            self.standing.clear()
            if isinstance(event, ChildFilled):
                side = Side.BUY if event.signed_qty_units >= 0 else Side.SELL
                self.memory.hits.note(event.symbol, event.venue, side, self.now_ns, world.timing.resilience_ns)
        if world.max_align_ns or (world.may_loop and self.is_loop_on):
            self.memory.loop.note(ledger, fact)
        self.turn.facts.append(fact)
        return fact

    def committed(self) -> Commitments:
        """What every account has committed, as of the last fact, gathered orders included."""
        found = self.memory.commitments
        return found if self.gathered.orders else found.at(self.ledger, self.world.universe)

    def market(self, symbol: str) -> tuple[SymbolBooks, Reference]:
        """Books and reference of `symbol`, read once per turn."""
        seen = self._references.get(symbol)
        if seen is None:
            books = self.world.board.read(symbol)
            seen = books, read_reference(books, self.world.max_book_age_ns, self.now_ns)
            self._references[symbol] = seen
        return seen

    def left(self, symbol: str, side: Side) -> SymbolBooks:
        """The books of `symbol` without what our own children are taking of them: what a plan may count on."""
        return self.memory.taken.left(self.market(symbol)[0], side, self.now_ns)

    def mid_half_units(self, symbol: str, fallback: int = 0) -> int:
        return self.market(symbol)[1].mid_half_units or fallback

    def hushed(self, symbol: str, side: Side) -> AbstractSet[str]:
        """Venues whose price a fill of ours of that side has just moved, for as long as that is bounded."""
        timing = self.world.timing
        return self.memory.hits.hushed(symbol, side, self.now_ns, timing.resilience_ns, timing.max_hushed_ns)

    def calm(self, symbol: str, side: Side) -> Reference:
        """The reference without the venues that a fill of ours of that side has just moved; all of them where no other
        is valid.
        """
        books, reference = self.market(symbol)
        found = without(reference, books, self.hushed(symbol, side))
        return found if found.venue_mids else reference

    def last_units(self, symbol: str, apart_from: AbstractSet[str] = frozenset()) -> int:
        """Price of the newest trade of any venue, 0 where none is heard or the newest is older than may be believed."""
        volumes = self.world.volumes
        lasts = volumes.lasts(symbol) if volumes is not None else {}
        told = [(ts_ns, units) for venue, (units, ts_ns) in lasts.items() if venue not in apart_from]
        heard_ns, price_units = max(told, default=(0, 0))
        return price_units if self.now_ns - heard_ns <= self.world.timing.max_last_age_ns else 0

    def mark_units(self, symbol: str, venues: Sequence[str] = ()) -> int:
        """The median of the venues' mark prices (of `venues`, if any are named) that may be believed; 0 for none."""
        told = self.world.marks.marks(symbol).items() if self.world.marks is not None else ()
        oldest_ns = self.now_ns - self.world.timing.max_last_age_ns
        fresh = sorted(u for v, (u, heard_ns) in told if heard_ns >= oldest_ns and (not venues or v in venues))
        return fresh[(len(fresh) - 1) // 2] if fresh else 0

    def next_order_id(self, prefix: str) -> str:
        """Ids of one engine rise: milliseconds, a counter within them, then a hash that hides the sequence."""
        memory, ms = self.memory, self.now_ns // 1_000_000
        memory.n_ids_in_ms = memory.n_ids_in_ms + 1 if ms == memory.last_id_ms else 0
        memory.last_id_ms = ms
        hidden = f"{self.ledger.epoch}\x1f{self.ledger.seq + self.gathered.n_facts + 1}\x1f{prefix}"
        return f"{prefix}_{counted_ulid(self.now_ns, memory.n_ids_in_ms, hidden)}"

    def barred(
        self, order: ParentOrder, mode: Mode, parent: ParentRecord | None = None, other_symbol: str = ""
    ) -> dict[str, Exclusion]:
        """Why each listed venue may not be used by this order now; venues that may are absent.

        `other_symbol`: of its quote_pool, else the order's own symbol is looked at.
        """
        listings = self.world.universe.listings(other_symbol or order.symbol)
        reference = self.market(other_symbol or order.symbol)[1]
        children, unknown = parent.children.values() if parent else (), ChildState.UNKNOWN
        pending = {c.child.venue for c in children if c.state is unknown}
        rejected_until_ns = self.memory.rejected_until_ns
        result: dict[str, Exclusion] = {}
        ledger, wanted, venues = self.ledger, order.venues, self.world.universe.venues
        bars = (ledger.disabled_venues, ledger.kills, ledger.n_broken, self.world.child_cap_nano, wanted.include)
        may_bar = any(bars) or bool(wanted.exclude or self.memory.unreachable)  # else only its mode and kind may
        for venue in listings:
            about = venues[venue]
            code = self._bar_code(venue, order, mode) if may_bar or about.mode is not mode or not about.is_lit else None
            if code is None and other_symbol:
                code = self._bar_code_of_pool(venue, other_symbol)
            if code is not None:
                result[venue] = Exclusion(venue, code)
            elif venue in pending:
                result[venue] = Exclusion(venue, ExclusionCode.PENDING_UNKNOWN)
            elif parent and rejected_until_ns.get((parent.order_id, venue), 0) > self.now_ns:
                result[venue] = Exclusion(venue, ExclusionCode.UNREACHABLE)
            elif venue in reference.barred:
                result[venue] = reference.barred[venue]
        return result

    def _bar_code(self, venue: str, order: ParentOrder, mode: Mode) -> ExclusionCode | None:
        wanted = order.venues
        if venue in self.ledger.disabled_venues or self.world.universe.venues[venue].mode is not mode:
            return ExclusionCode.DISABLED
        if (KillScope.VENUE, venue) in self.ledger.kills:
            return ExclusionCode.KILLED
        cap_nano = self.world.child_cap_nano.get(venue)
        if cap_nano is not None and not (cap_nano and is_in_dollars(self.world.universe.symbols[order.symbol])):
            return ExclusionCode.UNCERTIFIED
        if wanted.include and venue not in wanted.include:
            return ExclusionCode.NOT_INCLUDED
        if venue in wanted.exclude:
            return ExclusionCode.EXCLUDED_BY_ORDER
        if venue in self.memory.unreachable:
            return ExclusionCode.UNREACHABLE
        if (order.account, venue) in self.ledger.n_broken:
            return ExclusionCode.RECONCILIATION_BREAK
        return None if self.world.universe.venues[venue].is_lit else ExclusionCode.UNLIT

    def _bar_code_of_pool(self, venue: str, symbol: str) -> ExclusionCode | None:
        """What bars another symbol than the order's own: its kill switch, and a cap that is held against one quote."""
        if (KillScope.SYMBOL, symbol) in self.ledger.kills:
            return ExclusionCode.KILLED
        return ExclusionCode.UNCERTIFIED if venue in self.world.child_cap_nano else None


def remaining_qty_units(parent: ParentRecord) -> int | None:
    """What may still be sent of a quantity order: nothing in flight, known or unknown, is sent again."""
    order = parent.accepted.order
    if order.qty_units is None:
        return None
    return max(0, order.qty_units - parent.cum_qty_units - parent.in_flight_qty_units)


def remaining_notional_nano(parent: ParentRecord, symbol: Symbol) -> int | None:
    """What may still be placed of a notional order, with everything in flight at the most it may come to."""
    order = parent.accepted.order
    if order.notional_nano is None:
        return None
    flying_nano = sum(_flying_nano(parent, symbol, c) for c in parent.children.values() if not c.state.is_terminal)
    return max(0, order.notional_nano - parent.cum_notional_nano - flying_nano)


def _flying_nano(parent: ParentRecord, symbol: Symbol, record: ChildRecord) -> int:
    """A live child's notional in the quote of its parent's `symbol`."""
    conversion = parent.conversion(record.child)
    if conversion is None:
        return flying_notional_nano(symbol, record)
    own = replace(symbol, price_scale=conversion.price_scale)  # both count quantities alike
    return conversion.in_quote_nano(flying_notional_nano(own, record), Side.BUY)


def side_price(reference: Reference, side: Side) -> int:
    """The consolidated far touch: what a taker would pay or get first; 0 when there is none."""
    return reference.best_ask_units if side is Side.BUY else reference.best_bid_units
