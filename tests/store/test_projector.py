"""Postgres follows the log: exactly once, in order, after any outage, and never in the order's way."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp

import asyncpg
import pytest

from app.domain.enums import ParentState, Side
from app.domain.errors import Unavailable
from app.domain.events import MarkoutsMeasured, TcaReported
from app.domain.markouts import HORIZONS_NS, IntervalStats
from app.domain.records import ParentRecord
from app.execution.ledger import fold
from app.store.memory import MemoryJournal
from app.store.migrate import upgrade
from app.store.projector import Projection, ProjectionOptions, ProjectionState
from app.store.statehash import database_hash, ledger_hash
from app.workers import postgres as postgres_module
from app.workers.postgres import EmbeddedPostgres
from tests.services.fact_stories import Story
from tests.store.logs import story_facts
from tests.store.projecting import FAST, WAIT_S, Log, caught_up, projecting
from tests.store.test_projection_batch import late_filled
from tests.worlds import make_desk, make_order

pytestmark = pytest.mark.postgres


async def assert_equal_states(url: str, log: Log) -> None:
    connection = await asyncpg.connect(url)
    try:
        assert await database_hash(connection, "0") == ledger_hash(fold(log.journal.replay()))
    finally:
        await connection.close()


@pytest.mark.parametrize("seed", range(6))
async def test_the_database_equals_the_folded_log_at_every_stop(database_url: str, seed: int) -> None:
    log = Log(700, seed)
    async with projecting(database_url, log, replace(FAST, max_batch_facts=1 + 37 * seed)) as projection:
        while log.tell(30, projection):
            await caught_up(projection, log.seq)
            await assert_equal_states(database_url, log)
        assert projection.state is ProjectionState.LIVE
        assert projection.lag_facts == 0


@pytest.mark.parametrize("seed", [11, 12])
async def test_every_row_rebuilds_its_record_exactly(database_url: str, seed: int) -> None:
    log = Log(800, seed)
    async with projecting(database_url, log) as projection:
        log.tell_all(projection)
        await caught_up(projection, log.seq)
        for parent in fold(log.facts).parents.values():
            assert await projection.reads.order(parent.account, parent.order_id) == parent


async def test_a_batch_gathers_until_somebody_waits(database_url: str) -> None:
    log = Log(200)
    async with projecting(database_url, log, replace(FAST, linger_s=60.0)) as projection:
        log.tell(8, projection)
        await caught_up(projection, first_seq := log.seq)
        log.tell(8, projection)
        await asyncio.sleep(0.3)
        assert projection.watermark_seq == first_seq
        log.tell(8, projection)
        await caught_up(projection, log.seq)
        await assert_equal_states(database_url, log)


async def test_a_full_batch_gathers_no_longer(database_url: str) -> None:
    log = Log(200)
    async with projecting(database_url, log, replace(FAST, linger_s=60.0, max_batch_facts=40)) as projection:
        while log.seq < 40:
            log.tell(1, projection)
        for _ in range(500):
            if projection.watermark_seq >= 40:
                break
            await asyncio.sleep(0.01)
        assert projection.watermark_seq == 40


async def test_a_log_that_was_there_first_is_read_from_the_log(database_url: str) -> None:
    log = Log(600)
    log.tell_all()
    async with projecting(database_url, log) as projection:
        await caught_up(projection, log.seq)
        await assert_equal_states(database_url, log)


async def test_a_projection_goes_on_where_another_ended(database_url: str) -> None:
    log = Log(900, seed=5)
    for n_turns in (1, 40, 1, 1_000):
        async with projecting(database_url, log) as projection:
            log.tell(n_turns, projection)
            await caught_up(projection, log.seq)
        assert projection.state is ProjectionState.CLOSED
    await assert_equal_states(database_url, log)


async def test_a_done_order_is_let_go_and_taken_back_for_a_late_fill(database_url: str) -> None:
    log = Log(900, seed=8)
    options = replace(FAST, keep_done_ns=1, max_batch_facts=16)
    async with projecting(database_url, log, options) as projection:
        while log.tell(5, projection):
            await caught_up(projection, log.seq)
        await assert_equal_states(database_url, log)
        ledger = fold(log.facts)
        n_open = sum(parent.state is not ParentState.DONE for parent in ledger.parents.values())
        assert projection.n_held_orders < n_open + 20 < len(ledger.parents)
        late = late_fills(log)
        projection.offer(late)
        await caught_up(projection, late[-1].seq)
        assert projection.error == ""
    await assert_equal_states(database_url, log)


async def test_a_done_order_is_kept_until_it_is_measured_and_no_longer(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is measured a minute after its end, and asked back from the database for that by nobody."""
    log = Log(900, seed=8)
    async with projecting(
        database_url, log, replace(FAST, keep_done_ns=ProjectionOptions().keep_done_ns)
    ) as projection:
        log.tell_all(projection)
        await caught_up(projection, log.seq)
        n_before = projection.n_held_orders
        monkeypatch.setattr("app.store.projector.load_parents", None)
        story, done = story_after(log, HORIZONS_NS[-1] + 2 * 10**9)
        done = [parent for parent in done if parent.interval is None]
        for parent in done:
            interval = IntervalStats(parent.created_ts_ns, parent.updated_ts_ns, 1, 0, 0, 0, 0, ())
            story.tell(MarkoutsMeasured(parent.account, parent.order_id, (), interval))
        log.journal.append(story.facts, [])
        projection.offer(story.facts)
        await caught_up(projection, story.facts[-1].seq)
        assert projection.error == ""
        assert 0 < len(done) == n_before - projection.n_held_orders
    await assert_equal_states(database_url, log)


