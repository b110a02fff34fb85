"""A venue process: it alone owns the sockets of its venues, writes their books to the shared board, takes children and
gives reports. `python -m app.workers.venue_worker` reads one line of JSON, its `WorkerSpec`, from its input.

It may be killed at any instant. What it had taken and not answered is unknown to the engine, which asks its successor;
what lay unread in its pipe is not read by anybody. It ends by itself when its lifeline, a pipe whose other end only the
engine holds, is closed.
"""

from __future__ import annotations

import asyncio
import signal
import socket
import sys
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from typing import Final

import msgspec
import uvloop

from app import observe
from app.domain.book import BookDelta, BookSnapshot
from app.domain.errors import InvariantBroken, Unavailable
from app.domain.fills import ExecutionReport, ReportKind
from app.domain.ports import TradeFeed
from app.domain.statement import VenueHealth, VenueState
from app.domain.trade import TradePrint
from app.risk import gate
from app.shm.books import BookBoard
from app.shm.layout import Kind
from app.shm.link import Link, LinkBells, open_link
from app.shm.rings import Bell
from app.shm.segment import attach
from app.venues.base import VenueBase, quote_at
from app.venues.cex.direct.feed import Rows
from app.venues.clock import SystemClock
from app.venues.group import GroupSpec, VenueGroup, exchange_behind, make_group, universe_of
from app.venues.wire import (
    Addressed,
    Answer,
    CancelChild,
    HealthMessage,
    OpenAnswer,
    OpenAsk,
    Problem,
    QueryChild,
    QuoteAnswer,
    QuoteAsk,
    ReportMessage,
    SendChild,
    SetFaults,
    StatementAnswer,
    StatementAsk,
    TradesMessage,
    decode_addressed,
    encode_answer,
)

HEALTH_EVERY_S: Final = 0.1
# Of one message to the engine, which must fit its pipe.
MAX_TRADES: Final = 64
EXIT_DAMAGED: Final = 70
EXIT_NO_SIGNER: Final = 71
# Answers that the engine has not made room for. Beyond this it does not read at all, and will ask a successor.
_MAX_BACKLOG: Final = 100_000
_RETRY_S: Final = 0.002
_FIRST_PAUSE_S: Final = 0.5
_MAX_PAUSE_S: Final = 15.0


class WorkerSpec(msgspec.Struct, frozen=True):
    """Where everything is. `bells`: inherited descriptors of (worker, engine, books); `listings`: the board's rows.

    `signer`: an inherited channel to the signer, -1 for none.
    """

    group: GroupSpec
    board: str
    link: str
    bells: tuple[int, int, int]
    lifeline: int
    signer: int
    listings: tuple[tuple[str, str], ...]
    depth: int


