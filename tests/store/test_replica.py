"""A second copy is a journal of its own, catches up after an outage, and never holds the first one up."""

from __future__ import annotations

import time
from pathlib import Path

from app.store.journal import JournalOptions, JournalReader
from app.store.replica import LocalFileReplica, NoReplica
from app.store.verify import verify
from tests.store.journals import Heard, open_journal, write_journal
from tests.store.logs import named_at, story_facts, turns

FACTS, RECEIPTS = story_facts(600)


def wait_until_copied(replica: LocalFileReplica, seq: int) -> None:
    deadline = time.monotonic() + 20
    while replica.copied_seq < seq:
        assert time.monotonic() < deadline, f"copied {replica.copied_seq} of {seq}: {replica.error}"
        time.sleep(0.005)


def test_the_second_copy_follows_and_is_an_intact_journal(tmp_path: Path) -> None:
    first, second = tmp_path / "journal.db", tmp_path / "second" / "journal.db"
    second.parent.mkdir()
    replica = LocalFileReplica(first, second)
    heard = Heard()
    journal = open_journal(first, heard, JournalOptions(replica=replica))
    for facts, receipts in turns(FACTS, RECEIPTS):
        journal.append(facts, receipts)
    heard.wait_for(len(FACTS))
    wait_until_copied(replica, len(FACTS))
    journal.close()
    copy, original = JournalReader(second), JournalReader(first)
    assert list(copy.replay()) == FACTS
    assert copy.head() == original.head()
    assert copy.receipts(named_at(FACTS)) == RECEIPTS
    assert list(copy.turns(0)) == list(original.turns(0))
    assert copy.read_account("desk-a", 40, 9) == original.read_account("desk-a", 40, 9) != []
    copy.close()
    original.close()
    assert verify(second, verify(first).head).is_intact
    open_journal(second, Heard()).close()  # it can take over


def test_a_copy_that_was_away_catches_up(tmp_path: Path) -> None:
    first, second = tmp_path / "journal.db", tmp_path / "copy.db"
    write_journal(first, turns(FACTS[:200], RECEIPTS))
    LocalFileReplica(first, second).close()
    write_journal(first, turns(FACTS[200:], RECEIPTS))
    LocalFileReplica(first, second).close()
    reader = JournalReader(second)
    assert list(reader.replay()) == FACTS
    reader.close()


def test_a_copy_of_another_log_stops_and_says_so_while_the_first_goes_on(tmp_path: Path) -> None:
    first, second = tmp_path / "journal.db", tmp_path / "copy.db"
    other, other_receipts = story_facts(50, seed=9)
    write_journal(second, turns(other, other_receipts))
    replica = LocalFileReplica(first, second)
    heard = Heard()
    journal = open_journal(first, heard, JournalOptions(replica=replica))
    for facts, receipts in turns(FACTS, RECEIPTS):
        journal.append(facts, receipts)
    heard.wait_for(len(FACTS))
    journal.close()
    assert "does not continue" in replica.error
    assert replica.copied_seq == len(other)
    reader = JournalReader(second)
    assert list(reader.replay()) == other
    reader.close()


def test_nobody_copies_nothing() -> None:
    replica = NoReplica()
    replica.receive(7)
    assert replica.copied_seq == 0
    replica.close()
