"""Postgres as a projection of the log: each fact applied once, in order, by batches; behind when the database is away.

The order path never waits here. `offer` only notes facts; a task of its own folds them into a small ledger and writes
the touched rows with the watermark in one transaction. What was missed is read again from the log, by seq.

Where it is given an `Apart`, another process does all that from the log's file (workers/projector.py): this one only
hears how far it is, and answers questions. The rows, their order and their watermark are the same.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum, unique
from typing import Any, Final, Protocol

import asyncpg

from app import observe
from app.domain.enums import ParentState
from app.domain.errors import InvariantBroken, Unavailable
from app.domain.events import Fact
from app.domain.markouts import HORIZONS_NS
from app.domain.ports import FactReader
from app.execution.ledger import Ledger, evolve
from app.execution.working_set import adopt, is_lacking, order_of, release
from app.store import rows
from app.store.migrate import HEAD, plain_url
from app.store.orders import LOST, PostgresReads, Slots, load_parents
from app.store.projection_batch import MOST_ROWS, Batch

# Of what the server says, that which a retry would meet again: our bug or a foreign hand in the tables.
_BROKEN: Final = (asyncpg.IntegrityConstraintViolationError, asyncpg.DataError, asyncpg.SyntaxOrAccessError)
_YIELD_EVERY: Final = 16  # facts folded between two yields to the loop: well under a millisecond
_WATERMARK: Final = """
insert into watermarks (shard, epoch, seq, ts_ns, chain_hash) values ($1, $2, $3, $4, $5)
on conflict (shard) do update
    set epoch = excluded.epoch, seq = excluded.seq, ts_ns = excluded.ts_ns, chain_hash = excluded.chain_hash
