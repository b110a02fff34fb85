"""The asyncio driver of the core: one queue in, one log, and nothing out before its facts are durable, but a child that
durable facts have reserved (docs/adr/0063).

Flow of one pass: inputs -> core.turn -> journal -> (writer thread syncs) -> replies, children and listeners, in
sequence order. A reply that wrote nothing waits all the same until what it shows is durable.

A commit costs the same for one fact as for twenty. Facts that somebody waits for (an asker, a child that may leave) go
to the journal at once, and what comes while it is busy is its next group; facts that nobody waits for (a venue's acks
and fills) ride along with them, or go alone after RIDE_S. Held or not, nothing else leaves before it is durable,
and never out of order.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, count
from typing import Final, TypeVar

from app import observe
from app.domain.book import BookDelta, BookSnapshot
from app.domain.enums import Mode
from app.domain.errors import InvariantBroken, Unavailable
from app.domain.events import Fact
from app.domain.fills import ExecutionReport, ReportKind
from app.domain.orders import ChildOrder, ParentOrder
from app.domain.ports import Clock, Journal, PlanQueue, VenueHost, VenuePort
from app.domain.statement import VenueHealth, VenueState
from app.domain.universe import Universe
from app.execution.inputs import (
    NEW_ORDERS,
    PATIENT,
    Accepted,
    AskQuote,
    BookReached,
    CancelChild,
    Command,
    Done,
    Drain,
    Failed,
    Found,
    Input,
    Quoted,
    Recall,
    Reply,
    Report,
    SearchAway,
    SendChild,
    Start,
    Tick,
    Turn,
)
from app.execution.ledger import Ledger
from app.execution.preview import Preview
from app.execution.reserve_record import may_leave_ahead
from app.execution.step import Core
from app.services.alarms import alarm
from app.services.asking import open_client_ids
from app.services.at_once import runs_whole
from app.services.health import EngineHealth, health_of
from app.services.marketdata import MarketData
from app.services.quotes import quote_of
from app.shm.books import SymbolBooks

FactListener = Callable[[Sequence[Fact]], None]
ReportListener = Callable[[ExecutionReport], None]
BookListener = Callable[[BookSnapshot | BookDelta], None]
_T = TypeVar("_T")

# Bounds: what waits for a turn, what waits for the disk, how much one turn takes.
MAX_WAITING_INPUTS: Final = 10_000
MAX_UNDURABLE_TURNS: Final = 4_096
MAX_TURN_INPUTS: Final = 64
MAX_HELD_FACTS: Final = 256
# What the log must still take before a new order is let in: venues' words and cancels are never turned away.
MIN_FREE_FACTS: Final = 4_096
TICK_S: Final = 0.02
# How often venues are asked how they are: their connections are routing input.
HEALTH_EVERY_TICKS: Final = 5
RIDE_S: Final = 0.002


@dataclass(slots=True)
class _Waiting:
    """A turn that waits for the disk: it may leave once `seq` is durable."""

    seq: int
    turn: Turn
    askers: list[asyncio.Future[Reply] | None]


@dataclass(slots=True)
class Engine:
    """One shard, one writer. Every public method belongs to the event loop's thread."""

    core: Core
    clock: Clock
    market: MarketData
    venues: Mapping[str, VenuePort]
    start: Start
    on_fatal: Callable[[BaseException], None]
    journal: Journal | None = None
    queue: PlanQueue | None = None
    host: VenueHost | None = None
    on_recall: Callable[[Recall], None] | None = None  # where orders may leave memory
    is_ready: bool = False
    is_draining: bool = False
    is_behind: bool = False  # too many words of venues wait for what left memory
    venue_health: dict[str, VenueHealth] = field(default_factory=dict)
    _inbox: deque[tuple[Input, asyncio.Future[Reply] | None]] = field(default_factory=deque)
    _undurable: deque[_Waiting] = field(default_factory=deque)
    _fact_listeners: list[FactListener] = field(default_factory=list)
    _report_listeners: list[ReportListener] = field(default_factory=list)
    _book_listeners: list[BookListener] = field(default_factory=list)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)
    _loop: asyncio.AbstractEventLoop | None = None
    _thread_id: int = 0
    _is_scheduled: bool = False
    _is_leaving: bool = False
    _is_broken: bool = False
    _held: list[Turn] = field(default_factory=list)
    _n_held_facts: int = 0
    _commit_timer: asyncio.Handle | None = None

    @property
    def ledger(self) -> Ledger:
        return self.core.ledger

    @property
    def universe(self) -> Universe:
        return self.core.world.universe

    @property
    def mode(self) -> Mode:
        return self.core.world.mode

    @property
    def has_turns_under_way(self) -> bool:
        """Whether something waits for its turn or for the disk: a feed then gives the loop back after each event."""
        return bool(self._inbox or self._undurable)

    def now_ns(self) -> int:
        return self.clock.wall_ns()

    async def open(self, journal: Journal) -> None:
        """Takes the log over (first facts of this process), then lets venues and time in."""
        self._loop = asyncio.get_running_loop()
        self._thread_id = threading.get_ident()
        self.journal = journal
        await self.ask(self.start)
        for venue in self.venues.values():
            await venue.start(self.on_report, self.on_book)
        if self.host is not None:
            await self.host.start(self.on_books)
        self._look_at_venues()
        if self.queue is not None:
            await self.queue.start(self.on_found)
        self._spawn(self._tick_for_ever())
        self.is_ready = True

    async def close(self, drain_s: float) -> None:
        """Refuses new orders, gives live children `drain_s` to end, then stops venues and the clock."""
        self.is_draining = True
        assert self._loop is not None
        if self.queue is not None:
            await self.queue.stop()  # what was away is planned here, and its children are part of the drain
        if not self._is_broken:
            await self.ask(Drain())  # what rests would be left alone, and what is reserved be asked about
        deadline_s = self._loop.time() + drain_s
        while self.ledger.n_to_drain and self._loop.time() < deadline_s:  # noqa: ASYNC110 - bounded drain
            await asyncio.sleep(TICK_S)
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self.host is not None:
            await self.host.stop()
        for venue in self.venues.values():
            await venue.stop()
        while self._inbox:  # noqa: ASYNC110 - what the venues said when they were stopped
            await asyncio.sleep(0)
        if not self._is_broken:
            await self.durable()
        self.is_ready = False

    # in

    async def ask(self, item: Input) -> Reply:
        """`item` takes part in the next turn; returns once durable. Raises the BestexError of a refusal."""
        if type(item) in NEW_ORDERS:
            self._refuse_when_full()
        assert self._loop is not None
        asker: asyncio.Future[Reply] = self._loop.create_future()
        self._put(item, asker)
        reply = await asker
        if isinstance(reply, Failed):
            try:  # without the turn's frames, which hold the market of that instant
                raise reply.error.with_traceback(None)
            finally:
                del reply, asker  # or the error would hold itself by its own traceback
        return reply

    def _refuse_when_full(self) -> None:
        if self.is_draining or not self.is_ready:
            raise Unavailable("shutting_down", "The service is starting or stopping; nothing was placed.")
        has_room = self.journal is not None and self.journal.free_facts - self._n_held_facts >= MIN_FREE_FACTS
        is_late = len(self._inbox) >= MAX_WAITING_INPUTS or len(self._undurable) >= MAX_UNDURABLE_TURNS
        if not has_room or is_late or self.is_behind:
            raise Unavailable("storage_degraded", "Storage cannot keep up; nothing was placed.")

    def on_report(self, report: ExecutionReport) -> None:
        """A venue's word; venues call this on the loop. It reaches a turn whatever a listener does."""
        self._put(Report(report), None)
        self._tell(self._report_listeners, report)

    def on_found(self, order_id: str, wave: int, words: memoryview | None) -> None:
        """A search that was sent away; the queue calls this on the loop."""
        self._put(Found(order_id, wave, words), None)

    def on_book(self, book: BookSnapshot | BookDelta) -> None:
        """A venue's book; goes to the board at once. A book of what is not listed is told and left."""
        if (book.venue, book.symbol) not in self.core.world.universe.instruments:
            observe.book_received(book.venue, book.symbol, is_good=False)
            return
        self.market.take(book)
        if self.core.is_awaited(book.symbol) and self.core.is_reached(
            book.symbol, *self.market.board.touch(book.venue, book.symbol)
        ):
            self._reached(book.symbol)
        if self._book_listeners:
            self._tell(self._book_listeners, book)

    def on_books(self, changed: Sequence[tuple[str, str]]) -> None:
        """Books that venue processes have written to the shared board; who listens sees what the board holds now."""
        for venue, symbol in changed:
            self.market.note(venue, symbol)
            if self.core.is_awaited(symbol) and self.core.is_reached(symbol, *self.market.board.best(venue, symbol)):
                self._reached(symbol)
            if self._book_listeners:
                self._tell(self._book_listeners, self.market.told(venue, symbol, self.clock.wall_ns()))

    def _tell(self, listeners: Sequence[Callable[[_T], None]], what: _T) -> None:
        """Tells every listener. One that breaks is our bug and has missed what nobody tells again: the process ends."""
        try:
            for listener in listeners:
                listener(what)
        except Exception as error:  # noqa: BLE001 - a process rim: venues and the journal must not see it
            self.on_fatal(error)

    def _put(self, item: Input, asker: asyncio.Future[Reply] | None) -> None:
        self._inbox.append((item, asker))
        if not self._is_scheduled:
            assert self._loop is not None
            self._is_scheduled = True
            self._loop.call_soon(self._run_scheduled)

    def _reached(self, symbol: str) -> None:
        """An order waits for this book: its turn is now, once in a pass of the loop, and never while one is let out."""
        has_to_wait = self._is_scheduled or self._is_leaving
        self._put(BookReached(symbol), None)
        try:
            if not has_to_wait:
                self._run_turn()  # what else comes in this pass has the turn that is scheduled
        except Exception as error:  # noqa: BLE001 - a process rim: a feed must not take our bug for its own
            self._break(error)

    async def _tick_for_ever(self) -> None:
        for n in count(1):
            await asyncio.sleep(TICK_S)
            if n % HEALTH_EVERY_TICKS == 0:
                self._look_at_venues()
            self._put(Tick(), None)

    def _look_at_venues(self) -> None:
        """Asks every venue how it is: what is not up gets no new child from the next turn on, and may be left alone."""
        for venue_id, venue in self.venues.items():
            health = venue.health()
            before = self.venue_health.get(venue_id)
            self.venue_health[venue_id] = health
            if health.state is not (before.state if before is not None else VenueState.UP):
                observe.venue_state_changed(health)
        self.core.memory.unreachable = {v for v, h in self.venue_health.items() if h.state is not VenueState.UP}

    # one turn

    def _run_scheduled(self) -> None:
        self._is_scheduled = False
        if self._inbox:
            self._run_turn()

    def _run_turn(self) -> None:
        if self._is_broken:
            self._inbox.clear()
            return
        taken = [self._inbox.popleft() for _ in range(min(len(self._inbox), MAX_TURN_INPUTS))]
        if self._inbox and not self._is_scheduled:
            self._is_scheduled = True
            assert self._loop is not None
            self._loop.call_soon(self._run_scheduled)
        try:
            turn = self.core.turn([item for item, _ in taken], self.clock.wall_ns())
            is_awaited = bool(turn.commands)
            if turn.n_reserved:
                self._send_ahead(turn)
        except Exception as error:  # noqa: BLE001 - memory may now differ from the log: the process must end
            self._break(error)
            return
        askers = [asker for _, asker in taken]
        is_awaited = is_awaited or any(asker is not None and type(item) not in PATIENT for item, asker in taken)
        self._undurable.append(_Waiting(self.ledger.seq, turn, askers))
        if turn.facts:
            self._held.append(turn)
            self._n_held_facts += len(turn.facts)
        self._commit_in_time(is_awaited=is_awaited)
        assert self.journal is not None
        self.on_durable(self.journal.durable_seq)

    def _send_ahead(self, turn: Turn) -> None:
        """Lets children out before their own facts are durable, where those that reserved them are (docs/adr/0063)."""
        sending = [command for command in turn.commands if isinstance(command, SendChild)]
        if turn.n_reserved < len(turn.commands) or len(sending) < len(turn.commands):
            return
        undurable = chain(turn.facts, *(waiting.turn.facts for waiting in self._undurable))
        if may_leave_ahead({command.approved.value.order_id for command in sending}, undurable):
            turn.commands, self._is_leaving = [], True
            for command in sending:
                self._perform(command)
            self._is_leaving = False

    def _commit_in_time(self, *, is_awaited: bool) -> None:
        """Sees to it that what is held goes to the journal: now, or after the ride."""
        if not self._held:
            return
        if is_awaited or self._n_held_facts >= MAX_HELD_FACTS:
            self._commit()
        elif self._commit_timer is None:
            assert self._loop is not None
            self._commit_timer = self._loop.call_later(RIDE_S, self._commit)

    def _commit(self) -> None:
        """Hands every held turn to the journal, as one group."""
        assert self._loop is not None and self.journal is not None
        if self._commit_timer is not None:
            self._commit_timer.cancel()
        held, self._held, self._n_held_facts, self._commit_timer = self._held, [], 0, None
        if not held:
            return
        facts = held[0].facts if len(held) == 1 else [fact for turn in held for fact in turn.facts]
        receipts = held[0].receipts if len(held) == 1 else [receipt for turn in held for receipt in turn.receipts]
        try:
            self.journal.append(facts, receipts)
        except Exception as error:  # noqa: BLE001 - memory may now differ from the log: the process must end
            while self._undurable and self._undurable[-1].seq >= facts[0].seq:
                self._undurable.pop()  # never let out
            self._break(error)
            return
        self.on_durable(self.journal.durable_seq)  # a journal may commit at once

    def _break(self, error: BaseException) -> None:
        """No turn follows one that failed, however long the process takes to end."""
        self._is_broken = True
        self._held.clear()
        self.on_fatal(error)

    def on_durable(self, durable_seq: int) -> None:
        """Lets out, in order, every turn whose facts are synced. Belongs to the loop's thread."""
        facts: list[Fact] = []
        self._is_leaving = True
        while self._undurable and self._undurable[0].seq <= durable_seq:
            waiting = self._undurable.popleft()
            self._let_out(waiting)
            facts += waiting.turn.facts
        self._is_leaving = False
        if facts:
            self._tell(self._fact_listeners, facts)

    def on_durable_from_thread(self, durable_seq: int) -> None:
        """The journal calls this from its writer's thread, or within `append`: then what may leave leaves at once."""
        if threading.get_ident() == self._thread_id:
            self.on_durable(durable_seq)
        elif self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self.on_durable, durable_seq)

    def _let_out(self, waiting: _Waiting) -> None:
        turn = waiting.turn
        for command in turn.commands:
            self._perform(command)
        for asker, reply in zip(waiting.askers, turn.replies, strict=True):
            if asker is not None and not asker.done():
                asker.set_result(reply)
        observe.orders_accepted([r.fact for r in turn.replies if type(r) is Accepted and not r.is_replay])
        if turn.facts:
            alarm(turn.facts, self.ledger)

    # out

    def _perform(self, command: Command) -> None:
        if isinstance(command, SendChild) and command.delay_ns and self._loop is not None:
            self._loop.call_later(command.delay_ns * 1e-9, self._send_soon, command)  # its siblings go further
        elif isinstance(command, SendChild):
            self._send_soon(command)
        elif isinstance(command, CancelChild):
            self._spawn(self._ask_venue(command.child, "cancel"))
        elif isinstance(command, AskQuote):
            self._spawn(self._ask_quote(command))
        elif isinstance(command, SearchAway):
            if self.queue is None or not self.queue.offer(command.job):
                self.on_found(command.job.order_id, command.job.wave, None)
        elif isinstance(command, Recall):
            assert self.on_recall is not None
            self.on_recall(command)
        else:
            self._spawn(self._ask_venue(command.child, "query"))

    def _stop_at_gate(self, child: ChildOrder, why: str) -> None:
        """The child never left: our own proof that it is dead."""
        observe.child_stopped_at_gate(child)
        self.on_report(
            ExecutionReport(ReportKind.REJECTED, child.venue, child.client_id, code="not_sent", evidence=f"local:{why}")
        )

    def _send_soon(self, command: SendChild) -> None:
        """A prompt venue takes its child now: no task, nor anything that the loop has to do, delays the bytes."""
        sending, venue = self._send(command), command.approved.value.venue
        if not self.venues[venue].is_prompt:
            self._spawn(sending)
        elif not runs_whole(sending):
            self.on_fatal(InvariantBroken(venue=venue, reason="a prompt venue waited"))

    async def _send(self, command: SendChild) -> None:
        """Looks at the last gate and hands over without a pause between, so that nothing overtakes a kill switch."""
        child = command.approved.value
        if why := self.core.why_stopped(child, self.clock.wall_ns()):
            self._stop_at_gate(child, why)
            return
        try:
            await self.venues[child.venue].send(command.approved)
        except Exception as error:  # noqa: BLE001 - a process rim: whatever broke, the outcome is not proven
            observe.venue_call_failed(child.venue, "send", error)
            self.on_report(ExecutionReport(ReportKind.UNKNOWN, child.venue, child.client_id, code=type(error).__name__))

    async def _ask_venue(self, child: ChildOrder, what: str) -> None:
        """A cancel, or the question what became of `child`."""
        try:
            venue = self.venues[child.venue]
            await (venue.cancel(child) if what == "cancel" else venue.query(child))
        except Exception as error:  # noqa: BLE001 - a process rim: what is unproven or unanswered is asked again
            observe.venue_call_failed(child.venue, what, error)

    async def _ask_quote(self, command: AskQuote) -> None:
        self._put(Quoted(command.order_id, await quote_of(self.venues[command.request.venue], command.request)), None)

    def _spawn(self, work: object) -> None:
        assert self._loop is not None
        task: asyncio.Task[None] = self._loop.create_task(work)  # type: ignore[arg-type]
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        """Venues' failures are taken where they happen: what ends a task is our own bug, and the shard stops."""
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._break(error)

    def add_listener(self, listener: FactListener) -> None:
        """`listener` gets every durable batch, in sequence order, on the loop."""
        self._fact_listeners.append(listener)

    def add_report_listener(self, listener: ReportListener) -> None:
        self._report_listeners.append(listener)

    def add_book_listener(self, listener: BookListener) -> None:
        self._book_listeners.append(listener)

    async def durable(self) -> None:
        """Waits until everything decided so far is durable: at most one group commit."""
        if self._undurable and self._loop is not None:
            asker: asyncio.Future[Reply] = self._loop.create_future()
            self._undurable.append(_Waiting(self.ledger.seq, Turn(replies=[Done()]), [asker]))
            self._commit_in_time(is_awaited=True)
            await asker

    def preview(self, order: ParentOrder, mode: Mode) -> Preview:
        """What would happen to `order` now; no fact, no venue call."""
        return self.core.preview(order, mode, self.clock.wall_ns())

    def books(self, symbol: str) -> SymbolBooks:
        return self.market.board.read(symbol)

    async def open_client_ids(self) -> dict[str, list[str] | None]:
        """Each venue's own list of open client ids; None where it could not be asked. All are asked at once."""
        return dict(zip(self.venues, await asyncio.gather(*map(open_client_ids, self.venues.values())), strict=True))

    def health(self) -> EngineHealth:
        durable_seq, ages_ns = self.journal.durable_seq if self.journal else 0, self.market.book_age_ns(self.now_ns())
        return health_of(self.core, durable_seq, len(self._inbox), ages_ns, is_draining=self.is_draining)
