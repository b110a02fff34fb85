"""The simulated venues as their own process: `python -m app.venues.process --dir D --port P --seed S`.

It outlives every gateway; its ledgers are what really happened. Each gateway connection speaks of one venue. On a new
connection nothing is repeated but books: a gateway that wants to know, asks.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import signal
import sys
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Final

import msgspec

from app import observe
from app.domain.book import BookDelta, BookSnapshot
from app.domain.errors import Unavailable
from app.domain.fills import ExecutionReport
from app.domain.trade import TradePrint
from app.venues.base import quote_at
from app.venues.clock import SystemClock
from app.venues.exchange import PaperExchange
from app.venues.paper import BASIC, make_exchanges
from app.venues.registry import UNLIT, load_universe
from app.venues.wire import (
    MAX_LINE_BYTES,
    WIRE_VERSION,
    YIELD_EVERY,
    Answer,
    BookMessage,
    CancelChild,
    Hello,
    OpenAnswer,
    OpenAsk,
    Problem,
    QueryChild,
    QuoteAnswer,
    QuoteAsk,
    ReportMessage,
    Request,
    SendChild,
    SetFaults,
    StatementAnswer,
    StatementAsk,
    TradesMessage,
    Welcome,
    decode_request,
    encode,
)

# A slow reader misses books first; one that does not read at all is cut off and will ask when it is back.
_SKIP_BOOKS_BYTES: Final = 256 << 10
_CUT_OFF_BYTES: Final = 16 << 20
_HELLO_TIMEOUT_S: Final = 5.0


@dataclass(frozen=True, slots=True)
class ServeOptions:
    """`port` 0 takes a free one; `family` of the simulated market; `may_fail` lets a client switch faults (tests)."""

    directory: Path
    port: int
    seed: int
    host: str = "127.0.0.1"
    family: str = BASIC
    may_fail: bool = False


async def serve(options: ServeOptions, on_ready: Callable[[int], None]) -> None:
    """Runs every simulated venue until canceled; `on_ready(port)` is called once it listens.

    Raises Unavailable where another process holds the ledgers, OSError where the port is taken.
    """
    clock = SystemClock()
    exchanges = make_exchanges(
        load_universe(unlit=UNLIT), clock, options.directory, options.seed, family=options.family
    )
    try:
        for exchange in exchanges.values():
            exchange.open()
        connections = _Connections(exchanges, may_fail=options.may_fail)
        server = await asyncio.start_server(connections.serve_one, options.host, options.port, limit=MAX_LINE_BYTES)
        try:
            on_ready(server.sockets[0].getsockname()[1])
            await asyncio.Event().wait()
        finally:
            server.close()
            await connections.close()
    finally:
        for exchange in exchanges.values():
            await exchange.close()


class _Connections:
    """All gateways' connections."""

    def __init__(self, exchanges: Mapping[str, PaperExchange], *, may_fail: bool) -> None:
        self._exchanges = exchanges
        self._may_fail = may_fail
        self._writers: dict[asyncio.Task[None], asyncio.StreamWriter] = {}

    async def serve_one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection from its first line to its end; whatever breaks it breaks nothing else."""
        task = asyncio.current_task()
        assert task is not None
        self._writers[task] = writer
        try:
            await self._talk(reader, writer)
        except (OSError, EOFError, TimeoutError, ValueError, msgspec.DecodeError) as error:
            # ValueError: a line longer than MAX_LINE_BYTES.
            if not isinstance(error, EOFError | ConnectionError):
                observe.venue_call_failed("simulated", "connection", error)
        finally:
            del self._writers[task]
            writer.close()

    async def close(self) -> None:
        """Hangs up on everybody; each connection ends by itself, as if the other side had gone."""
        tasks = list(self._writers)
        for writer in self._writers.values():
            writer.transport.abort()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        hello = decode_request(await asyncio.wait_for(reader.readuntil(b"\n"), _HELLO_TIMEOUT_S))
        exchange = self._exchanges.get(hello.venue) if isinstance(hello, Hello) else None
        if exchange is None or not isinstance(hello, Hello) or hello.v != WIRE_VERSION:
            writer.write(encode(Problem(f"expected hello v{WIRE_VERSION} of a venue here")))
            return
        connection = _Connection(exchange, writer, may_fail=self._may_fail)
        detach = exchange.attach(connection.on_report, connection.on_book, connection.on_trades)
        try:
            connection.say(Welcome(hello.venue))
            for n in count(1):
                connection.obey(decode_request(await reader.readuntil(b"\n")))
                if n % YIELD_EVERY == 0:
                    await asyncio.sleep(0)
        finally:
            detach()
            connection.forget()


class _Connection:
    """One gateway's line to one venue."""

    def __init__(self, exchange: PaperExchange, writer: asyncio.StreamWriter, *, may_fail: bool) -> None:
        self._exchange = exchange
        self._writer = writer
        self._may_fail = may_fail
        self._asks: set[asyncio.Task[None]] = set()

    def say(self, answer: Answer) -> None:
        if self._writer.transport.get_write_buffer_size() > _CUT_OFF_BYTES:
            self._writer.transport.abort()
            return
        self._writer.write(encode(answer))

    def on_report(self, report: ExecutionReport) -> None:
        self.say(ReportMessage(report))

    def on_book(self, book: BookSnapshot | BookDelta) -> None:
        if self._writer.transport.get_write_buffer_size() <= _SKIP_BOOKS_BYTES:
            self.say(BookMessage(book.symbol, book.book_seq, book.venue_ts_ns, book.bids, book.asks))

    def on_trades(self, trades: Sequence[TradePrint]) -> None:
        if self._writer.transport.get_write_buffer_size() <= _SKIP_BOOKS_BYTES:
            self.say(TradesMessage(self._exchange.venue_id, tuple(trades)))

    def obey(self, request: Request) -> None:
        match request:
            case SendChild():
                self._send(request)
            case CancelChild():
                self._exchange.cancel(request.child)
            case QueryChild():
                self._exchange.query(request.child)
            case OpenAsk():
                self._spawn(self._answer_open(request.ask_n))
            case StatementAsk():
                self._spawn(self._answer_statement(request.ask_n, request.account))
            case QuoteAsk():
                self._spawn(self._answer_quote(request))
            case SetFaults() if self._may_fail:
                self._exchange.set_faults(request.faults)
            case _:
                self.say(Problem(f"not obeyed: {type(request).__name__}"))

    def forget(self) -> None:
        for task in list(self._asks):
            task.cancel()

    def _send(self, request: SendChild) -> None:
        """The proof is looked at on this side of the border too."""
        if request.child.venue != self._exchange.venue_id or request.limits_version < 1 or request.decision_seq < 1:
            self.say(Problem(f"not approved: {request.child.client_id}"))
            return
        self._exchange.submit(request.child, request.limits_version, request.decision_seq)

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._asks.add(task)
        task.add_done_callback(self._asks.discard)

    async def _answer_statement(self, ask_n: int, account: str) -> None:
        try:
            statement = await self._exchange.statement(account)
        except Unavailable:
            self.say(StatementAnswer(ask_n, None))
            return
        self.say(StatementAnswer(ask_n, statement))

    async def _answer_quote(self, ask: QuoteAsk) -> None:
        self.say(QuoteAnswer(ask.ask_n, await quote_at(self._exchange, ask.request)))

    async def _answer_open(self, ask_n: int) -> None:
        try:
            client_ids = tuple(await self._exchange.open_client_ids())
        except Unavailable:
            self.say(OpenAnswer(ask_n, is_known=False, client_ids=()))
            return
        self.say(OpenAnswer(ask_n, is_known=True, client_ids=client_ids))


async def serve_until_signal(options: ServeOptions, on_ready: Callable[[int], None]) -> None:
    """`serve`, ended in order by SIGINT or SIGTERM."""
    loop = asyncio.get_running_loop()
    work = asyncio.ensure_future(serve(options, on_ready))
    for name in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(name, work.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        await work


def _say_ready(port: int) -> None:
    sys.stdout.write(f"ready {port}\n")
    sys.stdout.flush()


def main() -> None:
    """The process: prints `ready PORT` once it listens."""
    parser = argparse.ArgumentParser(prog="app.venues.process", description="Simulated venues in their own process.")
    parser.add_argument("--dir", type=Path, required=True, help="where the ledgers are")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--may-fail", action="store_true", help="clients may switch faults (tests)")
    given = parser.parse_args()
    options = ServeOptions(given.dir, given.port, given.seed, may_fail=given.may_fail)
    try:
        asyncio.run(serve_until_signal(options, _say_ready))
    except (Unavailable, OSError) as error:
        sys.exit(f"simulated venues: {error}")


if __name__ == "__main__":
    main()
