"""Venues behind a socket: the gateway's side of `bestex venues serve`. What is proven and when: dialogue.py."""

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
from app.domain.errors import InvariantBroken
from app.domain.orders import ChildOrder
from app.domain.ports import BookSink, Clock, ReportSink, TradesSink
from app.domain.quotes import Quote, QuoteRequest
from app.domain.statement import VenueHealth, VenueState, VenueStatement
from app.domain.universe import Universe
from app.venues.base import VenueBase
from app.venues.dialogue import Dialogue
from app.venues.faults import Faults
from app.venues.outgoing import write_now
from app.venues.wire import (
    MAX_LINE_BYTES,
    YIELD_EVERY,
    Answer,
    BookMessage,
    HealthMessage,
    Hello,
    OpenAnswer,
    Problem,
    QuoteAnswer,
    ReportMessage,
    Request,
    StatementAnswer,
    TradesMessage,
    Welcome,
    decode_answer,
    encode,
)

_CONNECT_TIMEOUT_S: Final = 2.0
_START_TIMEOUT_S: Final = 1.0
_FIRST_BACKOFF_S: Final = 0.05
_MAX_BACKOFF_S: Final = 1.0
# Beyond this much unread by the venue, a send is refused here instead of queued behind it.
_MAX_UNWRITTEN_BYTES: Final = 4 << 20


class RemoteVenue(VenueBase):
    """One venue over TCP; it reconnects by itself for as long as it is started."""

    is_prompt = True

    def __init__(self, venue_id: str, clock: Clock, host: str, port: int) -> None:
        super().__init__(venue_id, clock)
        self._address = (host, port)
        self._on_book: BookSink | None = None
        self._on_trades: TradesSink = lambda trades: None
        self._writer: asyncio.StreamWriter | None = None
        self._connected = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._dialogue = Dialogue(venue_id, clock, self._line)
        self._since_ns = clock.wall_ns()  # of the connection, or of its absence

    @property
    def is_connected(self) -> bool:
        return self._connected.is_set()

    shows_own_trades = False

    def watch_trades(self, on_trades: TradesSink) -> Sequence[str]:
        """What the far side has a flow for shows once it comes."""
        self._on_trades = on_trades
        return ()

    async def start(self, on_report: ReportSink, on_book: BookSink) -> None:
        """Starts connecting, and waits a little for the first success; a venue that is away joins later."""
        self._dialogue.on_report, self._on_book = on_report, on_book
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
        self._dialogue.transmit(child, limits_version, decision_seq)

    async def cancel(self, child: ChildOrder) -> None:
        self._dialogue.cancel(child)

    async def query(self, child: ChildOrder) -> None:
        self._dialogue.query(child)

    async def open_client_ids(self) -> Sequence[str]:
        return await self._dialogue.open_client_ids()

    async def statement(self, account: str) -> VenueStatement:
        return await self._dialogue.statement(account)

    async def quote(self, request: QuoteRequest) -> Quote:
        return await self._dialogue.quote(request)

    async def set_faults(self, faults: Faults) -> None:
        self._dialogue.set_faults(faults)

    def health(self) -> VenueHealth:
        """Up while connected."""
        if self.is_connected:
            return VenueHealth(self.venue_id, VenueState.UP, since_ts_ns=self._since_ns)
        return VenueHealth(self.venue_id, VenueState.DOWN, "not connected", self._since_ns)

    def write(self, request: Request) -> bool:
        """The dialogue's line: takes a request unless the venue reads too slowly."""
        writer = self._writer
        if writer is None or writer.transport.get_write_buffer_size() > _MAX_UNWRITTEN_BYTES:
            return False
        write_now(writer, encode(request))
        return True

    def _line(self) -> RemoteVenue | None:
        writer = self._writer
        is_open = writer is not None and self._connected.is_set() and not writer.transport.is_closing()
        return self if is_open else None

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
        writer.write(encode(Hello(self.venue_id)))
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
        self._dialogue.lose("connection_lost")

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
            case TradesMessage():
                now_ns = self._clock.wall_ns()
                self._on_trades([replace(trade, received_ts_ns=now_ns) for trade in answer.trades])
            case ReportMessage():
                self._dialogue.take_report(answer.report)
            case OpenAnswer() | StatementAnswer() | QuoteAnswer():
                self._dialogue.take_answer(answer)
            case Welcome():
                self._since_ns = self._clock.wall_ns()
                self._connected.set()
            case HealthMessage():
                pass  # of venues in a process of our own; a simulated one is up while it is connected
            case Problem():
                # Our bug, on either side. The child it was about stays silent, hence unknown, hence asked about.
                problem = InvariantBroken(venue=self.venue_id, problem=answer.text)
                observe.venue_call_failed(self.venue_id, "problem", problem)


def connect_venues(universe: Universe, clock: Clock, host: str, port: int) -> dict[str, RemoteVenue]:
    """Every venue of `universe` behind one `bestex venues serve`; nothing connects before each is started."""
    return {venue_id: RemoteVenue(venue_id, clock, host, port) for venue_id in universe.venues}