def story_after(log: Log, wait_ns: int) -> tuple[Story, list[ParentRecord]]:
    """What goes on after the log, so much later, and the orders that are done by then and had a child."""
    story = Story()
    story.ledger, story.facts, story.ts_ns = fold(log.facts), [], log.facts[-1].ts_ns + wait_ns
    return story, [p for p in story.ledger.parents.values() if p.state is ParentState.DONE and p.children]


def late_fills(log: Log) -> list:
    """Late fills of orders that are done; appended to the log."""
    story, done = story_after(log, 10**12)
    story.n_fills = 10**6
    for parent in done[:5]:
        story.late_fill(parent.order_id)
    log.journal.append(story.facts, [])
    return story.facts


async def test_offers_beyond_the_bound_are_read_from_the_log_instead(database_url: str) -> None:
    log = Log(800, seed=3)
    async with projecting(database_url, log, replace(FAST, max_waiting_facts=20)) as projection:
        log.tell_all(projection)
        await caught_up(projection, log.seq)
    await assert_equal_states(database_url, log)


async def test_offers_with_holes_and_repeats_change_nothing(database_url: str) -> None:
    log = Log(400, seed=4)
    async with projecting(database_url, log) as projection:
        facts = log.tell_all()
        for start in range(0, len(facts), 40):
            projection.offer(facts[start + 10 : start + 30])
            projection.offer(facts[start : start + 40])
        await caught_up(projection, log.seq)
    await assert_equal_states(database_url, log)


