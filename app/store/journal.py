"""The local log, durable before what hangs on it leaves the process: one writer thread, one synced commit per group.

`append` queues a turn's facts and returns; the writer takes everything that waits, chains it and commits it as one row
(docs/adr/0049), then says how far the log is durable. A commit that fails ends the process: nothing is acknowledged
after. Where nothing is under way and the disk syncs quickly, `append` commits by itself: the hand-over to a thread and
back would take longer than the sync (docs/adr/0021, 0044).
"""

from __future__ import annotations

import queue
import sqlite3
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from app.domain.errors import InvariantBroken, Unavailable
from app.domain.events import Fact
from app.domain.ports import JournalReplica
from app.store.allowance import Allowance
from app.store.chain import GENESIS, link
from app.store.encoder import Encoder, Records
from app.store.head import HeadFile, head_path, read_head
from app.store.journal_schema import PAGE_BYTES, insert_turn, open_reader, open_writer
from app.store.lock import WriterLock
from app.store.places import PlaceRow, Places, write_places
from app.store.receipts import placed
from app.store.runway import Runway
from app.store.stored_turns import StoredTurns
from app.store.turns import Receipt, Turn, account_lines, decode_line, make_turn

MAX_QUEUED_FACTS: Final = 65_536
# A checkpoint syncs the file beside the commits and holds the disk for 20 to 30 ms where this is busy, whether a half
# second's commits are moved or four times as many: pages that several of them wrote are moved once.
CHECKPOINT_EVERY_S: Final = 2.0
# Beyond this the writer itself finishes a checkpoint between two commits, so that a log that is never idle starts
# over at the beginning of its write-ahead file instead of growing it for ever (8,192 pages of 8 KiB = 64 MiB).
MAX_WAL_PAGES: Final = 8_192
# How often it is looked whether the write-ahead file has room laid out ahead.
RUNWAY_EVERY_S: Final = 0.1
# What one commit takes of what waits: whole turns up to about so many facts and receipts; the caller's thread makes
# no larger one itself.
MAX_GROUP: Final = 512
# Rows that a reader holds at a time; a full one is some 300 KB, most are some KB.
_ROWS_AT_ONCE: Final = 16
# What a quick commit takes at most; 40 KB synced to a common solid-state disk take 0.3 to 0.6 ms.
PROMPT_COMMIT_S: Final = 0.002

