"""The projector's process: the same rows from the log's file, an end with its input, nothing lost by a kill."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import asyncpg
import msgspec
import pytest

from app.execution.ledger import fold
from app.store.journal import JournalReader, SqliteJournal
from app.store.projector import Projection, ProjectionOptions, ProjectionState, Standing
from app.store.statehash import database_hash, ledger_hash
from app.workers.projector import Expect, Start, serve
from app.workers.projector_handle import ProjectorProcess
from tests.store.logs import story_facts, turns

pytestmark = pytest.mark.postgres

WAIT_S = 60.0
QUICK = ProjectionOptions(linger_s=0.0, backoff_s=0.02, max_backoff_s=0.1)


class FileLog:
    """A story told turn after turn into a journal's file."""

    def __init__(self, path: Path, n_facts: int, seed: int = 0) -> None:
        self.facts, receipts = story_facts(n_facts, seed)
        self.path = path
        self.journal = SqliteJournal(path, on_durable=lambda _: None, on_fatal=_fail)
        self._turns = turns(self.facts, receipts, seed)

    def tell(self, n_turns: int, projection: Projection | None = None) -> int:
        """The next turns, durable before `projection` hears of them; how many there were."""
        n_told = 0
        for facts, receipts in (turn for _, turn in zip(range(n_turns), self._turns, strict=False)):
            n_told += 1
            self.journal.append(facts, receipts)
            while self.journal.durable_seq < facts[-1].seq:
                os.sched_yield()
            if projection is not None:
                projection.offer(facts)
        return n_told

    @property
    def seq(self) -> int:
        return self.journal.durable_seq


def _fail(error: BaseException) -> None:
    raise error


@pytest.fixture
def log(tmp_path: Path) -> Iterator[FileLog]:
    log = FileLog(tmp_path / "journal.db", 600, seed=3)
    yield log
    log.journal.close()


@contextlib.asynccontextmanager
async def projecting(url: str, log: FileLog) -> AsyncIterator[tuple[Projection, ProjectorProcess]]:
    apart = ProjectorProcess(Start(str(log.path), url, "0", "error"))
    reader = JournalReader(log.path)
    projection = Projection(url, "0", reader, QUICK, apart=apart)
    await projection.open()
    try:
        yield projection, apart
    finally:
        await projection.close()
        reader.close()


async def until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(WAIT_S):
        while not is_so():  # noqa: ASYNC110 - another process's doing
            await asyncio.sleep(0.01)


async def assert_rows_are_the_log(url: str, log: FileLog) -> None:
    connection = await asyncpg.connect(url)
    try:
        assert await database_hash(connection, "0") == ledger_hash(fold(log.facts[: log.seq]))
    finally:
        await connection.close()


async def test_a_process_of_its_own_makes_the_rows_that_are_waited_for(database_url: str, log: FileLog) -> None:
    async with projecting(database_url, log) as (projection, apart):
        while log.tell(40, projection):
            assert await projection.wait_for(log.seq, WAIT_S), projection.standing
            await assert_rows_are_the_log(database_url, log)
            assert projection.lag_facts == 0
        await until(lambda: projection.state is ProjectionState.LIVE)
        assert projection.is_connected
        assert projection.n_held_orders == 0, "this process folds nothing"
        some = fold(log.facts).parents.values()
        for parent in list(some)[:20]:
            assert await projection.reads.order(parent.account, parent.order_id) == parent
        pid = apart.pid
    assert projection.state is ProjectionState.CLOSED
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_the_process_starts_without_the_kernels_compiler() -> None:
    """It only reads the log: loading what writes it would take longer than all else of its start."""
    code = "import sys, app.workers.projector; print(' '.join(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert loaded & {"numba", "llvmlite", "numpy", "scipy", "alembic", "pydantic", "app.kernels.jit"} == set()
    assert "app.store.projector" in loaded


