"""Venues behind a socket: the gateway's side of `bestex venues serve`.

Nothing is ever sent twice. What was not written is proof that it never left; what was written and not answered before
the connection ended is UNKNOWN, and the engine asks.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from dataclasses import replace
from itertools import count
from typing import Final

import msgspec

from app import observe
from app.domain.book import BookSnapshot
from app.domain.errors import InvariantBroken, Unavailable
from app.domain.fills import ExecutionReport, ReportKind
from app.domain.orders import ChildOrder
from app.domain.ports import BookSink, Clock, ReportSink
from app.domain.statement import VenueHealth, VenueState, VenueStatement
from app.domain.universe import Universe
from app.venues.base import VenueBase
from app.venues.faults import Faults
from app.venues.wire import (
    MAX_LINE_BYTES,
    YIELD_EVERY,
    Answer,
    BookMessage,
    CancelChild,
    Hello,
    OpenAnswer,
    OpenAsk,
    Problem,
    QueryChild,
    ReportMessage,
    Request,
    SendChild,
    SetFaults,
    StatementAnswer,
    StatementAsk,
    Welcome,
    decode_answer,
    encode,
)

_CONNECT_TIMEOUT_S: Final = 2.0
_START_TIMEOUT_S: Final = 1.0
_FIRST_BACKOFF_S: Final = 0.05
_MAX_BACKOFF_S: Final = 1.0
_ANSWER_TIMEOUT_S: Final = 1.0
# Beyond this much unread by the venue, a send is refused here instead of queued behind it.
_MAX_UNWRITTEN_BYTES: Final = 4 << 20
_ENDS: Final = frozenset({ReportKind.CANCELED, ReportKind.EXPIRED, ReportKind.REJECTED, ReportKind.NOT_FOUND})


class RemoteVenue(VenueBase):
    """One venue over TCP; it reconnects by itself for as long as it is started."""

    def __init__(self, venue_id: str, clock: Clock, host: str, port: int) -> None:
        super().__init__(venue_id, clock)
        self._address = (host, port)
        self._on_report: ReportSink | None = None
        self._on_book: BookSink | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._connected = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._in_flight: dict[str, int] = {}  # client id -> lots of the whole order
        self._asks: dict[int, asyncio.Future[OpenAnswer | StatementAnswer]] = {}
        self._n_asks = 0
        self._since_ns = clock.wall_ns()  # of the connection, or of its absence

    @property
    def is_connected(self) -> bool:
        return self._connected.is_set()

    async def start(self, on_report: ReportSink, on_book: BookSink) -> None:
        """Starts connecting, and waits a little for the first success; a venue that is away joins later."""
        self._on_report, self._on_book = on_report, on_book
        self._task = asyncio.get_running_loop().create_task(self._connect_for_ever())
        self._task.add_done_callback(self._ended)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._connected.wait(), _START_TIMEOUT_S)

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    async def _transmit(self, child: ChildOrder, limits_version: int, decision_seq: int) -> None:
        if not self._may_write():
            self._report(
                ExecutionReport(
                    ReportKind.REJECTED,
                    self.venue_id,
                    child.client_id,
                    code="not_sent",
                    text="No connection to the venue; nothing was written.",
                    evidence="local:not_connected",
                )
            )
            return
        self._in_flight[child.client_id] = child.qty_lots
        self._write(SendChild(child, limits_version, decision_seq))

    async def cancel(self, child: ChildOrder) -> None:
        """Raises Unavailable without a connection: the wish never left."""
        self._write_or_raise(CancelChild(child))

    async def query(self, child: ChildOrder) -> None:
        """Raises Unavailable without a connection: the question never left."""
        self._write_or_raise(QueryChild(child))

    async def open_client_ids(self) -> Sequence[str]:
        """Raises Unavailable where the venue does not answer within a second."""
        answer = await self._asked(OpenAsk(self._next_ask()))
        if not isinstance(answer, OpenAnswer) or not answer.is_known:
            raise Unavailable("venue_unavailable", f"{self.venue_id} does not answer.")
        return answer.client_ids

    async def statement(self, account: str) -> VenueStatement:
        """Raises Unavailable where the venue does not answer within a second."""
        answer = await self._asked(StatementAsk(self._next_ask(), account))
        if not isinstance(answer, StatementAnswer) or answer.statement is None:
            raise Unavailable("venue_unavailable", f"{self.venue_id} does not answer.")
        return answer.statement

    def health(self) -> VenueHealth:
        """Up while connected."""
        if self.is_connected:
            return VenueHealth(self.venue_id, VenueState.UP, since_ts_ns=self._since_ns)
        return VenueHealth(self.venue_id, VenueState.DOWN, "not connected", self._since_ns)

    def _next_ask(self) -> int:
        self._n_asks += 1
        return self._n_asks

    async def _asked(self, ask: OpenAsk | StatementAsk) -> OpenAnswer | StatementAnswer:
        """The answer to one numbered question. Raises Unavailable without a connection and without an answer."""
        self._write_or_raise(ask)
        answer: asyncio.Future[OpenAnswer | StatementAnswer] = asyncio.get_running_loop().create_future()
        self._asks[ask.ask_n] = answer
        try:
            return await asyncio.wait_for(answer, _ANSWER_TIMEOUT_S)
        except TimeoutError:
            raise Unavailable("venue_unavailable", f"{self.venue_id} does not answer.") from None
        finally:
            self._asks.pop(ask.ask_n, None)

    async def set_faults(self, faults: Faults) -> None:
        """Switches faults at a venue process that allows it; raises Unavailable without a connection."""
        self._write_or_raise(SetFaults(faults))

    # connection

    async def _connect_for_ever(self) -> None:
        backoff_s = _FIRST_BACKOFF_S
        while True:
            try:
                reader, writer = await asyncio.wait_for(
                    asyncio.open_connection(*self._address, limit=MAX_LINE_BYTES), _CONNECT_TIMEOUT_S
                )
            except (OSError, TimeoutError) as error:
                if backoff_s == _FIRST_BACKOFF_S:  # once an outage is enough
                    observe.venue_call_failed(self.venue_id, "connect", error)
            else:
                if await self._live(reader, writer):
                    backoff_s = _FIRST_BACKOFF_S
            await asyncio.sleep(backoff_s)
            backoff_s = min(2 * backoff_s, _MAX_BACKOFF_S)

    async def _live(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """One connection, from hello to its end; whether the venue ever welcomed us."""
        was_welcome = False
        self._writer = writer
        self._write(Hello(self.venue_id))
        try:
            for n in count(1):
                self._take(decode_answer(await reader.readuntil(b"\n")))
                was_welcome = self._connected.is_set()
                if n % YIELD_EVERY == 0:
                    await asyncio.sleep(0)
        except (OSError, EOFError, ValueError, msgspec.DecodeError) as error:
            observe.venue_call_failed(self.venue_id, "connection", error)
        finally:
            self._lose()
            writer.close()
        return was_welcome

    def _ended(self, task: asyncio.Task[None]) -> None:
        error = None if task.cancelled() else task.exception()
        if error is not None:
            observe.venue_call_failed(self.venue_id, "adapter", error)

    def _lose(self) -> None:
        """The connection is gone: nothing is proven about anything that was under way."""
        self._writer = None
        if self._connected.is_set():
            self._connected.clear()
            self._since_ns = self._clock.wall_ns()
        in_flight, self._in_flight = self._in_flight, {}
        for client_id in in_flight:
            self._report(
                ExecutionReport(
                    ReportKind.UNKNOWN,
                    self.venue_id,
                    client_id,
                    code="connection_lost",
                    evidence="local:connection_lost",
                )
            )
        for answer in self._asks.values():
            if not answer.done():
                answer.set_exception(Unavailable("venue_unavailable", f"{self.venue_id}: connection lost."))

    def _take(self, answer: Answer) -> None:
        match answer:
            case BookMessage():
                assert self._on_book is not None
                now_ns = self._clock.wall_ns()
                self._on_book(
                    BookSnapshot(
                        self.venue_id,
                        answer.symbol,
                        answer.book_seq,
                        answer.venue_ts_ns,
                        now_ns,
                        answer.bids,
                        answer.asks,
                    )
                )
            case ReportMessage():
                self._note_end(answer.report)
                self._report(answer.report)
            case OpenAnswer() | StatementAnswer():
                waiting = self._asks.get(answer.ask_n)
                if waiting is not None and not waiting.done():
                    waiting.set_result(answer)
            case Welcome():
                self._since_ns = self._clock.wall_ns()
                self._connected.set()
            case Problem():
                # Our bug, on either side. The child it was about stays silent, hence unknown, hence asked about.
                problem = InvariantBroken(venue=self.venue_id, problem=answer.text)
                observe.venue_call_failed(self.venue_id, "problem", problem)

    def _note_end(self, report: ExecutionReport) -> None:
        is_filled = report.kind is ReportKind.FILLED and report.cum_qty_lots == self._in_flight.get(report.client_id)
        if is_filled or report.kind in _ENDS:
            self._in_flight.pop(report.client_id, None)

    def _report(self, report: ExecutionReport) -> None:
        assert self._on_report is not None
        self._on_report(replace(report, received_ts_ns=self._clock.wall_ns()))

    def _may_write(self) -> bool:
        writer = self._writer
        return (
            writer is not None
            and self._connected.is_set()
            and not writer.transport.is_closing()
            and writer.transport.get_write_buffer_size() <= _MAX_UNWRITTEN_BYTES
        )

    def _write_or_raise(self, request: Request) -> None:
        if not self._may_write():
            raise Unavailable("venue_unavailable", f"{self.venue_id} is not connected.")
        self._write(request)

    def _write(self, request: Request) -> None:
        assert self._writer is not None
        self._writer.write(encode(request))


def connect_venues(universe: Universe, clock: Clock, host: str, port: int) -> dict[str, RemoteVenue]:
    """Every venue of `universe` behind one `bestex venues serve`; nothing connects before each is started."""
    return {venue_id: RemoteVenue(venue_id, clock, host, port) for venue_id in universe.venues}
