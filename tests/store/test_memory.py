"""What the twin in memory does of its own; the rest is the shared contract."""

from __future__ import annotations

from app.store.memory import Flushing, MemoryJournal
from tests.store.logs import story_facts

FACTS, _ = story_facts(20)


def test_at_once_means_inside_append() -> None:
    told: list[int] = []
    journal = MemoryJournal(on_durable=told.append)
    journal.append(FACTS[:4], [])
    journal.append(FACTS[4:5], [])
    assert told == [4, 5]


def test_on_flush_holds_everything_back() -> None:
    told: list[int] = []
    journal = MemoryJournal(on_durable=told.append, flushing=Flushing.ON_FLUSH)
    journal.append(FACTS[:4], [])
    assert (told, journal.read(0, 10), journal.head()[0], journal.durable_seq) == ([], [], 0, 0)
    journal.flush()
    journal.flush()
    assert (told, journal.read(0, 10), journal.durable_seq) == ([4], FACTS[:4], 4)


def test_close_flushes_and_reads_go_on() -> None:
    journal = MemoryJournal(flushing=Flushing.ON_FLUSH)
    journal.append(FACTS, [])
    journal.close()
    assert list(journal.replay()) == FACTS
    assert journal.receipt("0" * 64) is None
