"""The local log, durable before anything leaves the process: one writer thread, one synced commit per group.

`append` queues a turn's facts and returns; the writer takes everything that waits, chains and commits it with one
statement, then says how far the log is durable. A commit that fails ends the process: nothing is acknowledged after.
Where nothing is under way and the disk syncs quickly, `append` commits by itself: the hand-over to a thread and back
would take longer than the sync (docs/adr/0021, 0044).
"""

from __future__ import annotations

import queue
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from app.domain.errors import InvariantBroken, Unavailable
from app.domain.events import Fact
from app.domain.ports import JournalReplica, SealedFact
from app.store.allowance import Allowance
from app.store.chain import GENESIS, link
from app.store.codec import EncodedFact, Encoder, decode_fact, record_of
from app.store.head import HeadFile, head_path, read_head
from app.store.journal_schema import (
    COLUMNS,
    GROUP_SIZES,
    INSERT_FACT,
    INSERT_RECEIPT,
    N_COLUMNS,
    group_insert,
    open_reader,
    open_writer,
    receipt_row,
)
from app.store.lock import WriterLock
from app.store.receipts import placed

MAX_QUEUED_FACTS: Final = 65_536
# A checkpoint syncs the file beside the commits and holds the disk for 20 to 30 ms where this is busy, whether a half
# second's commits are moved or four times as many: pages that several of them wrote are moved once.
CHECKPOINT_EVERY_S: Final = 2.0
REPLAY_CHUNK: Final = 2_000
# Beyond this the writer itself finishes a checkpoint between two commits, so that a log that is never idle starts
# over at the beginning of its write-ahead file instead of growing it for ever (16,384 pages of 4 KiB = 64 MiB).
MAX_WAL_PAGES: Final = 16_384
# What a quick commit takes at most; 40 KB synced to a common solid-state disk take 0.3 to 0.6 ms.
PROMPT_COMMIT_S: Final = 0.002

_Receipt = tuple[str, int, bytes]
_Turn = tuple[list[EncodedFact], list[_Receipt]]
_Insert = Callable[[sqlite3.Connection, list[tuple[object, ...]], list[_Receipt]], None]
_PADDING: Final = (None,) * N_COLUMNS


@dataclass(frozen=True, slots=True)
class JournalOptions:
    """`head_copy`: a second place for the head (another disk). `replica`: a second copy of the log.

    `prompt_commit_s`: what a quick commit takes, which `append` makes by itself as far as its allowance for that
    reaches (store/allowance.py); 0: the writer makes them all.
    `read_back_every`: one in so many of an order's common facts is read back before it is written; 1: each one.
    """

    max_queued_facts: int = MAX_QUEUED_FACTS
    checkpoint_every_s: float = CHECKPOINT_EVERY_S
    max_wal_pages: int = MAX_WAL_PAGES
    prompt_commit_s: float = PROMPT_COMMIT_S
    read_back_every: int = 1
    head_copy: Path | None = None
    replica: JournalReplica | None = field(default=None, compare=False)