class Worker:
    """One process's venues between the pipes and the world."""

    def __init__(self, group: VenueGroup, link: Link, board: BookBoard, *, may_fail: bool) -> None:
        self._ports, self._tokens, self._signer = group.ports, group.tokens, group.signer
        self._link = link
        self._board = board
        self._may_fail = may_fail
        self._lacks: dict[str, str] = dict.fromkeys(group.ports, "starting")
        self._backlog: deque[bytes] = deque()
        self._hears_trades = group.hears_trades
        self._trades: list[TradePrint] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._ended = asyncio.Event()
        self.exit_code = 0

    async def run(self, lifeline: int) -> int:
        """Until the engine is gone or a signal comes. Returns the exit code."""
        loop = asyncio.get_running_loop()
        loop.add_reader(lifeline, self._ended.set)
        loop.add_signal_handler(signal.SIGTERM, self._ended.set)
        loop.add_reader(self._link.to_worker.bell.fileno(), self._listen)
        for venue_id in self._ports:
            self._spawn(venue_id, self._start(venue_id))
        self._spawn("", self._tell_health_for_ever())
        self._listen()
        await self._ended.wait()
        for descriptor in (lifeline, self._link.to_worker.bell.fileno()):
            loop.remove_reader(descriptor)
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.gather(*(port.stop() for port in self._ports.values()), return_exceptions=True)
        return self.exit_code

    def _end(self, exit_code: int) -> None:
        self.exit_code = exit_code
        self._ended.set()

    def _spawn(self, venue_id: str, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)

        def ended(task: asyncio.Task[None]) -> None:
            self._tasks.discard(task)
            error = None if task.cancelled() else task.exception()
            if error is not None:
                observe.venue_call_failed(venue_id, "worker", error)

        task.add_done_callback(ended)

    # venues

    async def _start(self, venue_id: str) -> None:
        """A venue that cannot start says why and is tried again; the others go on."""
        port, pause_s = self._ports[venue_id], _FIRST_PAUSE_S
        if self._hears_trades and isinstance(port, TradeFeed):
            port.watch_trades(self._on_trades)
        while True:
            try:
                await port.start(self._on_report, self._on_book)
            except Exception as error:  # noqa: BLE001 - a process rim: one venue's failure is its own
                self._lacks[venue_id] = f"start: {error!r}"[:200]
                observe.venue_call_failed(venue_id, "start", error)
            else:
                del self._lacks[venue_id]
                return
            try:
                await port.stop()
            except Exception as error:  # noqa: BLE001 - as above: it did not start, and need not stop well
                observe.venue_call_failed(venue_id, "stop", error)
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, _MAX_PAUSE_S)

    def _health(self, venue_id: str) -> VenueHealth:
        lack = self._lacks.get(venue_id)
        return self._ports[venue_id].health() if lack is None else VenueHealth(venue_id, VenueState.DOWN, lack)

    async def _tell_health_for_ever(self) -> None:
        while True:
            if self._signer is not None and self._signer.is_lost:
                # Neither orders nor cancels nor questions leave any more; a successor gets a new channel.
                self._end(EXIT_NO_SIGNER)
                return
            self._say(HealthMessage(tuple(self._health(venue_id) for venue_id in self._ports)))
            self._tell_trades()
            await asyncio.sleep(HEALTH_EVERY_S)

    def _on_report(self, report: ExecutionReport) -> None:
        self._say(ReportMessage(report))

    def _on_trades(self, trades: Sequence[TradePrint]) -> None:
        """They wait for the next sign of life: nobody decides on a trade within a tenth of a second."""
        self._trades += trades

    def _tell_trades(self) -> None:
        by_venue: dict[str, list[TradePrint]] = {}
        for trade in self._trades:
            by_venue.setdefault(trade.venue, []).append(trade)
        self._trades.clear()
        for venue_id, trades in by_venue.items():
            for i in range(0, len(trades), MAX_TRADES):
                self._say(TradesMessage(venue_id, tuple(trades[i : i + MAX_TRADES])))

    def _on_book(self, book: BookSnapshot | BookDelta) -> None:
        if isinstance(book, BookSnapshot):
            self._board.write_snapshot(book)
        else:
            self._board.apply_delta(book)
        self._link.bells.books.ring()

    # pipes

    def _say(self, answer: Answer) -> None:
        """Nothing that was said is left out: what has no room waits, in order."""
        self._backlog.append(encode_answer(answer))
        if len(self._backlog) == 1:
            self._write_backlog()
        elif len(self._backlog) > _MAX_BACKLOG:
            self._end(EXIT_DAMAGED)

    def _write_backlog(self) -> None:
        while self._backlog:
            if not self._link.to_engine.write(self._backlog[0]):
                asyncio.get_running_loop().call_later(_RETRY_S, self._write_backlog)
                return
            self._backlog.popleft()

    def _listen(self) -> None:
        pipe = self._link.to_worker
        pipe.bell.hush()
        pipe.disarm()
        try:
            messages = pipe.read()
            for message in messages:
                self._obey(decode_addressed(message))
        except (InvariantBroken, msgspec.DecodeError) as error:
            observe.venue_call_failed("", "pipe", error)
            self._end(EXIT_DAMAGED)
            return
        if messages or not pipe.arm():
            asyncio.get_running_loop().call_soon(self._listen)

    def _obey(self, addressed: Addressed) -> None:
        venue_id, request = addressed.venue, addressed.request
        port = self._ports.get(venue_id)
        if port is None:
            self._say(Problem(f"no venue {venue_id} here"))
            return
        match request:
            case SendChild():
                self._spawn(venue_id, self._send(port, request))
            case CancelChild():
                self._spawn(venue_id, port.cancel(request.child))
            case QueryChild():
                self._spawn(venue_id, port.query(request.child))
            case OpenAsk():
                self._spawn(venue_id, self._answer_open(port, request.ask_n))
            case StatementAsk():
                self._spawn(venue_id, self._answer_statement(port, request))
            case QuoteAsk():
                self._spawn(venue_id, self._answer_quote(port, request))
            case SetFaults() if self._may_fail and (paper := exchange_behind(port)) is not None:
                paper.exchange.set_faults(request.faults)
            case _:
                self._say(Problem(f"not obeyed: {type(request).__name__}"))

    async def _send(self, port: VenueBase, request: SendChild) -> None:
        """The far end of the engine's own call. A venue that is not started yet gets nothing, which is proof."""
        child = request.child
        if port.venue_id in self._lacks:
            lack = self._lacks[port.venue_id]
            report = ExecutionReport(
                ReportKind.REJECTED, port.venue_id, child.client_id, code="not_sent", text=lack, evidence="local:not_up"
            )
            self._on_report(report)
            return
        try:
            self._tokens.put(child.client_id, request.token)
            await port.send(gate.carried(child, request.limits_version, request.decision_seq))
        except Exception as error:  # noqa: BLE001 - a process rim: whatever broke, the outcome is not proven
            observe.venue_call_failed(port.venue_id, "send", error)
            code = type(error).__name__
            self._on_report(ExecutionReport(ReportKind.UNKNOWN, port.venue_id, child.client_id, code=code))

    async def _answer_open(self, port: VenueBase, ask_n: int) -> None:
        try:
            client_ids = tuple(await port.open_client_ids())
        except Unavailable:
            self._say(OpenAnswer(ask_n, is_known=False, client_ids=(), venue=port.venue_id))
            return
        self._say(OpenAnswer(ask_n, is_known=True, client_ids=client_ids, venue=port.venue_id))

    async def _answer_statement(self, port: VenueBase, ask: StatementAsk) -> None:
        try:
            statement = await port.statement(ask.account)
        except Unavailable:
            self._say(StatementAnswer(ask.ask_n, None, port.venue_id))
            return
        self._say(StatementAnswer(ask.ask_n, statement, port.venue_id))

    async def _answer_quote(self, port: VenueBase, ask: QuoteAsk) -> None:
        quote = await quote_at(port, ask.request)
        self._say(QuoteAnswer(ask.ask_n, quote, port.venue_id))


def main(read_line: Callable[[], str] = sys.stdin.readline) -> int:
    """The process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the engine's; its end is ours
    spec = msgspec.json.decode(read_line(), type=WorkerSpec)
    bells = LinkBells(*(Bell(descriptor) for descriptor in spec.bells))
    link = open_link(attach(spec.link, Kind.LINK), bells)
    board = BookBoard(list(spec.listings), spec.depth, attach(spec.board, Kind.BOOKS).buffer)
    universe = universe_of(spec.group)
    signer = socket.socket(fileno=spec.signer) if spec.signer >= 0 else None

    async def live() -> int:
        rows = Rows(board, lambda _: link.bells.books.ring())
        group = make_group(spec.group, universe, SystemClock(), signer, rows)
        return await Worker(group, link, board, may_fail=spec.group.may_fail).run(spec.lifeline)

    return uvloop.run(live())


if __name__ == "__main__":
    sys.exit(main())
