"""The venues' own process: ready when it listens, gone when told, and deaf to what it should not obey."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path

import pytest

from app.domain.book import BookSnapshot
from app.domain.enums import Side, TimeInForce
from app.domain.fills import ExecutionReport, ReportKind
from app.domain.orders import ChildOrder
from app.venues import wire
from app.venues.clock import SystemClock
from app.venues.faults import Faults
from app.venues.ledger import AcceptedLine, ledger_path, read_ledger
from app.venues.paper import make_exchanges
from app.venues.process import ServeOptions, _Connection, serve
from app.venues.registry import load_universe
from tests.contracts.venue_desk import ROOT, VenueProcess

CHILD = ChildOrder(
    "chd", "id", "ord", "desk", 1, "sim_alpha", "BTC/USDT", Side.BUY, TimeInForce.IOC, 9_000_000, 100, 1, 1, 2**62
)


@pytest.fixture
def process(tmp_path: Path) -> Iterator[VenueProcess]:
    made = VenueProcess(tmp_path)
    made.start()
    yield made
    made.stop()


@asynccontextmanager
async def serving(folder: Path, *, may_fail: bool = False) -> AsyncIterator[int]:
    ready: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    task = asyncio.create_task(serve(ServeOptions(folder, 0, 7, may_fail=may_fail), ready.set_result))
    yield await ready
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


class Line:
    """A bare connection that says what it likes."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    def say(self, *requests: wire.Request) -> None:
        self.writer.write(b"".join(wire.encode(request) for request in requests))

    async def hear(self, kind: type[wire.Answer]) -> wire.Answer:
        """The next answer of this kind."""
        while True:
            answer = wire.decode_answer(await asyncio.wait_for(self.reader.readuntil(b"\n"), 3))
            if isinstance(answer, kind):
                return answer

    async def is_closed(self) -> bool:
        return await asyncio.wait_for(self.reader.read(), 30) is not None


@asynccontextmanager
async def line_to(port: int) -> AsyncIterator[Line]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=wire.MAX_LINE_BYTES)
    yield Line(reader, writer)
    writer.close()


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_in_order(tmp_path: Path, how: signal.Signals) -> None:
    process = VenueProcess(tmp_path)
    process.start()
    assert process.stop(how) == 0


async def test_it_hangs_up_in_silence(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "app.venues.process", "--dir", str(tmp_path)]
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*command, cwd=ROOT, stdout=pipe, stderr=pipe)
    assert process.stdout is not None
    port = int((await process.stdout.readline()).split()[1])
    async with line_to(port) as greeted, line_to(port):
        greeted.say(wire.Hello("sim_alpha"))
        await greeted.hear(wire.BookMessage)
        process.send_signal(signal.SIGTERM)
        _, complaints = await asyncio.wait_for(process.communicate(), 5)
    assert (process.returncode, complaints) == (0, b"")


def test_a_killed_process_leaves_its_ledgers_to_the_next(tmp_path: Path) -> None:
    process = VenueProcess(tmp_path)
    process.start()
    assert process.stop(signal.SIGKILL) == -signal.SIGKILL
    process.start()
    assert process.stop() == 0


def test_a_second_process_on_the_same_ledgers_says_so_and_ends(process: VenueProcess) -> None:
    command = [sys.executable, "-m", "app.venues.process", "--dir", str(process.folder)]
    second = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=20, check=False)
    assert second.returncode != 0
    assert "Another process writes" in second.stderr
    assert "ready" not in second.stdout


def test_a_taken_port_is_said_and_ends(process: VenueProcess, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("other")
    command = [sys.executable, "-m", "app.venues.process", "--dir", str(folder), "--port", str(process.port)]
    second = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=20, check=False)
    assert second.returncode != 0
    assert "simulated venues:" in second.stderr


