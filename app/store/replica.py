"""A second copy of the journal: the port's two first makers, nobody and another file (another disk, a mounted host).

The copy is a journal itself: same schema, same records, same chain, so that it is verified and opened like the first.
It follows in its own time on its own thread; a slow or failing copy never holds the first one up, it only lags.
"""

from __future__ import annotations

import sqlite3
import threading
from pathlib import Path
from typing import Final

from app.domain.errors import InvariantBroken
from app.store.chain import link
from app.store.head import HeadFile, head_path
from app.store.journal import JournalReader, store_turn
from app.store.journal_schema import open_writer
from app.store.lock import WriterLock
from app.store.places import Places
from app.store.stored_turns import StoredTurns
from app.store.turns import Turn

_RETRY_S: Final = 1.0


class NoReplica:
    """No second copy: `durability: local` and nothing more."""

    def receive(self, durable_seq: int) -> None:
        """Nothing to do."""

    @property
    def copied_seq(self) -> int:
        """Nothing is ever copied."""
        return 0

    def close(self) -> None:
        """Nothing to close."""


class LocalFileReplica:
    """Copies the journal at `source` into a second journal file at `path`. Implements `JournalReplica`.

    `receive` only wakes the copying thread, which reads what it lacks from the first file: live following, catching
    up after an outage of the second disk, and a first full copy are one road. `error` says why it lags, if it does.
    """

    def __init__(self, source: Path, path: Path) -> None:
        """Raises JournalInUse if `path` has a writer, InvariantBroken if it is no journal."""
        self._source = source
        self._lock = WriterLock(path.with_suffix(".lock"))
        try:
            self._connection = open_writer(path)
        except BaseException:
            self._lock.release()
            raise
        self._copied_seq, self._hash = StoredTurns(self._connection).tip()
        self._places = Places(self._connection)
        self._head = HeadFile(head_path(path), self._copied_seq, self._hash)
        self._has_work = threading.Event()
        self._has_work.set()
        self._is_closing = False
        self.error: str = ""
        self._thread = threading.Thread(target=self._follow, name="journal-replica", daemon=True)
        self._thread.start()

    def receive(self, durable_seq: int) -> None:
        """Notes that the first copy has grown."""
        self._has_work.set()

    @property
    def copied_seq(self) -> int:
        """Everything up to here is synced in the second file."""
        return self._copied_seq

    def close(self) -> None:
        """Copies what is left, once, and closes the second file."""
        self._is_closing = True
        self._has_work.set()
        self._thread.join()
        if not self.error:
            self._connection.execute("pragma wal_checkpoint(truncate)").fetchone()
        self._connection.close()
        self._head.close()
        self._lock.release()

    def _follow(self) -> None:
        while True:
            self._has_work.wait(_RETRY_S if self.error else None)
            self._has_work.clear()
            is_last = self._is_closing
            try:
                self._copy_all()
                self.error = ""
            except (sqlite3.Error, OSError, InvariantBroken) as error:
                self.error = str(error)
            if is_last:
                return

    def _copy_all(self) -> None:
        reader = JournalReader(self._source)
        try:
            for turn in reader.turns(self._copied_seq):
                self._copy(turn)
                self._copied_seq, self._hash = turn.last_seq, turn.chain_hash
                self._head.write(turn.last_seq, turn.chain_hash)
        finally:
            reader.close()
        self._connection.execute("pragma wal_checkpoint(passive)").fetchone()

    def _copy(self, turn: Turn) -> None:
        """The row as it stands: of a log's older part, in today's form with the same chain."""
        chain_hash, seq = self._hash, self._copied_seq
        for line in turn.lines():
            seq += 1
            chain_hash = link(chain_hash, seq, line)
            if turn.first_seq != self._copied_seq + 1 or turn.hash_at(seq) != chain_hash:
                raise InvariantBroken(reason="the second copy does not continue the first", seq=seq)
        store_turn(self._connection, turn, self._places.note(turn))