class SqliteJournal:
    """The one writer of the journal file at `path`. Implements `Journal`.

    `on_durable(last_seq)` and `on_fatal(error)` are called from the writer thread (`on_fatal` possibly from the
    checkpoint thread) or within `append`: they must only hand over. After `on_fatal` nothing becomes durable any more.
    """

    def __init__(
        self,
        path: Path,
        *,
        on_durable: Callable[[int], None],
        on_fatal: Callable[[BaseException], None],
        options: JournalOptions | None = None,
    ) -> None:
        """Opens or makes the journal.

        Raises JournalInUse with the other writer's pid; InvariantBroken where the file is no journal of this version
        or ends before its own exported head.
        """
        self._options = options or JournalOptions()
        self._encode = Encoder(self._options.read_back_every).encode
        self._on_durable = on_durable
        self._on_fatal = on_fatal
        self._lock = WriterLock(path.with_suffix(".lock"))
        self._heads: list[HeadFile] = []
        try:
            self._writer = open_writer(path)
            self._checkpointer = open_writer(path)
            self._appended_seq, self._hash = _tip(self._writer, path)
            for place in (head_path(path), self._options.head_copy):
                if place is not None:
                    self._heads.append(HeadFile(place, self._appended_seq, self._hash))
        except BaseException:
            self._lock.release()
            raise
        self._durable_seq = self._appended_seq
        self._failure: BaseException | None = None
        self._is_closed = False
        self._wal_pages = 0
        self._allowance = Allowance(self._options.prompt_commit_s)
        self._guard = threading.Lock()  # of the writing connection and the chain
        self._waiting: queue.SimpleQueue[_Turn | None] = queue.SimpleQueue()
        self._stop_checkpoints = threading.Event()
        self._write_thread = threading.Thread(target=self._write, name="journal-writer", daemon=True)
        self._checkpoint_thread = threading.Thread(target=self._checkpoint, name="journal-checkpoint", daemon=True)
        self._write_thread.start()
        self._checkpoint_thread.start()

    @property
    def durable_seq(self) -> int:
        """Everything up to here survives a power cut."""
        return self._durable_seq

    @property
    def free_facts(self) -> int:
        """How many facts the queue still takes; 0 after a failure or `close`."""
        if self._failure is not None or self._is_closed:
            return 0
        return max(0, self._options.max_queued_facts - (self._appended_seq - self._durable_seq))

    def append(self, facts: Sequence[Fact], receipts: Sequence[tuple[str, bytes]]) -> None:
        """Queues one turn's facts with their receipts, all for one commit. From one thread only.

        Raises Unavailable (`storage_degraded`) when the queue is full or the log has failed, InvariantBroken for a
        gap in `seq`, a fact that cannot be written or a receipt that no route of the turn names; then nothing of the
        turn is queued.
        """
        if len(facts) > self.free_facts:
            raise Unavailable("storage_degraded", f"the journal takes no more: {self._failure or 'queue full'}")
        if not facts:
            placed(facts, receipts)
            return
        encoded = [self._encode(fact) for fact in facts]
        for seq, fact in enumerate(encoded, self._appended_seq + 1):
            if fact.seq != seq:
                raise InvariantBroken(reason="a gap in the log", expected_seq=seq, seq=fact.seq)
        turn = (encoded, placed(facts, receipts))
        is_alone = self._durable_seq == self._appended_seq
        self._appended_seq += len(encoded)
        if not (is_alone and self._commits_promptly(*turn)):
            self._waiting.put(turn)

    def _commits_promptly(self, facts: list[EncodedFact], receipts: list[_Receipt]) -> bool:
        """Commits in the caller's thread, if that is the quicker way; False where nothing was done.

        Only with nothing under way, so that the order is kept, and never where the commit brings other work along: a
        replica, a statement in parts, a checkpoint that is due.
        """
        options = self._options
        if options.replica is not None or self._wal_pages > options.max_wal_pages:
            return False
        if len(facts) + len(receipts) > GROUP_SIZES[-1] // 2:
            return False
        began_s = time.perf_counter()
        if not self._allowance.allows(began_s) or not self._guard.acquire(blocking=False):
            return False
        try:
            self._commit(facts, receipts, insert_each)
        except BaseException as error:  # noqa: BLE001 - as in the writer's thread: nothing may be acknowledged after
            self._fail(error)
        finally:
            self._guard.release()
        self._allowance.spend(began_s, time.perf_counter())
        return True

    def close(self) -> None:
        """Makes everything queued durable, folds the write-ahead file into the journal, gives the lock back."""
        if self._is_closed:
            return
        self._is_closed = True
        self._waiting.put(None)
        self._write_thread.join()
        self._stop_checkpoints.set()
        self._checkpoint_thread.join()
        if self._failure is None:
            self._checkpointer.execute("pragma wal_checkpoint(truncate)").fetchone()
        self._writer.close()
        self._checkpointer.close()
        for head in self._heads:
            head.close()
        if self._options.replica is not None:
            self._options.replica.close()
        self._lock.release()

    def _write(self) -> None:
        try:
            while (group := self._next_group()) is not None:
                with self._guard:
                    self._commit(*group, insert_together)
        except BaseException as error:  # noqa: BLE001 (a thread's rim: whatever it is, nothing may be acknowledged after)
            self._fail(error)

    def _next_group(self) -> _Turn | None:
        """Everything that waits, up to one statement's worth; whole turns only. None at the end."""
        turn = self._waiting.get()
        if turn is None:
            return None
        facts, receipts = list(turn[0]), list(turn[1])
        while len(facts) + len(receipts) < GROUP_SIZES[-1] // 2 and self._waiting.qsize():
            turn = self._waiting.get()
            if turn is None:
                self._waiting.put(None)
                break
            facts += turn[0]
            receipts += turn[1]
        return facts, receipts

    def _commit(self, facts: list[EncodedFact], receipts: list[_Receipt], insert: _Insert) -> None:
        chain_hash = self._hash
        rows: list[tuple[object, ...]] = []
        for fact in facts:
            chain_hash = link(chain_hash, fact.seq, fact.record)
            rows.append((*fact[:7], chain_hash))
        last_seq = facts[-1].seq
        insert(self._writer, rows, receipts)
        self._hash = chain_hash
        for head in self._heads:
            head.write(last_seq, chain_hash)
        if self._failure is not None:
            return
        self._durable_seq = last_seq
        self._on_durable(last_seq)
        if self._options.replica is not None:
            sealed = [SealedFact(*row) for row in rows]  # type: ignore[arg-type]
            self._options.replica.receive(sealed, [(sha256, body) for sha256, _, body in receipts])
        if self._wal_pages > self._options.max_wal_pages:
            self._wal_pages = 0
            self._writer.execute("pragma wal_checkpoint(passive)").fetchone()

    def _checkpoint(self) -> None:
        """Moves committed pages into the file on its own connection, so that no commit ever pays for it."""
        moved_seq = self._durable_seq
        try:
            while not self._stop_checkpoints.wait(self._options.checkpoint_every_s):
                if moved_seq == self._durable_seq:
                    continue
                moved_seq = self._durable_seq
                _, wal_pages, _ = self._checkpointer.execute("pragma wal_checkpoint(passive)").fetchone()
                self._wal_pages = wal_pages
        except BaseException as error:  # noqa: BLE001 (a thread's rim: an unsynced file must stop the process)
            self._fail(error)

    def _fail(self, error: BaseException) -> None:
        self._failure = error
        self._on_fatal(error)


