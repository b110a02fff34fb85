"""What a connection sees of a log: rows after a seq, the end, the hash of each place, receipts beside a fact."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from app.store.chain import GENESIS
from app.store.journal_schema import open_reader
from app.store.places import Place
from app.store.stored_turns import StoredTurns
from tests.store.journals import APART, write_journal
from tests.store.logs import named_at, story_facts, turns
from tests.store.old_logs import write_old_journal

FACTS, RECEIPTS = story_facts(300, seed=4)
N_OLD = 120


@pytest.fixture(scope="module", params=["new", "both"])
def path(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("stored") / "journal.db"
    n_old = N_OLD if request.param == "both" else 0
    if n_old:
        write_old_journal(path, turns(FACTS[:n_old], RECEIPTS))
    write_journal(path, turns(FACTS[n_old:], RECEIPTS), APART)
    return path


@pytest.fixture
def stored(path: Path) -> Iterator[StoredTurns]:
    connection = open_reader(path)
    yield StoredTurns(connection)
    connection.close()


def test_rows_after_any_seq_join_up(stored: StoredTurns) -> None:
    for after_seq in range(len(FACTS)):
        found = stored.after(after_seq, 3)
        assert 1 <= len(found) <= 3
        assert found[0].first_seq <= after_seq + 1 <= found[0].last_seq
        for one, two in pairwise(found):
            assert two.first_seq == one.last_seq + 1
    assert stored.after(len(FACTS), 3) == stored.after(10**9, 3) == []


def test_rows_of_one_account(stored: StoredTurns) -> None:
    after_seq, seen = stored.old.last_seq, []
    while found := stored.of_account("desk-b", 0, after_seq, 4):
        seen += found
        after_seq = found[-1].last_seq
    holders = {fact.seq for fact in FACTS if fact.account == "desk-b" and fact.seq > stored.old.last_seq}
    assert holders
    assert all(any(row.first_seq <= seq <= row.last_seq for row in seen) for seq in holders)
    assert all(any(row.first_seq <= seq <= row.last_seq for seq in holders) for row in seen)


def test_rows_of_an_account_that_were_read_are_passed_over(stored: StoredTurns) -> None:
    mine = [fact for fact in FACTS if fact.account == "desk-a" and fact.seq > stored.old.last_seq]
    for fact in mine[:-1]:
        (found,) = stored.of_account("desk-a", fact.account_seq, 0, 1)
        following = mine[mine.index(fact) + 1]
        assert found.first_seq <= following.seq <= found.last_seq
    assert stored.of_account("desk-a", mine[-1].account_seq, 0, 1) == []
    assert stored.of_account("desk", 0, 0, 1) == stored.of_account("a", 0, 0, 1) == []


def test_the_end_and_the_hash_of_each_place(stored: StoredTurns) -> None:
    hashes = [stored.hash_at(seq) for seq in range(len(FACTS) + 1)]
    assert hashes[0] == GENESIS
    assert len(set(hashes)) == len(hashes)
    assert {len(each) for each in hashes} == {32}
    assert stored.tip() == (len(FACTS), hashes[-1])
    assert stored.hash_at(len(FACTS) + 1) == stored.hash_at(10**12) == b""


@pytest.mark.parametrize("n_rows", [1, 2, 1_000])
def test_receipts_from_a_fact_on(stored: StoredTurns, n_rows: int) -> None:
    named = named_at(FACTS)
    for sha256, seq in named.items():
        last_seq, found = stored.receipts_from(seq, n_rows)
        assert last_seq >= seq
        if seq > stored.old.last_seq:
            assert (sha256, seq, RECEIPTS[sha256]) in found
            assert {each[0] for each in found} >= {name for name, at in named.items() if seq <= at <= last_seq}
            assert (last_seq == len(FACTS)) or n_rows < 1_000
    assert stored.receipts_from(len(FACTS) + 1, n_rows) == (len(FACTS) + 1, [])


def test_a_rows_stamp_is_its_last_records(stored: StoredTurns) -> None:
    for fact in FACTS:
        last_seq, ts_ns = stored.row_stamp(fact.seq)
        assert last_seq >= fact.seq
        assert ts_ns == FACTS[last_seq - 1].ts_ns


def test_an_empty_log_and_one_of_the_older_form_alone(tmp_path: Path) -> None:
    write_journal(tmp_path / "empty.db", [])
    write_old_journal(tmp_path / "old.db", turns(FACTS[:N_OLD], RECEIPTS))
    empty, old = (StoredTurns(open_reader(tmp_path / f"{name}.db")) for name in ("empty", "old"))
    assert (empty.tip(), empty.after(0, 5), empty.hash_at(0)) == ((0, GENESIS), [], GENESIS)
    assert old.tip() == (N_OLD, old.hash_at(N_OLD))
    assert old.place("desk-a", 0) == Place(0, None)
    assert old.of_account("desk-a", 0, 0, 5) == []
    assert [row.first_seq for row in old.after(0, 5)] == [1]
    assert old.after(N_OLD, 5) == []