async def test_a_batch_that_fails_half_way_leaves_no_trace_and_is_done_again(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    log, failures = Log(500, seed=6), iter([3, 1, 7, 2])
    execute = asyncpg.Connection.execute
    countdown = next(failures)

    async def flaky(self: asyncpg.Connection, query: str, *arguments: object, **named: object) -> str:
        nonlocal countdown
        if query.lstrip().startswith("insert"):
            countdown -= 1
            if countdown == 0:
                countdown = next(failures, 10**9)
                raise ConnectionResetError("the wire was cut")
        return await execute(self, query, *arguments, **named)

    monkeypatch.setattr(asyncpg.Connection, "execute", flaky)
    async with projecting(database_url, log, replace(FAST, max_batch_facts=50)) as projection:
        log.tell_all(projection)
        await caught_up(projection, log.seq)
    await assert_equal_states(database_url, log)


async def test_a_database_of_another_log_is_not_continued(database_url: str) -> None:
    first, other = Log(200, seed=1), Log(300, seed=2)
    async with projecting(database_url, first) as projection:
        first.tell_all(projection)
        await caught_up(projection, first.seq)
    other.tell_all()
    async with projecting(database_url, other) as projection:
        await until(lambda: projection.state is ProjectionState.FAILED)
        assert "another log" in projection.error
        projection.offer(other.facts)
        assert not await projection.wait_for(other.seq, 0.05)
    await assert_equal_states(database_url, first)


async def test_a_database_ahead_of_a_shorter_log_is_not_continued(database_url: str) -> None:
    log = Log(200, seed=1)
    async with projecting(database_url, log) as projection:
        log.tell_all(projection)
        await caught_up(projection, log.seq)
    shorter = MemoryJournal()
    shorter.append(log.facts[:100], [])
    projection = Projection(database_url, "0", shorter, FAST)
    await projection.open()
    await until(lambda: projection.state is ProjectionState.FAILED)
    await projection.close()


@pytest.mark.parametrize("is_at_once", [True, False])
async def test_a_late_fills_cost_replaces_the_first_one(database_url: str, *, is_at_once: bool) -> None:
    """Readers see the first until the second is there, and the second ever after."""
    desk, log = make_desk(), Log(0)
    parent = late_filled(desk)
    async with projecting(database_url, log) as projection:
        n_first = (
            len(desk.facts)
            if is_at_once
            else next(n for n, fact in enumerate(desk.facts, 1) if isinstance(fact.event, TcaReported))
        )
        for facts in filter(None, (desk.facts[:n_first], desk.facts[n_first:])):
            log.journal.append(facts, ())
            projection.offer(facts)
            await caught_up(projection, log.seq)
        assert await projection.reads.tca(parent.account, parent.order_id) == parent.tca
        await assert_equal_states(database_url, log)


async def test_both_sides_of_a_trade_with_oneself_are_rows(database_url: str) -> None:
    desk, log = make_desk(), Log(0)
    _, (buy, *_) = desk.accepted(make_order(qty_units=100))
    _, (sale, *_) = desk.accepted(make_order(side=Side.SELL, qty_units=100))
    for child in (buy, sale):
        desk.fill(child, trade_id="t-of-both")
    async with projecting(database_url, log) as projection:
        log.journal.append(desk.facts, ())
        projection.offer(desk.facts)
        await caught_up(projection, log.seq)
        fills = await projection.reads.account_fills(buy.account, 10)
        assert {fill.fill.child_id for fill in fills} == {buy.child_id, sale.child_id}
        await assert_equal_states(database_url, log)


async def test_a_row_of_a_foreign_hand_stops_the_projection_and_nothing_else(database_url: str) -> None:
    log = Log(300, seed=1)
    fill = next(parent.fills[0].fill for parent in fold(log.facts).parents.values() if parent.fills)
    connection = await asyncpg.connect(database_url)
    await connection.execute(
        "insert into fills select 'exe_forged', 1, 1, 1, $1, 'o', 'c', $2, $3, $4, 1, 1, 1, 1, 1, 1, 1, '', 'taker',"
        " 1, 1, 1, 1, false, $5, '[]'",
        fill.account,
        fill.venue,
        fill.symbol,
        fill.venue_trade_id,
        fill.signed_qty_units,
    )
    await connection.close()
    async with projecting(database_url, log) as projection:
        log.tell_all(projection)
        await until(lambda: projection.state is ProjectionState.FAILED)
        assert "uq_fills" in projection.error
        projection.offer(log.facts[-1:])


async def test_an_unmigrated_database_is_waited_for(database_url: str) -> None:
    connection = await asyncpg.connect(database_url)
    await connection.execute("drop schema public cascade; create schema public")
    await connection.close()
    log = Log(100)
    async with projecting(database_url, log) as projection:
        log.tell_all(projection)
        await until(lambda: "alembic_version" in projection.error)
        assert projection.state is ProjectionState.CONNECTING
        await asyncio.to_thread(upgrade, database_url)
        await caught_up(projection, log.seq)
    await assert_equal_states(database_url, log)


async def test_receipts_and_the_rest_arrive(database_url: str) -> None:
    log = Log(1_200, seed=10)
    async with projecting(database_url, log) as projection:
        log.tell_all(projection)
        await caught_up(projection, log.seq)
    ledger = fold(log.facts)
    connection = await asyncpg.connect(database_url)
    found = await connection.fetch("select receipt_sha256, receipt from routes")
    assert {row["receipt_sha256"]: row["receipt"] for row in found} == log.receipts
    found = await connection.fetch("select account, venue, currency, amount_nano from balances")
    assert {(a, v, c): int(n) for a, v, c, n in found} == ledger.balances
    found = await connection.fetch("select account, venue, symbol, qty_units from positions")
    assert {(a, v, s): int(n) for a, v, s, n in found} == ledger.positions
    found = await connection.fetch("select scope, target, actor from kill_switches")
    assert {(s, t): a for s, t, a in found} == {(s.value, t): k.actor for (s, t), k in ledger.kills.items()}
    disabled = await connection.fetch("select venue from venue_switches where not is_enabled")
    assert {row[0] for row in disabled} == ledger.disabled_venues
    assert dict(await connection.fetch("select account, last_account_seq from accounts")) == ledger.account_seqs
    unrevoked = await connection.fetch("select prefix from api_keys where revoked_ts_ns is null")
    assert {row["prefix"] for row in unrevoked} == set(ledger.keys)
    assert await connection.fetchval("select count(*) from api_keys where revoked_ts_ns is not null") > 0
    assert await connection.fetchval("select count(*) from tca_reports") > 0
    for table in ("markouts", "still_markouts"):
        assert await connection.fetchval(f"select count(*) from {table}") > 0
    limits = await connection.fetch("select account, max(version) from account_limits group by account")
    assert dict(limits) == {account: limits.version for account, limits in ledger.limits.items()}
    columns = await connection.fetch("select column_name from information_schema.columns where table_name = 'api_keys'")
    assert not {"key_sha256", "key", "secret"} & {row[0] for row in columns}
    await connection.close()


async def test_without_a_database_there_is_nothing_to_wait_for() -> None:
    journal = MemoryJournal()
    projection = Projection("", "0", journal)
    await projection.open()
    facts, _ = story_facts(10)
    projection.offer(facts)
    assert (projection.state, projection.lag_facts, projection.is_connected) == (ProjectionState.OFF, 0, False)
    with pytest.raises(Unavailable, match="history_unavailable"):
        _ = projection.reads
    await projection.close()


async def test_an_absent_database_never_delays_an_offer() -> None:
    log = Log(2_000)
    async with projecting("postgresql://bestex:x@127.0.0.1:1/bestex", log) as projection:
        await until(lambda: projection.error != "")
        started_s = time.perf_counter()
        log.tell_all()
        for start in range(0, log.seq, 10):
            projection.offer(log.facts[start : start + 10])
        assert time.perf_counter() - started_s < 1.0
        assert projection.lag_facts == log.seq
        with pytest.raises(Unavailable, match="history_unavailable"):
            await projection.reads.order("desk-a", "ord_000001")


@pytest.fixture(scope="module")
def own_server() -> Iterator[EmbeddedPostgres]:
    """A server that a test may stop and kill."""
    folder = enterable_folder()
    server = EmbeddedPostgres(folder)
    try:
        yield server
    finally:
        server.stop()
        rmtree(folder, ignore_errors=True)


async def test_after_stops_and_kills_of_the_server_everything_is_caught_up_once(own_server: EmbeddedPostgres) -> None:
    url = await emptied(own_server)
    log = Log(2_500, seed=7)
    async with projecting(url, log, replace(FAST, max_batch_facts=40)) as projection:
        for halt in (own_server.crash, own_server.stop, own_server.crash):
            log.tell(60, projection)
            await asyncio.sleep(0.05)
            await asyncio.to_thread(halt)
            log.tell(60, projection)  # orders keep flowing
            await until(lambda: not projection.is_connected)
            assert projection.lag_facts > 0
            assert await asyncio.to_thread(own_server.start) == url
            await caught_up(projection, log.seq)
        log.tell_all(projection)
        await caught_up(projection, log.seq)
    await assert_equal_states(url, log)


async def test_a_frozen_server_is_noticed_and_never_holds_anybody_up(own_server: EmbeddedPostgres) -> None:
    url = await emptied(own_server)
    log = Log(600, seed=7)
    options = replace(FAST, connect_timeout_s=0.3, command_timeout_s=0.3, close_timeout_s=0.2)
    processes = server_processes(own_server)
    try:
        async with projecting(url, log, options) as projection:
            log.tell(20, projection)
            await caught_up(projection, log.seq)
            signal_all(processes | server_processes(own_server), signal.SIGSTOP)
            log.tell(20, projection)
            await until(lambda: not projection.is_connected)
            signal_all(processes | server_processes(own_server), signal.SIGCONT)
            log.tell(20, projection)
            await caught_up(projection, log.seq)
            signal_all(processes | server_processes(own_server), signal.SIGSTOP)
            log.tell_all(projection)
            await asyncio.sleep(0.05)
            started_s = time.perf_counter()
            await projection.close()
            assert time.perf_counter() - started_s < 2.0
    finally:
        signal_all(processes | server_processes(own_server), signal.SIGCONT)


def server_processes(server: EmbeddedPostgres) -> set[int]:
    return postgres_module._servers_in(server.home / "pgdata")


def signal_all(pids: set[int], word: signal.Signals) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, word)


