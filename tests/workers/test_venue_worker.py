"""One process's side of the link, on a loop of the test's own: what it says, and what it keeps when nobody reads."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import pytest

from app.domain.enums import Side, TimeInForce
from app.domain.errors import Unavailable
from app.domain.fills import ExecutionReport, ReportKind
from app.domain.orders import ChildOrder
from app.domain.ports import BookSink, ReportSink, TradesSink
from app.domain.statement import VenueHealth, VenueState, VenueStatement
from app.domain.trade import TradePrint
from app.shm.books import BookBoard
from app.shm.link import Link, LinkBells
from app.shm.pipe import PIPE_WORDS, Pipe
from app.shm.rings import Bell
from app.venues import signer, wire
from app.venues.base import VenueBase
from app.venues.clock import SystemClock
from app.venues.group import VenueGroup
from app.venues.linked import LinkedVenue
from app.workers.venue_worker import EXIT_DAMAGED, EXIT_NO_SIGNER, Worker
from tests.worlds import flat_book

CHILD = ChildOrder("chd", "id-1", "ord", "desk", 1, "ven_a", "BTC/USDT", Side.BUY, TimeInForce.IOC, 100, 5, 1, 1, 2**62)


class Port(VenueBase):
    """Does as it is told; `is_away` until it may start."""

    def __init__(self) -> None:
        super().__init__("ven_a", SystemClock())
        self.is_away = False
        self.sent: list[ChildOrder] = []
        self.on_report: ReportSink | None = None
        self.on_book: BookSink | None = None
        self.on_trades: TradesSink | None = None

    shows_own_trades = False

    def watch_trades(self, on_trades: TradesSink) -> Sequence[str]:
        self.on_trades = on_trades
        return ("BTC/USDT",)

    async def start(self, on_report: ReportSink, on_book: BookSink) -> None:
        if self.is_away:
            raise Unavailable("venue_unavailable", "no route to it")
        self.on_report, self.on_book = on_report, on_book

    async def stop(self) -> None: ...

    async def _transmit(self, child: ChildOrder, limits_version: int, decision_seq: int) -> None:
        self.sent.append(child)
        if child.client_id == "breaks":
            raise ConnectionResetError

    async def cancel(self, child: ChildOrder) -> None: ...

    async def query(self, child: ChildOrder) -> None: ...

    async def open_client_ids(self) -> Sequence[str]:
        raise Unavailable("venue_unavailable", "it does not answer")

    async def statement(self, account: str) -> VenueStatement:
        return VenueStatement("ven_a", 9, (), (), ())

    def health(self) -> VenueHealth:
        return VenueHealth("ven_a", VenueState.UP)


@dataclass
class Rig:
    port: Port
    engine: Link
    board: BookBoard
    worker: Worker
    lifeline: int
    heard: list[wire.Answer] = field(default_factory=list)
    running: asyncio.Task[int] | None = None

    def ask(self, request: wire.Request, venue: str = "ven_a") -> None:
        assert self.engine.to_worker.write(wire.encode_addressed(venue, request))

    def read(self) -> list[wire.Answer]:
        """Everything said so far but signs of life."""
        while messages := self.engine.to_engine.read():
            self.heard += [wire.decode_answer(message) for message in messages]
        return [answer for answer in self.heard if not isinstance(answer, wire.HealthMessage)]

    async def hears(self, kind: type) -> wire.Answer:
        async with asyncio.timeout(30):
            while True:
                for answer in self.read():
                    if isinstance(answer, kind):
                        return answer
                await asyncio.sleep(0.002)


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    words = np.zeros(2 * PIPE_WORDS, np.int64)
    bells = LinkBells(Bell(), Bell(), Bell())

    def end() -> Link:
        return Link(Pipe(words[:PIPE_WORDS], bells.worker), Pipe(words[PIPE_WORDS:], bells.engine), bells)

    port, board = Port(), BookBoard([("ven_a", "BTC/USDT")])
    lifeline, other_end = os.pipe()
    made = Rig(port, end(), board, Worker(VenueGroup({"ven_a": port}), end(), board, may_fail=False), other_end)
    made.running = asyncio.create_task(made.worker.run(lifeline))
    await asyncio.sleep(0.01)
    yield made
    if made.lifeline >= 0:
        os.close(made.lifeline)
    await made.running
    os.close(lifeline)
    bells.close()


async def test_requests_are_obeyed_and_answered_by_their_numbers(rig: Rig) -> None:
    rig.ask(wire.SendChild(CHILD, 1, 1))
    rig.ask(wire.StatementAsk(4, "desk"))
    rig.ask(wire.OpenAsk(5))
    assert await rig.hears(wire.StatementAnswer) == wire.StatementAnswer(
        4, VenueStatement("ven_a", 9, (), (), ()), "ven_a"
    )
    assert await rig.hears(wire.OpenAnswer) == wire.OpenAnswer(5, is_known=False, client_ids=(), venue="ven_a")
    assert rig.port.sent == [CHILD]


async def test_a_send_that_breaks_is_unknown(rig: Rig) -> None:
    child = ChildOrder(**{f: getattr(CHILD, f) for f in CHILD.__slots__} | {"client_id": "breaks"})
    rig.ask(wire.SendChild(child, 1, 1))
    told = await rig.hears(wire.ReportMessage)
    assert isinstance(told, wire.ReportMessage)
    assert (told.report.kind, told.report.code) == (ReportKind.UNKNOWN, "ConnectionResetError")


@pytest.mark.parametrize("request_", [wire.Hello("ven_a"), wire.SetFaults(wire.Faults())])
async def test_what_it_does_not_obey_it_says(rig: Rig, request_: wire.Request) -> None:
    rig.ask(request_)
    told = await rig.hears(wire.Problem)
    assert isinstance(told, wire.Problem)
    assert "not obeyed" in told.text


async def test_a_venue_that_is_not_here_is_a_problem(rig: Rig) -> None:
    rig.ask(wire.StatementAsk(1, "desk"), venue="elsewhere")
    assert await rig.hears(wire.Problem) == wire.Problem("no venue elsewhere here")


async def test_books_go_to_the_board_and_ring(rig: Rig) -> None:
    assert rig.port.on_book is not None
    book = flat_book("ven_a", 6_000_000, 7)
    rig.port.on_book(book)
    assert rig.board.snapshot("ven_a", "BTC/USDT") == book
    assert os.eventfd_read(rig.engine.bells.books.descriptor) == 1


async def test_trades_go_to_the_engine_with_the_next_sign_of_life_and_to_its_sink(rig: Rig) -> None:
    assert rig.port.on_trades is not None
    trades = [TradePrint("ven_a", "BTC/USDT", 100 + i, 5, None, i, i) for i in range(70)]
    rig.port.on_trades(trades)
    told = await rig.hears(wire.TradesMessage)
    assert isinstance(told, wire.TradesMessage)
    assert told.trades == tuple(trades[:64])
    heard: list[TradePrint] = []
    paper, live = LinkedVenue("ven_a", SystemClock()), LinkedVenue("ven_a", SystemClock(), lambda *_: b"")
    assert paper.watch_trades(heard.extend) == ()
    for answer in rig.read():
        paper.take(answer)
    assert heard == trades
    assert (paper.shows_own_trades, live.shows_own_trades) == (False, True)


async def test_reports_that_find_no_room_wait_and_keep_their_order(rig: Rig) -> None:
    assert rig.port.on_report is not None
    for n in range(2_000):
        rig.port.on_report(ExecutionReport(ReportKind.ACKED, "ven_a", f"id-{n}"))
    async with asyncio.timeout(10):
        while len(rig.read()) < 2_000:  # noqa: ASYNC110 - the worker tries by itself
            await asyncio.sleep(0.002)
    told = [answer.report.client_id for answer in rig.read() if isinstance(answer, wire.ReportMessage)]
    assert told == [f"id-{n}" for n in range(2_000)]


async def test_it_says_how_it_is_several_times_a_second(rig: Rig) -> None:
    await asyncio.sleep(0.35)
    rig.read()
    healths = [answer for answer in rig.heard if isinstance(answer, wire.HealthMessage)]
    assert len(healths) >= 3
    assert healths[-1].health == (VenueHealth("ven_a", VenueState.UP),)


async def test_what_cannot_be_read_ends_the_process(rig: Rig) -> None:
    rig.engine.to_worker.write(b"no JSON")
    assert rig.running is not None
    assert await asyncio.wait_for(rig.running, 5) == EXIT_DAMAGED


async def test_it_ends_with_the_engine(rig: Rig) -> None:
    os.close(rig.lifeline)
    rig.lifeline = -1
    assert rig.running is not None
    assert await asyncio.wait_for(rig.running, 5) == 0


async def test_a_venue_that_cannot_start_gets_nothing_says_why_and_is_tried_again() -> None:
    words, bells = np.zeros(2 * PIPE_WORDS, np.int64), LinkBells(Bell(), Bell(), Bell())
    link = Link(Pipe(words[:PIPE_WORDS], bells.worker), Pipe(words[PIPE_WORDS:], bells.engine), bells)
    far = Link(Pipe(words[:PIPE_WORDS], bells.worker), Pipe(words[PIPE_WORDS:], bells.engine), bells)
    port, board = Port(), BookBoard([("ven_a", "BTC/USDT")])
    port.is_away = True
    lifeline, other_end = os.pipe()
    running = asyncio.create_task(Worker(VenueGroup({"ven_a": port}), far, board, may_fail=False).run(lifeline))
    rig = Rig(port, link, board, Worker(VenueGroup({}), far, board, may_fail=False), other_end)
    await asyncio.sleep(0.15)
    rig.ask(wire.SendChild(CHILD, 1, 1))
    told = await rig.hears(wire.ReportMessage)
    assert isinstance(told, wire.ReportMessage)
    assert (told.report.kind, told.report.code) == (ReportKind.REJECTED, "not_sent")
    assert "no route to it" in told.report.text
    port.is_away = False
    async with asyncio.timeout(30):
        while port.on_report is None:  # noqa: ASYNC110 - it is tried again by itself
            await asyncio.sleep(0.02)
    assert port.sent == []
    os.close(other_end)
    assert await running == 0
    os.close(lifeline)
    bells.close()


async def test_a_process_whose_signer_does_not_answer_makes_room_for_a_successor(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One late answer closes the channel for good: alive, it could neither place nor cancel, and say that it is up."""
    monkeypatch.setattr(signer, "ANSWER_S", 0.01)
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    client = signer.SignerClient(ours)
    lifeline, other_end = os.pipe()
    worker = Worker(VenueGroup({}, signer=client), rig.engine, rig.board, may_fail=False)
    running = asyncio.create_task(worker.run(lifeline))
    await asyncio.sleep(0.05)
    assert not running.done()
    with pytest.raises(Unavailable):
        client.key_id("ven_a", "acme")
    assert await asyncio.wait_for(running, 5) == EXIT_NO_SIGNER
    for each in (lifeline, other_end):
        os.close(each)
    theirs.close()