async def test_a_child_without_proof_is_not_obeyed(tmp_path: Path) -> None:
    async with serving(tmp_path) as port, line_to(port) as line:
        line.say(wire.Hello("sim_alpha"), wire.SendChild(CHILD, 0, 1), wire.SendChild(CHILD, 1, 0))
        line.say(wire.SendChild(replace(CHILD, venue="sim_bravo"), 1, 1), wire.SendChild(CHILD, 1, 1))
        for _ in range(3):
            assert isinstance(await line.hear(wire.Problem), wire.Problem)
        await line.hear(wire.ReportMessage)
        accepted = [x for x in read_ledger(ledger_path(tmp_path, "sim_alpha")) if isinstance(x, AcceptedLine)]
        assert len(accepted) == 1


async def test_faults_are_obeyed_only_where_allowed(tmp_path: Path) -> None:
    async with serving(tmp_path) as port, line_to(port) as line:
        line.say(wire.Hello("sim_alpha"), wire.SetFaults(Faults(reject_code="no")))
        await line.hear(wire.Problem)
    async with serving(tmp_path, may_fail=True) as port, line_to(port) as line:
        line.say(wire.Hello("sim_alpha"), wire.SetFaults(Faults(reject_code="no")), wire.SendChild(CHILD, 1, 1))
        answer = await line.hear(wire.ReportMessage)
        assert isinstance(answer, wire.ReportMessage)
        assert answer.report.code == "no"


async def test_a_wrong_first_line_is_answered_and_closed(tmp_path: Path) -> None:
    async with serving(tmp_path) as port:
        for first in (wire.Hello("nowhere"), wire.Hello("sim_alpha", v=99), wire.OpenAsk(1)):
            async with line_to(port) as line:
                line.say(first)
                await line.hear(wire.Problem)
                assert await line.is_closed()


@pytest.mark.parametrize("garbage", [b"not json\n", b'{"type":"hello","venue":7}\n', b"x" * (2 << 20) + b"\n"])
async def test_garbage_ends_that_connection_and_no_other(tmp_path: Path, garbage: bytes) -> None:
    async with serving(tmp_path) as port, line_to(port) as good, line_to(port) as bad:
        good.say(wire.Hello("sim_alpha"))
        await good.hear(wire.Welcome)
        bad.say(wire.Hello("sim_alpha"))
        await bad.hear(wire.Welcome)
        bad.writer.write(garbage)
        with suppress(ConnectionError):
            await bad.is_closed()
        good.say(wire.OpenAsk(5))
        answer = await good.hear(wire.OpenAnswer)
        assert isinstance(answer, wire.OpenAnswer)
        assert (answer.ask_n, answer.is_known, answer.client_ids) == (5, True, ())


class FullPipe:
    """A writer whose peer has left `unread_bytes` unread."""

    def __init__(self, unread_bytes: int) -> None:
        self.unread_bytes, self.written, self.is_aborted = unread_bytes, b"", False
        self.transport = self

    def get_write_buffer_size(self) -> int:
        return self.unread_bytes

    def write(self, blob: bytes) -> None:
        self.written += blob

    def abort(self) -> None:
        self.is_aborted = True


@pytest.mark.parametrize(
    ("unread_bytes", "has_book", "has_report", "is_aborted"),
    [
        (256 << 10, True, True, False),
        ((256 << 10) + 1, False, True, False),
        (16 << 20, False, True, False),
        ((16 << 20) + 1, False, False, True),
    ],
)
async def test_a_slow_reader_misses_books_before_reports_and_then_its_connection(
    tmp_path: Path, unread_bytes: int, has_book: bool, has_report: bool, is_aborted: bool
) -> None:
    exchange = make_exchanges(load_universe(), SystemClock(), tmp_path, 7)["sim_alpha"]
    pipe = FullPipe(unread_bytes)
    connection = _Connection(exchange, pipe, may_fail=False)  # type: ignore[arg-type]
    connection.on_book(BookSnapshot("sim_alpha", "BTC/USDT", 1, 1, 1, ((1, 1),), ((2, 1),)))
    connection.on_report(ExecutionReport(ReportKind.ACKED, "sim_alpha", "id"))
    assert (b'"book"' in pipe.written, b'"report"' in pipe.written) == (has_book, has_report)
    assert pipe.is_aborted is is_aborted