class JournalReader:
    """Reads a journal file on its own read-only connection, beside its writer; implements `FactReader`.

    Sees only what is durable. One reader may be shared by threads: calls take turns.
    """

    def __init__(self, path: Path) -> None:
        """Raises InvariantBroken where the file is no journal of this version, OSError where there is none."""
        if not path.exists():
            raise FileNotFoundError(path)
        self._connection = open_reader(path)
        self._guard = threading.Lock()

    def read(self, after_seq: int, limit: int) -> list[Fact]:
        """Up to `limit` facts after `after_seq`, in order."""
        rows = self._rows(f"select {COLUMNS} from facts where seq > ? order by seq limit ?", (after_seq, limit))  # noqa: S608
        return [decode_fact(row) for row in rows]

    def read_account(self, account: str, after_account_seq: int, limit: int) -> list[Fact]:
        """Up to `limit` facts of one account after its `after_account_seq`, in order."""
        rows = self._rows(
            f"select {COLUMNS} from facts where account = ? and account_seq > ? and account_seq > 0"  # noqa: S608
            " order by account_seq limit ?",
            (account, after_account_seq, limit),
        )
        return [decode_fact(row) for row in rows]

    def read_sealed(self, after_seq: int, limit: int) -> list[SealedFact]:
        """As `read`, undecoded and with the chain's hashes."""
        rows = self._rows(f"select {COLUMNS} from facts where seq > ? order by seq limit ?", (after_seq, limit))  # noqa: S608
        return [SealedFact(*row) for row in rows]

    def read_receipts(self, after_seq: int, to_seq: int) -> list[tuple[str, int, bytes]]:
        """(sha256, seq, bytes) of the receipts first stored with facts in (after_seq, to_seq]."""
        return self._rows(
            "select sha256, seq, body from receipts where seq > ? and seq <= ? order by seq, sha256",
            (after_seq, to_seq),
        )

    def receipt(self, sha256: str) -> bytes | None:
        """The receipt stored under this SHA-256 (hex), None where there is none."""
        return self.receipts([sha256]).get(sha256)

    def receipts(self, sha256s: Sequence[str]) -> dict[str, bytes]:
        """The receipts stored under these SHA-256 (hex)."""
        found: dict[str, bytes] = {}
        for start in range(0, len(sha256s), 500):
            some = sha256s[start : start + 500]
            marks = ",".join("?" * len(some))
            found.update(self._rows(f"select sha256, body from receipts where sha256 in ({marks})", tuple(some)))  # noqa: S608
        return found

    def head(self) -> tuple[int, bytes]:
        """The last durable seq and its chain hash; (0, genesis) of an empty log."""
        rows = self._rows("select seq, hash from facts order by seq desc limit 1", ())
        return (rows[0][0], rows[0][1]) if rows else (0, GENESIS)

    def hash_at(self, seq: int) -> bytes:
        """The chain hash of record `seq` (0: genesis); empty where the log does not hold it."""
        if seq == 0:
            return GENESIS
        rows = self._rows("select hash from facts where seq = ?", (seq,))
        return bytes(rows[0][0]) if rows else b""

    def replay(self, after_seq: int = 0, chain_hash: bytes = GENESIS) -> Iterator[Fact]:
        """Every fact after `after_seq`, whose chain hash is given, read in chunks, with the chain verified on the way.

        Raises InvariantBroken, naming the seq, at a gap or a record that its hash does not fit.
        """
        seq = after_seq
        while rows := self._rows(
            f"select {COLUMNS} from facts where seq > ? order by seq limit ?",  # noqa: S608
            (seq, REPLAY_CHUNK),
        ):
            for row in rows:
                seq += 1
                chain_hash = link(chain_hash, seq, record_of(row))
                if row[0] != seq or row[7] != chain_hash:
                    raise InvariantBroken(reason="the journal was changed", expected_seq=seq, seq=row[0])
                yield decode_fact(row)

    def order_facts(self, account: str, order_id: str, from_ts_ns: int, before_seq: int) -> list[Fact]:
        """Facts of `account` from `from_ts_ns` on and before `before_seq` whose bytes name the order, in order.

        Looks at every record in between, some hundred thousand a second: for what is seldom asked.
        """
        first_seq, end_seq = 1, before_seq
        while first_seq < end_seq:  # stamps never fall along the log
            middle = (first_seq + end_seq) // 2
            ((ts_ns,),) = self._rows("select ts_ns from facts where seq = ?", (middle,))
            first_seq, end_seq = (first_seq, middle) if ts_ns >= from_ts_ns else (middle + 1, end_seq)
        rows = self._rows(
            f"select {COLUMNS} from facts where seq >= ? and seq < ? and account = ?"  # noqa: S608
            " and instr(body, ?) > 0 order by seq",
            (first_seq, before_seq, account, order_id.encode()),
        )
        return [decode_fact(row) for row in rows]

    def close(self) -> None:
        self._connection.close()

    def _rows(self, statement: str, arguments: tuple[object, ...]) -> list[Any]:
        with self._guard:
            return self._connection.execute(statement, arguments).fetchall()