"""


@unique
class ProjectionState(StrEnum):
    """`off`: no database is configured. `failed`: it will not go on without help; `error` says why."""

    OFF = "off"
    CONNECTING = "connecting"
    CATCHING_UP = "catching_up"
    LIVE = "live"
    FAILED = "failed"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class ProjectionOptions:
    """`linger_s`: how long a batch gathers, unless it is full or somebody waits. `keep_done_ns`: how long, in the log's
    own time, a done order stays in memory after it was projected: longer than until it is measured, which ends its stay
    (or all would be asked back from the database for that). `max_waiting_facts`: beyond it the log itself is the
    queue. `most_rows`: rows of one statement; making them holds the loop a millisecond for some sixteen. `rows_s`: how
    long a question after a start waits for the rows of before; a process that makes them must start first."""

    max_batch_facts: int = 512
    most_rows: int = MOST_ROWS
    linger_s: float = 0.25
    max_waiting_facts: int = 16_384
    keep_done_ns: int = HORIZONS_NS[-1] + 30_000_000_000
    backoff_s: float = 0.1
    max_backoff_s: float = 2.0
    connect_timeout_s: float = 5.0
    command_timeout_s: float = 15.0
    close_timeout_s: float = 1.0
    rows_s: float = 5.0


@dataclass(frozen=True, slots=True)
class Standing:
    """How a projection stands. `watermark_seq`: up to where the rows are committed; `error`: why it is not live."""

    state: ProjectionState
    watermark_seq: int
    error: str = ""


class Apart(Protocol):
    """A process of its own that projects. All methods belong to the loop that called `run`."""

    async def run(self, hear: Callable[[Standing], None]) -> None:
        """Starts it and passes on every change of its standing; returns when it has ended, with nothing left of it."""
        ...

    def expect(self, seq: int, *, is_awaited: bool) -> None:
        """Tells it that the log holds `seq`; `is_awaited`: somebody waits for these rows. Lost while none runs."""
        ...

    async def end(self, timeout_s: float) -> None:
        """Lets it go, or kills it where that takes longer; its transaction then never happened."""
        ...


class Projection:
    """Keeps Postgres up with one shard's log. All methods belong to the event loop that called `open`."""

    def __init__(
        self,
        url: str,
        shard: str,
        reader: FactReader,
        options: ProjectionOptions | None = None,
        *,
        apart: Apart | None = None,
        on_change: Callable[[Standing], None] | None = None,
    ) -> None:
        """`url` empty: no database; then nothing is projected and `reads` is refused.

        `apart`: who projects instead of this process. `on_change` hears of every change of the standing.
        """
        self._url = plain_url(url) if url else ""
        self._shard = shard
        self._reader = reader
        self._apart = apart
        self._on_change = on_change
        self._options = options or ProjectionOptions()
        self.least_seq = 0  # what questions are answered from: what left memory before is then in the rows
        self._state = ProjectionState.CONNECTING if url else ProjectionState.OFF
        self._error = ""
        self._waiting: deque[Fact] = deque()
        self._known_seq = 0
        self._watermark_seq = 0
        self._ledger = Ledger()
        self._chain_hash = b""
        self._done: deque[tuple[int, str]] = deque()
        self._has_work = asyncio.Event()
        self._is_pressed = asyncio.Event()  # a batch is full, or somebody waits: no more gathering
        self._waiters: list[tuple[int, asyncio.Future[None]]] = []
        self._pool: asyncpg.Pool | None = None
        self._connection: asyncpg.Connection[Any] | None = None
        self._task: asyncio.Task[None] | None = None
        self._is_closing = False

    @property
    def watermark_seq(self) -> int:
        """Everything up to here is committed in Postgres, as far as this process knows."""
        return self._watermark_seq

    @property
    def lag_facts(self) -> int:
        """How many durable facts the database does not have yet."""
        return 0 if self._state is ProjectionState.OFF else max(0, self._known_seq - self._watermark_seq)

    @property
    def state(self) -> ProjectionState:
        return self._state

    @property
    def standing(self) -> Standing:
        return Standing(self._state, self._watermark_seq, self._error)

    @property
    def error(self) -> str:
        """Why it is not live, empty when nothing is wrong."""
        return self._error

    @property
    def is_connected(self) -> bool:
        return self._state in {ProjectionState.CATCHING_UP, ProjectionState.LIVE}

    @property
    def n_held_orders(self) -> int:
        """Orders in the projection's own memory."""
        return len(self._ledger.parents)

    @property
    def reads(self) -> PostgresReads:
        """The database's answers; raises Unavailable (`history_unavailable`) where none is configured or not open."""
        if self._pool is None:
            raise Unavailable("history_unavailable", "no database is configured")
        return self.past

    @property
    def past(self) -> PostgresReads:
        """As `reads`, at any time: a question is refused while there is no database."""
        return PostgresReads(self)

    @contextlib.asynccontextmanager
    async def acquire(self, *, timeout: float) -> AsyncIterator[Any]:  # noqa: ASYNC109 (the pool's own word)
        """A connection of the pool, once the rows are as far as `least_seq`. Raises Unavailable where they are not."""
        if self._pool is None:
            raise Unavailable("history_unavailable", "no database is open")
        if self._watermark_seq < self.least_seq and not await self.wait_for(self.least_seq, self._options.rows_s):
            raise Unavailable("history_unavailable", "the database has not caught up with the log")
        async with self._pool.acquire(timeout=timeout) as connection:
            yield connection

    async def open(self) -> None:
        """Starts following; returns at once, whether or not the database is there."""
        if self._state is ProjectionState.OFF:
            return
        self._pool = await asyncpg.create_pool(
            self._url,
            min_size=0,
            max_size=6,
            timeout=self._options.connect_timeout_s,
            command_timeout=self._options.command_timeout_s,
        )
        work = self._follow() if self._apart is None else self._hear(self._apart)
        self._task = asyncio.create_task(work, name="projection")

    def offer(self, facts: Sequence[Fact]) -> None:
        """Durable facts, in order. Never blocks, never raises: what does not fit is read from the log later."""
        if not facts or self._state in {ProjectionState.OFF, ProjectionState.FAILED}:
            return
        if self._apart is not None:
            self._known_seq = max(self._known_seq, facts[-1].seq)
            self._apart.expect(self._known_seq, is_awaited=False)
            return
        if len(self._waiting) + len(facts) > self._options.max_waiting_facts:
            self._waiting.clear()
        elif not self._waiting or self._waiting[-1].seq + 1 == facts[0].seq:
            self._waiting.extend(facts)
        self.expect(facts[-1].seq)

    def expect(self, seq: int) -> None:
        """The log holds `seq` durably: what was not offered is read from there."""
        self._known_seq = max(self._known_seq, seq)
        self._has_work.set()
        if self._known_seq - self._ledger.seq >= self._options.max_batch_facts:
            self._is_pressed.set()

    async def wait_for(self, seq: int, timeout_s: float) -> bool:
        """True once `seq` is in Postgres, False if that took longer than `timeout_s`."""
        if self._watermark_seq >= seq:
            return True
        arrived: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        waiter = (seq, arrived)
        self._waiters.append(waiter)
        self._is_pressed.set()
        if self._apart is not None:
            self._apart.expect(seq, is_awaited=True)
        try:
            await asyncio.wait_for(arrived, timeout_s)
        except TimeoutError:
            return False
        finally:
            self._waiters.remove(waiter)
        return True

    async def account_slots(self) -> tuple[int, Slots, Slots]:
        """(watermark, balances in nano, positions in units), of one instant; raises Unavailable as `reads` does."""
        return await self.reads.account_slots(self._shard)

    async def close(self) -> None:
        """Projects what is left, if that takes no longer than `close_timeout_s`, and lets the database go."""
        if self._task is not None:
            if self.is_connected:
                await self.wait_for(self._known_seq, self._options.close_timeout_s)
            self._is_closing = True
            if self._apart is not None:
                await self._apart.end(self._options.close_timeout_s)
            self._task.cancel()
            if self._connection is not None:
                self._connection.terminate()  # or a rollback would wait for a server that may be frozen
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
            self._task = None
        if self._pool is not None:
            pool, self._pool = self._pool, None
            try:
                await asyncio.wait_for(pool.close(), self._options.close_timeout_s)
            except LOST:
                pool.terminate()
        if self._state is not ProjectionState.OFF:
            self._state = ProjectionState.CLOSED

    async def _hear(self, apart: Apart) -> None:
        """As `_follow`, where a process of its own does the work: one that ended is started again."""
        backoff_s = self._options.backoff_s
        await self._look()
        while not self._is_closing:
            before_seq = self._watermark_seq
            try:
                await apart.run(self._heard)
                self._stand(ProjectionState.CONNECTING, "the projector's process has ended")
            except Exception as error:  # noqa: BLE001 (a task's rim: trading goes on whatever happens here)
                self._stand(ProjectionState.CONNECTING, str(error) or type(error).__name__)
            if self._is_closing:
                return
            observe.projection_lost(self._error)
            observe.projection_lagging(self.lag_facts)
            backoff_s = self._options.backoff_s if self._watermark_seq > before_seq else backoff_s
            await asyncio.sleep(backoff_s)
            backoff_s = min(2 * backoff_s, self._options.max_backoff_s)

    async def _look(self) -> None:
        """How far the rows are, before there is a process that says so: a question need not wait for its start."""
        pool = self._pool
        assert pool is not None
        try:
            async with pool.acquire(timeout=self._options.connect_timeout_s) as connection:
                mark = await self._mark(connection)
        except Exception as error:  # noqa: BLE001 (the process will find the same, and says so)
            self._stand(ProjectionState.CONNECTING, str(error) or type(error).__name__)
        else:
            self._advance(mark["seq"] if mark is not None else 0)

    def _heard(self, standing: Standing) -> None:
        """What the projector's process says. One that has just begun may be asked for what is awaited here."""
        self._stand(standing.state, standing.error)
        if self.is_connected:  # before that it knows of no row yet
            self._advance(standing.watermark_seq)
        observe.projection_lagging(self.lag_facts)
        if self._apart is not None and self._known_seq > standing.watermark_seq:
            self._apart.expect(self._known_seq, is_awaited=bool(self._waiters))

    def _stand(self, state: ProjectionState, error: str) -> None:
        is_new = (state, error) != (self._state, self._error)
        self._state, self._error = state, error
        if is_new and self._on_change is not None:
            self._on_change(self.standing)

    async def _follow(self) -> None:
        backoff_s = self._options.backoff_s
        while not self._is_closing:
            before_seq = self._watermark_seq
            try:
                self._connection = await asyncpg.connect(
                    self._url,
                    timeout=self._options.connect_timeout_s,
                    command_timeout=self._options.command_timeout_s,
                )
                try:
                    await self._follow_on(self._connection)
                finally:
                    self._connection.terminate()
            except Exception as error:  # noqa: BLE001 (a task's rim: trading goes on whatever happens here)
                if self._is_closing:
                    return
                is_first, why = not self._error, str(error) or type(error).__name__
                if not _may_pass(error):
                    self._stand(ProjectionState.FAILED, why)
                    self._waiting.clear()
                    observe.projection_failed(why)
                    return
                self._stand(ProjectionState.CONNECTING, why)
                if is_first:
                    observe.projection_lost(why)
            observe.projection_lagging(self.lag_facts)
            backoff_s = self._options.backoff_s if self._watermark_seq > before_seq else backoff_s
            await asyncio.sleep(backoff_s)
            backoff_s = min(2 * backoff_s, self._options.max_backoff_s)

    async def _follow_on(self, connection: asyncpg.Connection[Any]) -> None:
        """Projects until the connection is lost; begins by reading where the database stands."""
        await self._restore(connection)
        self._known_seq = max(self._known_seq, (await asyncio.to_thread(self._reader.head))[0])
        self._stand(ProjectionState.CATCHING_UP, "")
        while True:
            if self._known_seq > self._ledger.seq:
                await self._gather()
            facts = await self._next_facts()
            if facts:
                await self._project(connection, facts)
                continue
            self._stand(ProjectionState.LIVE, "")
            self._has_work.clear()
            if self._known_seq > self._ledger.seq:
                continue
            try:
                await asyncio.wait_for(self._has_work.wait(), self._options.max_backoff_s)
            except TimeoutError:
                await connection.execute("select 1")  # an idle outage is seen, too

    async def _gather(self) -> None:
        """Lets a batch grow: a larger one costs fewer statements an order, and what changes twice is written once."""
        self._is_pressed.clear()
        if self._known_seq - self._ledger.seq < self._options.max_batch_facts and not self._waiters:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._is_pressed.wait(), self._options.linger_s)

    async def _restore(self, connection: asyncpg.Connection[Any]) -> None:
        """The ledger as the database has it at its watermark; orders come in when facts concern them.

        Raises as `_mark` does.
        """
        ledger, mark = Ledger(), await self._mark(connection)
        if mark is not None:
            ledger.shard, ledger.epoch = self._shard, mark["epoch"]
            ledger.seq, ledger.ts_ns = mark["seq"], mark["ts_ns"]
            ledger.account_seqs = dict(await connection.fetch("select account, last_account_seq from accounts"))
            for row in await connection.fetch("select account, venue, currency, amount_nano from balances"):
                ledger.balances[row["account"], row["venue"], row["currency"]] = int(row["amount_nano"])
            for row in await connection.fetch("select account, venue, symbol, qty_units from positions"):
                ledger.positions[row["account"], row["venue"], row["symbol"]] = int(row["qty_units"])
            for row in await connection.fetch("select * from conditional_orders where done_reason = ''"):
                ledger.definitions.adopt(rows.conditional_record(row))
        self._chain_hash = mark["chain_hash"] if mark is not None else b""
        self._ledger = ledger
        self._done.clear()
        self._advance(ledger.seq)

    async def _mark(self, connection: Any) -> Any:
        """The shard's watermark, proven to be of this log; None where there is none yet.

        Raises InvariantBroken where it is of another log, UndefinedTableError where a migration is lacking.
        """
        if await connection.fetchval("select version_num from alembic_version") != HEAD:
            raise asyncpg.UndefinedTableError("the database is not migrated to this release")
        mark = await connection.fetchrow("select * from watermarks where shard = $1", self._shard)
        if mark is not None and await asyncio.to_thread(self._reader.hash_at, mark["seq"]) != mark["chain_hash"]:
            raise InvariantBroken(reason="the database continues another log", shard=self._shard, seq=mark["seq"])
        return mark

    async def _next_facts(self) -> list[Fact]:
        """The facts that follow, from the offered ones if they join up, from the log if not; empty when up to date."""
        waiting, next_seq = self._waiting, self._ledger.seq + 1
        while waiting and waiting[0].seq < next_seq:
            waiting.popleft()
        n_facts = self._options.max_batch_facts
        if waiting and waiting[0].seq == next_seq:
            return [waiting.popleft() for _ in range(min(n_facts, len(waiting)))]
        if self._known_seq >= next_seq:
            return await asyncio.to_thread(self._reader.read, next_seq - 1, n_facts)
        return []

    async def _project(self, connection: asyncpg.Connection[Any], facts: Sequence[Fact]) -> None:
        ledger, batch = self._ledger, Batch()
        await self._load(connection, facts)
        for i, fact in enumerate(facts, 1):
            evolve(ledger, fact)
            batch.add(ledger, fact)
            if i % _YIELD_EVERY == 0:
                await asyncio.sleep(0)
        named = batch.named_receipts()
        receipts = await asyncio.to_thread(self._reader.receipts, named) if named else {}
        chain_hash = await asyncio.to_thread(self._reader.hash_at, ledger.seq)
        async with connection.transaction():
            held = await connection.fetchval(
                "select chain_hash from watermarks where shard = $1 for update", self._shard
            )
            if (held or b"") != self._chain_hash:
                raise asyncpg.InterfaceError("another process moved the watermark")
            for statement, arguments in batch.writes(ledger, receipts, self._options.most_rows):
                await connection.execute(statement, *arguments)
            await connection.execute(_WATERMARK, self._shard, ledger.epoch, ledger.seq, ledger.ts_ns, chain_hash)
        self._chain_hash = chain_hash
        self._advance(ledger.seq)
        self._let_go(batch)
        observe.projection_lagging(self.lag_facts)

    async def _load(self, connection: asyncpg.Connection[Any], facts: Sequence[Fact]) -> None:
        """Takes the orders back that `facts` concern and memory has let go."""
        lacking = {order_of(f.event): f.account for f in facts if is_lacking(self._ledger, f.event)}
        for fact in facts:
            if fact.event.KIND == "order_accepted":
                lacking.pop(order_of(fact.event), None)
        if not lacking:
            return
        found = await load_parents(connection, [(account, order_id) for order_id, account in lacking.items()])
        for order_id in lacking:
            if order_id not in found:
                raise InvariantBroken(reason="an order is not in the database", order_id=order_id)
            adopt(self._ledger, found[order_id])

    def _let_go(self, batch: Batch) -> None:
        """Forgets orders that are done and told whole, or projected long enough ago."""
        ledger = self._ledger
        for order_id in batch.orders:
            parent = ledger.parents[order_id]
            if parent.state is ParentState.DONE:
                if order_id in batch.told_whole:
                    release(ledger, order_id)
                else:
                    self._done.append((parent.updated_ts_ns, order_id))
        for conditional_id in batch.conditionals:
            if ledger.definitions.all[conditional_id].is_done:
                ledger.definitions.release(conditional_id)
        while self._done and self._done[0][0] + self._options.keep_done_ns <= ledger.ts_ns:
            noted_ts_ns, order_id = self._done.popleft()
            held = ledger.parents.get(order_id)
            if held is not None and held.updated_ts_ns == noted_ts_ns:
                release(ledger, order_id)
        ledger.refusals.clear()
        ledger.still.clear()

    def _advance(self, seq: int) -> None:
        self._watermark_seq = seq
        for wanted_seq, arrived in self._waiters:
            if wanted_seq <= seq and not arrived.done():
                arrived.set_result(None)
        if self._on_change is not None:
            self._on_change(self.standing)


def _may_pass(error: Exception) -> bool:
    """True for an outage, or for a schema that somebody has still to migrate."""
    if isinstance(error, asyncpg.UndefinedTableError):
        return True
    return isinstance(error, LOST) and not isinstance(error, _BROKEN)
