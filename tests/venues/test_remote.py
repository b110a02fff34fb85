"""The gateway's side of a venue process: what is proven when a connection is missing, lost, or comes back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace

import pytest

from app.domain.book import BookDelta, BookSnapshot
from app.domain.enums import Side, TimeInForce
from app.domain.errors import Unavailable
from app.domain.fills import ExecutionReport, ReportKind
from app.domain.orders import Approved, ChildOrder
from app.domain.statement import VenueStatement
from app.domain.trade import TradePrint
from app.venues import wire
from app.venues.clock import SystemClock
from app.venues.registry import load_universe
from app.venues.remote import RemoteVenue, connect_venues

CHILD = ChildOrder(
    "chd", "id-1", "ord", "desk", 1, "sim_alpha", "BTC/USDT", Side.BUY, TimeInForce.IOC, 100, 5, 1, 1, 2**62
)


@dataclass
class FakeServer:
    """Welcomes, notes every request, and does only what a test tells it."""

    requests: list[wire.Request] = field(default_factory=list)
    writers: list[asyncio.StreamWriter] = field(default_factory=list)
    n_connections: int = 0
    server: asyncio.Server | None = None
    port: int = 0

    async def open(self) -> None:
        self.server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self.server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        assert self.server is not None
        self.server.close()
        self.drop()
        await asyncio.sleep(0)

    def drop(self) -> None:
        """Cuts every connection."""
        for writer in self.writers:
            writer.transport.abort()
        self.writers.clear()

    def say(self, *answers: wire.Answer) -> None:
        self.writers[-1].write(b"".join(wire.encode(answer) for answer in answers))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.n_connections += 1
        self.writers.append(writer)
        try:
            while True:
                request = wire.decode_request(await reader.readuntil(b"\n"))
                if isinstance(request, wire.Hello):
                    writer.write(wire.encode(wire.Welcome(request.venue)))
                self.requests.append(request)
        except (EOFError, OSError):
            writer.close()


@dataclass
class Link:
    server: FakeServer
    venue: RemoteVenue
    reports: list[ExecutionReport] = field(default_factory=list)
    books: list[BookSnapshot | BookDelta] = field(default_factory=list)

    async def send(self, child: ChildOrder) -> None:
        await self.venue.send(Approved(child, 1, 1))

    async def until_sent(self, n_sent: int) -> None:
        await until(lambda: sum(isinstance(r, wire.SendChild) for r in self.server.requests) >= n_sent)

    async def until_connected(self, n_connections: int) -> None:
        await until(lambda: self.server.n_connections >= n_connections and self.venue.is_connected)


async def until(is_true: Callable[[], bool]) -> None:
    deadline_s = asyncio.get_running_loop().time() + 30
    while not is_true():
        assert asyncio.get_running_loop().time() < deadline_s, "it did not happen in time"
        await asyncio.sleep(0.002)


@pytest.fixture
async def link() -> AsyncIterator[Link]:
    server = FakeServer()
    await server.open()
    made = Link(server, RemoteVenue("sim_alpha", SystemClock(), "127.0.0.1", server.port))
    await made.venue.start(made.reports.append, made.books.append)
    yield made
    await made.venue.stop()
    await server.close()


async def test_without_a_connection_nothing_left_and_that_is_proven(link: Link) -> None:
    await link.server.close()
    await asyncio.sleep(0.02)
    await link.send(CHILD)
    (report,) = link.reports
    assert (report.kind, report.code, report.evidence) == (ReportKind.REJECTED, "not_sent", "local:not_connected")
    for call in (link.venue.query(CHILD), link.venue.cancel(CHILD), link.venue.open_client_ids()):
        with pytest.raises(Unavailable):
            await call
    await link.server.open()
    await link.until_connected(2)
    await asyncio.sleep(0.02)
    assert not any(isinstance(request, wire.SendChild) for request in link.server.requests)


async def test_a_connection_lost_after_a_send_is_unknown_and_never_sent_again(link: Link) -> None:
    await link.send(CHILD)
    await link.until_sent(1)
    link.server.drop()
    await link.until_connected(2)
    assert [(r.kind, r.code) for r in link.reports] == [(ReportKind.UNKNOWN, "connection_lost")]
    await asyncio.sleep(0.05)
    assert sum(isinstance(request, wire.SendChild) for request in link.server.requests) == 1


@pytest.mark.parametrize(
    ("last_word", "is_over"),
    [
        (ExecutionReport(ReportKind.ACKED, "sim_alpha", "id-1"), False),
        (ExecutionReport(ReportKind.FILLED, "sim_alpha", "id-1", qty_lots=4, cum_qty_lots=4), False),
        (ExecutionReport(ReportKind.FILLED, "sim_alpha", "id-1", qty_lots=1, cum_qty_lots=5), True),
        (ExecutionReport(ReportKind.CANCELED, "sim_alpha", "id-1", cum_qty_lots=0), True),
        (ExecutionReport(ReportKind.EXPIRED, "sim_alpha", "id-1", cum_qty_lots=0), True),
        (ExecutionReport(ReportKind.REJECTED, "sim_alpha", "id-1"), True),
    ],
)
async def test_only_what_has_not_ended_is_unknown_after_a_loss(
    link: Link, last_word: ExecutionReport, is_over: bool
) -> None:
    await link.send(CHILD)
    await link.until_sent(1)
    link.server.say(wire.ReportMessage(last_word))
    await asyncio.sleep(0.02)
    link.server.drop()
    await link.until_connected(2)
    assert (ReportKind.UNKNOWN in [r.kind for r in link.reports]) is not is_over


async def test_it_comes_back_by_itself_and_goes_on(link: Link) -> None:
    for n in range(2, 5):
        link.server.drop()
        await link.until_connected(n)
    await link.send(replace(CHILD, client_id="id-2"))
    await link.until_sent(1)
    assert all(isinstance(r, wire.Hello | wire.SendChild) for r in link.server.requests)


async def test_books_and_reports_are_stamped_on_receipt(link: Link) -> None:
    before_ns = SystemClock().wall_ns()
    link.server.say(
        wire.BookMessage("BTC/USDT", 5, 77, ((99, 1),), ((100, 2),)),
        wire.ReportMessage(ExecutionReport(ReportKind.ACKED, "sim_alpha", "id-1", venue_ts_ns=78)),
    )
    await asyncio.sleep(0.02)
    (book,), (report,) = link.books, link.reports
    assert isinstance(book, BookSnapshot)
    assert (book.venue, book.book_seq, book.venue_ts_ns, book.asks) == ("sim_alpha", 5, 77, ((100, 2),))
    assert before_ns <= book.received_ts_ns <= report.received_ts_ns
    assert report.venue_ts_ns == 78


async def test_open_ids_are_the_venues_word_or_unavailable(link: Link) -> None:
    asking = asyncio.create_task(link.venue.open_client_ids())  # type: ignore[arg-type]
    await asyncio.sleep(0.02)
    link.server.say(wire.OpenAnswer(99, is_known=True, client_ids=("stranger",)))
    link.server.say(wire.OpenAnswer(1, is_known=True, client_ids=("a", "b")))
    assert await asking == ("a", "b")
    asking = asyncio.create_task(link.venue.open_client_ids())  # type: ignore[arg-type]
    await asyncio.sleep(0.02)
    link.server.say(wire.OpenAnswer(2, is_known=False, client_ids=()))
    with pytest.raises(Unavailable):
        await asking
    with pytest.raises(Unavailable):  # no answer within a second
        await link.venue.open_client_ids()


async def test_a_statement_may_take_longer_than_an_answer_of_one_request(link: Link) -> None:
    """Else a venue that needs four requests for it would never be reconciled, and nothing would say so."""
    asking = asyncio.create_task(link.venue.statement("acme"))
    await asyncio.sleep(1.1)
    said = VenueStatement("sim_alpha", 7, (), (), ())
    link.server.say(wire.StatementAnswer(1, said, "sim_alpha"))
    assert await asking == said


async def test_a_problem_or_garbage_from_the_venue_loses_no_later_message(link: Link) -> None:
    link.server.say(wire.Problem("not obeyed"), wire.ReportMessage(ExecutionReport(ReportKind.ACKED, "sim_alpha", "x")))
    await asyncio.sleep(0.02)
    assert [report.client_id for report in link.reports] == ["x"]
    link.server.writers[-1].write(b"garbage\n")
    await link.until_connected(2)


async def test_a_venue_that_is_away_at_start_joins_later() -> None:
    server = FakeServer()
    await server.open()
    await server.close()
    venue = RemoteVenue("sim_alpha", SystemClock(), "127.0.0.1", server.port)
    link = Link(server, venue)
    await venue.start(link.reports.append, link.books.append)
    assert not venue.is_connected
    await server.open()
    await link.until_connected(1)
    await venue.stop()
    await server.close()


def test_one_port_for_each_venue_of_the_universe() -> None:
    universe = load_universe()
    assert set(connect_venues(universe, SystemClock(), "127.0.0.1", 1)) == set(universe.venues)


async def test_trades_come_with_our_time_of_receipt(link: Link) -> None:
    heard: list[TradePrint] = []
    assert not link.venue.shows_own_trades
    assert link.venue.watch_trades(heard.extend) == ()
    trade = TradePrint("sim_alpha", "BTC/USDT", 100, 5, Side.BUY, 7, 7)
    link.server.say(wire.TradesMessage("sim_alpha", (trade, trade)))
    await until(lambda: len(heard) == 2)
    assert {(t.price_units, t.qty_units, t.venue_ts_ns) for t in heard} == {(100, 5, 7)}
    assert all(t.received_ts_ns > 10**18 for t in heard)