OLDEST = Path("/usr/lib/postgresql/15/bin")


@pytest.mark.skipif(not (OLDEST / "postgres").exists(), reason="no PostgreSQL 15 of the system here")
async def test_the_oldest_server_that_is_promised_serves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(EmbeddedPostgres, "_binaries", lambda self: OLDEST)
    folder = enterable_folder()
    server = EmbeddedPostgres(folder, {"fsync": "off"})
    try:
        url = await emptied(server)
        log = Log(400, seed=7)
        async with projecting(url, log) as projection:
            log.tell_all(projection)
            await caught_up(projection, log.seq)
            parent = next(iter(fold(log.facts).parents.values()))
            assert await projection.reads.order(parent.account, parent.order_id) == parent
        await assert_equal_states(url, log)
    finally:
        server.stop()
        rmtree(folder, ignore_errors=True)


def enterable_folder() -> Path:
    """A new folder that an unprivileged server may enter."""
    folder = Path(mkdtemp(prefix="bestex-test-pg-"))
    folder.chmod(0o711)
    return folder


async def emptied(server: EmbeddedPostgres) -> str:
    """The URL of the running server's database, migrated and without rows."""
    url = await asyncio.to_thread(server.start)
    connection = await asyncpg.connect(url)
    await connection.execute("drop schema public cascade; create schema public")
    await connection.close()
    await asyncio.to_thread(upgrade, url)
    return url


async def until(is_so: object) -> None:
    deadline = time.monotonic() + WAIT_S
    while not is_so():  # type: ignore[operator]
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)


async def test_questions_wait_for_what_has_left_memory_before(database_url: str) -> None:
    log = Log(600, seed=9)
    log.tell(5)
    parent = next(iter(fold(log.facts).parents.values()))
    async with projecting(database_url, log, replace(FAST, rows_s=0.05)) as projection:
        await caught_up(projection, log.seq)
        projection.least_seq = log.facts[-1].seq
        with pytest.raises(Unavailable, match="history_unavailable"):
            await projection.past.order(parent.account, parent.order_id)
    async with projecting(database_url, log, replace(FAST, rows_s=WAIT_S)) as projection:
        projection.least_seq = log.facts[-1].seq
        asking = asyncio.create_task(projection.past.order(parent.account, parent.order_id))
        await caught_up(projection, log.seq)
        assert not asking.done()
        log.tell_all(projection)
        assert await asking == parent