class NeverThere:
    """A process that does not come up."""

    async def run(self, hear: Callable[[Standing], None]) -> None:
        hear(Standing(ProjectionState.CONNECTING, 0, ""))
        await asyncio.Event().wait()

    def expect(self, seq: int, *, is_awaited: bool) -> None:
        pass

    async def end(self, timeout_s: float) -> None:
        pass


async def test_rows_of_before_are_read_while_the_process_starts(database_url: str, log: FileLog) -> None:
    async with projecting(database_url, log) as (projection, _):
        log.tell(50, projection)
        assert await projection.wait_for(log.seq, WAIT_S)
    reader = JournalReader(log.path)
    later = Projection(database_url, "0", reader, QUICK, apart=NeverThere())
    later.least_seq = log.seq
    await later.open()
    try:
        parent = next(iter(fold(log.facts[: log.seq]).parents.values()))
        assert await later.past.order(parent.account, parent.order_id) == parent
        assert later.watermark_seq == log.seq
        assert not later.is_connected
    finally:
        await later.close()
        reader.close()


async def test_what_was_not_waited_for_follows_by_itself(database_url: str, log: FileLog) -> None:
    async with projecting(database_url, log) as (projection, _):
        log.tell(50, projection)
        await until(lambda: projection.watermark_seq == log.seq)


async def test_killed_at_any_moment_it_is_started_again_and_no_row_is_missing_or_doubled(
    database_url: str, log: FileLog
) -> None:
    async with projecting(database_url, log) as (projection, apart):
        killed: set[int] = set()
        while log.tell(60, projection):
            await until(lambda: apart.pid not in {0, *killed} and projection.watermark_seq > 0)
            await asyncio.sleep(0.003 * len(killed))  # in another part of its work each time
            killed.add(apart.pid)
            os.kill(apart.pid, signal.SIGKILL)
            assert await projection.wait_for(log.seq, WAIT_S), projection.standing
        await assert_rows_are_the_log(database_url, log)
        assert len(killed) >= 2


async def test_one_that_says_nothing_is_replaced(database_url: str, log: FileLog) -> None:
    async with projecting(database_url, log) as (projection, apart):
        log.tell(20, projection)
        assert await projection.wait_for(log.seq, WAIT_S)
        apart.silent_s = 3.0
        stopped = apart.pid
        os.kill(stopped, signal.SIGSTOP)
        log.tell(20, projection)
        assert await projection.wait_for(log.seq, WAIT_S), projection.standing
        assert apart.pid != stopped
        apart.silent_s = 30.0
        await assert_rows_are_the_log(database_url, log)


async def test_a_database_of_another_log_is_told(database_url: str, log: FileLog, tmp_path: Path) -> None:
    async with projecting(database_url, log) as (projection, _):
        log.tell(30, projection)
        assert await projection.wait_for(log.seq, WAIT_S)
    other = FileLog(tmp_path / "other.db", 200, seed=9)
    other.tell(10)
    async with projecting(database_url, other) as (projection, _):
        await until(lambda: projection.state is ProjectionState.FAILED)
        assert "another log" in projection.error
    other.journal.close()


async def test_it_ends_with_its_input_and_has_projected_what_it_was_told(database_url: str, log: FileLog) -> None:
    log.tell(30)
    words, told = asyncio.StreamReader(), list[Standing]()
    words.feed_data(msgspec.json.encode(Start(str(log.path), database_url, "0", "info")) + b"\n")
    serving = asyncio.create_task(serve(words, told.append, QUICK))
    await until(lambda: bool(told) and told[-1].state is ProjectionState.LIVE)
    log.tell(30)
    words.feed_data(msgspec.json.encode(Expect(log.seq, is_awaited=True)) + b"\n")
    await until(lambda: told[-1].watermark_seq == log.seq)
    words.feed_eof()
    await asyncio.wait_for(serving, WAIT_S)
    await assert_rows_are_the_log(database_url, log)


async def test_without_a_first_word_it_ends_at_once() -> None:
    words = asyncio.StreamReader()
    words.feed_eof()
    await asyncio.wait_for(serve(words, _never, QUICK), WAIT_S)


def _never(standing: Standing) -> None:
    raise AssertionError(standing)