def _tip(connection: sqlite3.Connection, path: Path) -> tuple[int, bytes]:
    """The last record's seq and hash; raises InvariantBroken where the exported head knows better."""
    row = connection.execute("select seq, hash from facts order by seq desc limit 1").fetchone()
    seq, chain_hash = row or (0, GENESIS)
    head = read_head(head_path(path))
    if head is None:
        return seq, chain_hash
    known = connection.execute("select hash from facts where seq = ?", (head[0],)).fetchone()
    if (known[0] if known else GENESIS if head[0] == 0 else b"") != head[1]:
        raise InvariantBroken(reason="the journal lost what its head proves", head_seq=head[0], seq=seq)
    return seq, chain_hash


def insert_together(connection: sqlite3.Connection, facts: list[tuple[object, ...]], receipts: list[_Receipt]) -> None:
    """One commit by one statement: the interpreter's lock is given away once, which the loop wants back at once."""
    rows: list[object] = [value for fact in facts for value in fact]
    for receipt in receipts:
        rows += receipt_row(*receipt)
    insert_rows(connection, rows)


def insert_each(connection: sqlite3.Connection, facts: list[tuple[object, ...]], receipts: list[_Receipt]) -> None:
    """One commit by a statement a row: a third less CPU than one for all, where no thread contends for the lock."""
    connection.execute("begin immediate")
    try:
        connection.executemany(INSERT_FACT, facts)
        connection.executemany(INSERT_RECEIPT, receipts)
        connection.execute("commit")
    except BaseException:
        if connection.in_transaction:
            connection.execute("rollback")
        raise


def insert_rows(connection: sqlite3.Connection, rows: list[object]) -> None:
    """One commit of all `rows` (flat, `N_COLUMNS` each): one statement, or several in a transaction when giant."""
    if len(rows) <= GROUP_SIZES[-1] * N_COLUMNS:
        _insert_group(connection, rows)
        return
    connection.execute("begin immediate")
    try:
        step = GROUP_SIZES[-1] * N_COLUMNS
        for start in range(0, len(rows), step):
            _insert_group(connection, rows[start : start + step])
        connection.execute("commit")
    except sqlite3.Error:
        if connection.in_transaction:
            connection.execute("rollback")
        raise


def _insert_group(connection: sqlite3.Connection, rows: list[object]) -> None:
    statement, size = group_insert(len(rows) // N_COLUMNS)
    connection.execute(statement, rows + list(_PADDING) * (size - len(rows) // N_COLUMNS))