_Group = tuple[Records, list[Receipt]]


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
        self._spell = Encoder(self._options.read_back_every).spell
        self._spell_aside = Encoder(sys.maxsize).spell  # which facts are read back is counted apart
        self._on_durable = on_durable
        self._on_fatal = on_fatal
        self._lock = WriterLock(path.with_suffix(".lock"))
        self._heads: list[HeadFile] = []
        try:
            self._writer = open_writer(path)
            self._checkpointer = open_writer(path)
            self._appended_seq, self._hash = _tip(StoredTurns(self._writer), path)
            self._places = Places(self._writer)
            for place in (head_path(path), self._options.head_copy):
                if place is not None:
                    self._heads.append(HeadFile(place, self._appended_seq, self._hash))
        except BaseException:
            self._lock.release()
            raise
        self._durable_seq = self._stored_seq = self._appended_seq
        self._failure: BaseException | None = None
        self._is_closed = False
        self._wal_pages = 0
        self._runway = Runway(path, 3 * self._options.max_wal_pages * PAGE_BYTES // 2)
        self._allowance = Allowance(self._options.prompt_commit_s)
        self._guard = threading.Lock()  # of the writing connection and the chain
        self._waiting: queue.SimpleQueue[_Group | None] = queue.SimpleQueue()
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
        if facts[0].seq != self._appended_seq + 1:
            raise InvariantBroken(reason="a gap in the log", expected_seq=self._appended_seq + 1, seq=facts[0].seq)
        turn = (self._spell(facts), placed(facts, receipts))
        is_alone = self._durable_seq == self._appended_seq
        self._appended_seq += len(facts)
        if not (is_alone and self._commits_promptly(*turn)):
            self._waiting.put(turn)

    def _commits_promptly(self, records: Records, receipts: list[Receipt]) -> bool:
        """Commits in the caller's thread, if that is the quicker way; False where nothing was done.

        Only with nothing under way, so that the order is kept, and never where the commit brings other work along: a
        replica, a giant group, a checkpoint that is due.
        """
        options = self._options
        if options.replica is not None or self._wal_pages > options.max_wal_pages:
            return False
        if len(records.lines) + len(receipts) > MAX_GROUP:
            return False
        began_s = time.perf_counter()
        if not self._allowance.allows(began_s) or not self._guard.acquire(blocking=False):
            return False
        try:
            self._store(records, receipts)
            self._allowance.spend(began_s, time.perf_counter())
            self._tell()
        except BaseException as error:  # noqa: BLE001 - as in the writer's thread: nothing may be acknowledged after
            self._fail(error)
        finally:
            self._guard.release()
        return True

    def rehearse(self, facts: Sequence[Fact], receipts: Sequence[tuple[str, bytes]]) -> None:
        """As far as `append` gets without the log: the row is made, and thrown away. For its caller's thread."""
        if facts:
            make_turn(self._hash, self._spell_aside(facts), placed(facts, receipts))

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
                    self._store(*group)
                    self._tell()
        except BaseException as error:  # noqa: BLE001 (a thread's rim: whatever it is, nothing may be acknowledged after)
            self._fail(error)

    def _next_group(self) -> _Group | None:
        """Everything that waits, up to one statement's worth; whole turns only. None at the end."""
        turn = self._waiting.get()
        if turn is None:
            return None
        records, receipts = [turn[0]], list(turn[1])
        n = len(turn[0].lines) + len(receipts)
        while n < MAX_GROUP and self._waiting.qsize():
            turn = self._waiting.get()
            if turn is None:
                self._waiting.put(None)
                break
            records.append(turn[0])
            receipts += turn[1]
            n += len(turn[0].lines) + len(turn[1])
        return Records.joined(records), receipts

    def _store(self, records: Records, receipts: list[Receipt]) -> None:
        """One group, durable when it returns."""
        turn = make_turn(self._hash, records, receipts)
        store_turn(self._writer, turn, self._places.note(turn))
        self._hash, self._stored_seq = turn.chain_hash, turn.last_seq

    def _tell(self) -> None:
        """Says how far the log is durable, then does what nobody waits for: whoever hears of it sends at once."""
        if self._failure is not None:
            return
        self._durable_seq = last_seq = self._stored_seq
        self._on_durable(last_seq)
        for head in self._heads:
            head.write(last_seq, self._hash)
        if self._options.replica is not None:
            self._options.replica.receive(last_seq)
        if self._wal_pages > self._options.max_wal_pages:
            self._wal_pages = 0
            self._writer.execute("pragma wal_checkpoint(passive)").fetchone()

    def _checkpoint(self) -> None:
        """Moves committed pages into the file on its own connection, so that no commit ever pays for it.

        Between two moves it lays out room for those to come.
        """
        moved_seq = self._durable_seq
        every_s = self._options.checkpoint_every_s
        due_s = time.monotonic() + every_s
        try:
            while not self._stop_checkpoints.wait(min(every_s, RUNWAY_EVERY_S)):
                if moved_seq == self._durable_seq:
                    continue
                self._runway.lay_out(self._guard)
                if time.monotonic() < due_s:
                    continue
                due_s = time.monotonic() + every_s
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
        self._stored = StoredTurns(self._connection)
        self._guard = threading.Lock()

    def turns(self, after_seq: int) -> Iterator[Turn]:
        """The rows that hold records after `after_seq`, in order; more at a time the longer it is listened to."""
        n_rows = 1
        while True:
            with self._guard:
                some = self._stored.after(after_seq, n_rows)
            if not some:
                return
            yield from some
            after_seq, n_rows = some[-1].last_seq, min(2 * n_rows, _ROWS_AT_ONCE)

    def read(self, after_seq: int, limit: int) -> list[Fact]:
        """Up to `limit` facts after `after_seq`, in order."""
        facts: list[Fact] = []
        if limit > 0:
            for turn in self.turns(after_seq):
                facts += map(decode_line, turn.lines(after_seq)[: limit - len(facts)])
                if len(facts) >= limit:
                    break
        return facts

    def read_account(self, account: str, after_account_seq: int, limit: int) -> list[Fact]:
        """Up to `limit` facts of one account after its `after_account_seq`, in order."""
        if not account or limit <= 0:
            return []
        with self._guard:
            facts = list(map(decode_line, self._stored.old.of_account(account, after_account_seq, limit)))
        while len(facts) < limit:
            after = facts[-1].account_seq if facts else after_account_seq
            found = self._from_place(account, after, limit - len(facts))
            if not found:
                break
            facts += found
        return facts

    def _from_place(self, account: str, after_account_seq: int, limit: int) -> list[Fact]:
        """The account's next facts, as far as one place of the index reaches."""
        with self._guard:
            place = self._stored.place(account, after_account_seq)
        facts: list[Fact] = []
        after_seq, n_rows = place.first_seq - 1, 1
        while True:
            with self._guard:
                some = self._stored.of_account(account, after_account_seq, after_seq, n_rows)
            for turn in some:
                for line in account_lines(turn, account, after_account_seq):
                    fact = decode_line(line)
                    if fact.account == account:
                        facts.append(fact)
                        if len(facts) == limit or fact.account_seq == place.last_account_seq:
                            return facts
            if not some:
                return facts
            after_seq, n_rows = some[-1].last_seq, min(2 * n_rows, _ROWS_AT_ONCE)

    def receipts(self, named: Mapping[str, int]) -> dict[str, bytes]:
        """The receipts stored under these SHA-256 (hex), each with the seq of a fact that names it."""
        with self._guard:
            found = self._stored.old.receipts([sha for sha, seq in named.items() if seq <= self._stored.old.last_seq])
        looked_seq = self._stored.old.last_seq
        for seq in sorted(set(named.values())):
            if seq > looked_seq:
                with self._guard:
                    looked_seq, beside = self._stored.receipts_from(seq, _ROWS_AT_ONCE)
                found |= {sha256: body for sha256, _, body in beside if sha256 in named}
        return found

    def receipt(self, sha256: str, seq: int) -> bytes | None:
        """The receipt stored under this SHA-256 (hex) with the fact `seq` that names it, None where there is none."""
        return self.receipts({sha256: seq}).get(sha256)

    def head(self) -> tuple[int, bytes]:
        """The last durable seq and its chain hash; (0, genesis) of an empty log."""
        with self._guard:
            return self._stored.tip()

    def hash_at(self, seq: int) -> bytes:
        """The chain hash of record `seq` (0: genesis); empty where the log does not hold it."""
        with self._guard:
            return self._stored.hash_at(seq)

    def replay(self, after_seq: int = 0, chain_hash: bytes = GENESIS) -> Iterator[Fact]:
        """Every fact after `after_seq`, whose chain hash is given, with the chain verified on the way.

        Raises InvariantBroken, naming the seq, at a gap or a record that its hash does not fit.
        """
        seq = after_seq
        for turn in self.turns(after_seq):
            for line in turn.lines(seq):
                seq += 1
                chain_hash = link(chain_hash, seq, line)
                if chain_hash != turn.hash_at(seq):
                    raise InvariantBroken(reason="the journal was changed", expected_seq=seq)
                fact = decode_line(line)
                if fact.seq != seq:
                    raise InvariantBroken(reason="the journal was changed", expected_seq=seq, seq=fact.seq)
                yield fact
            if seq != turn.last_seq:
                raise InvariantBroken(reason="the journal was changed", expected_seq=seq + 1, seq=turn.last_seq)

    def facts_naming(self, text: bytes, after_seq: int = 0) -> Iterator[Fact]:
        """The facts after `after_seq` whose records contain `text`, in order; only these are decoded."""
        for turn in self.turns(after_seq):
            if text in turn.facts:
                yield from (decode_line(line) for line in turn.lines(after_seq) if text in line)

    def order_facts(self, account: str, order_id: str, from_ts_ns: int, before_seq: int) -> list[Fact]:
        """Facts of `account` from `from_ts_ns` on and before `before_seq` whose bytes name the order, in order.

        Looks through every record in between: for what is seldom asked.
        """
        first_seq, end_seq = 1, before_seq
        while first_seq < end_seq:  # stamps never fall along the log
            middle = (first_seq + end_seq) // 2
            with self._guard:
                last_seq, ts_ns = self._stored.row_stamp(middle)
            first_seq, end_seq = (first_seq, middle) if ts_ns >= from_ts_ns else (last_seq + 1, end_seq)
        found = []
        for fact in self.facts_naming(order_id.encode(), first_seq - 1):
            if fact.seq >= before_seq:
                break
            if fact.account == account and fact.ts_ns >= from_ts_ns:
                found.append(fact)
        return found

    def close(self) -> None:
        self._connection.close()


def store_turn(connection: sqlite3.Connection, turn: Turn, places: list[PlaceRow]) -> None:
    """One commit of one row, and of what its index is due."""
    if not places:
        insert_turn(connection, turn)
        return
    connection.execute("begin immediate")
    try:
        insert_turn(connection, turn)
        write_places(connection, places)
        connection.execute("commit")
    except BaseException:
        if connection.in_transaction:
            connection.execute("rollback")
        raise


def _tip(stored: StoredTurns, path: Path) -> tuple[int, bytes]:
    """The last record's seq and hash; raises InvariantBroken where the exported head knows better."""
    seq, chain_hash = stored.tip()
    head = read_head(head_path(path))
    if head is not None and stored.hash_at(head[0]) != head[1]:
        raise InvariantBroken(reason="the journal lost what its head proves", head_seq=head[0], seq=seq)
    return seq, chain_hash
