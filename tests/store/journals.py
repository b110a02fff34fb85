"""Both journals behind one door, for the contract that they share."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from pathlib import Path

from app.domain.ports import FactReader
from app.store.journal import JournalOptions, JournalReader, SqliteJournal
from app.store.memory import Flushing, MemoryJournal
from tests.store.logs import Turn

WAIT_S = 20.0
# Every turn a commit of its own, and so a row.
APART = JournalOptions(prompt_commit_s=60.0)


class Heard:
    """What a journal said, and a way to wait for it."""

    def __init__(self) -> None:
        self.durable: list[int] = []
        self.fatal: list[BaseException] = []
        self._changed = threading.Condition()

    def on_durable(self, seq: int) -> None:
        with self._changed:
            self.durable.append(seq)
            self._changed.notify_all()

    def on_fatal(self, error: BaseException) -> None:
        with self._changed:
            self.fatal.append(error)
            self._changed.notify_all()

    def wait_for(self, seq: int) -> None:
        with self._changed:
            is_there = self._changed.wait_for(lambda: self.fatal or (self.durable and self.durable[-1] >= seq), WAIT_S)
        assert is_there, f"not durable up to {seq} within {WAIT_S} s"
        assert not self.fatal, self.fatal

    def wait_for_fatal(self) -> BaseException:
        with self._changed:
            assert self._changed.wait_for(lambda: self.fatal, WAIT_S), "no fatal error came"
        return self.fatal[0]


def open_journal(path: Path, heard: Heard, options: JournalOptions | None = None) -> SqliteJournal:
    return SqliteJournal(path, on_durable=heard.on_durable, on_fatal=heard.on_fatal, options=options)


def write_journal(path: Path, turns: Iterable[Turn], options: JournalOptions | None = None) -> None:
    """A closed journal that holds `turns`."""
    heard = Heard()
    journal = open_journal(path, heard, options)
    for facts, receipts in turns:
        journal.append(facts, receipts)
    journal.close()
    assert not heard.fatal


class Sqlite:
    """The journal in a file, its reader on a second connection."""

    def __init__(self, folder: Path, max_queued_facts: int = 65_536) -> None:
        self.heard = Heard()
        self.path = folder / "journal.db"
        options = JournalOptions(max_queued_facts=max_queued_facts)
        self.journal = open_journal(self.path, self.heard, options)
        self.reader: FactReader = JournalReader(self.path)
        self._close: Callable[[], None] = self.reader.close

    def settle(self) -> None:
        """Everything appended is durable."""
        self.heard.wait_for(self.journal._appended_seq)

    def close(self) -> None:
        self.journal.close()
        self._close()


class Memory:
    """The twin."""

    def __init__(self, folder: Path, max_queued_facts: int = 65_536) -> None:
        self.heard = Heard()
        self.journal = MemoryJournal(
            on_durable=self.heard.on_durable, flushing=Flushing.ON_FLUSH, max_queued_facts=max_queued_facts
        )
        self.reader: FactReader = self.journal

    def settle(self) -> None:
        self.journal.flush()

    def close(self) -> None:
        self.journal.close()
