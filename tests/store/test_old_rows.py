"""Logs of the older form: read as they stand, gone on with, copied, checked; a killed upgrade changed nothing."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
from pathlib import Path
from shutil import copy

import pytest

from app.domain.errors import InvariantBroken
from app.execution.ledger import fold
from app.store.journal import JournalReader
from app.store.journal_schema import open_reader, open_writer
from app.store.old_rows import ROWS_A_TURN, OldRows
from app.store.refold import refold, write_on
from app.store.replica import LocalFileReplica
from app.store.verify import FindingCode, verify
from tests.conftest import REPOSITORY
from tests.store.journals import APART, Heard, open_journal, write_journal
from tests.store.logs import named_at, story_facts, turns
from tests.store.old_logs import write_old_journal
from tests.store.tampering import tamper

FACTS, RECEIPTS = story_facts(900, seed=6)
N_OLD = 600
ACCOUNTS = sorted({fact.account for fact in FACTS} - {""})


@pytest.fixture(scope="module")
def old(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A log that was never gone on with."""
    path = tmp_path_factory.mktemp("old") / "journal.db"
    write_old_journal(path, turns(FACTS[:N_OLD], RECEIPTS))
    return path


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A log whose first part is of the older form and whose second is of today's."""
    path = tmp_path_factory.mktemp("both") / "journal.db"
    write_old_journal(path, turns(FACTS[:N_OLD], RECEIPTS))
    write_journal(path, turns(FACTS[N_OLD:], RECEIPTS), APART)
    return path


def copied(path: Path, folder: Path) -> Path:
    for name in ("journal.db", "journal.head"):
        copy(path.with_name(name), folder / name)
    return folder / "journal.db"


def assert_holds(path: Path, n_facts: int) -> None:
    """Every question has the answer that the facts give."""
    facts, reader = FACTS[:n_facts], JournalReader(path)
    assert list(reader.replay()) == facts
    assert reader.head() == (n_facts, reader.hash_at(n_facts))
    for after, limit in ((0, 7), (N_OLD - 3, 6), (N_OLD, 2), (ROWS_A_TURN - 1, 3), (0, 10_000), (n_facts, 5)):
        assert reader.read(after, limit) == facts[after : after + limit]
    for account in ACCOUNTS:
        mine = [fact for fact in facts if fact.account == account]
        for after in {0, 1, len(mine) // 2, max(0, len(mine) - 2), len(mine)}:
            for limit in (1, 9, 10_000):
                assert reader.read_account(account, after, limit) == mine[after : after + limit]
    assert reader.receipts(named_at(facts)) == {sha256: RECEIPTS[sha256] for sha256 in named_at(facts)}
    assert fold(reader.replay()) == fold(facts)
    reader.close()


def test_it_is_read_as_it_stands_and_left_as_it_is(old: Path) -> None:
    before = old.read_bytes()
    assert_holds(old, N_OLD)
    assert verify(old).is_intact
    assert old.read_bytes() == before


def test_it_is_gone_on_with(both: Path) -> None:
    assert_holds(both, len(FACTS))
    report = verify(both)
    assert report.is_intact, report.findings
    assert (report.n_facts, report.n_receipts) == (len(FACTS), len(RECEIPTS))


def test_the_chain_is_that_of_a_log_of_one_form(both: Path, tmp_path: Path) -> None:
    write_journal(tmp_path / "journal.db", turns(FACTS, RECEIPTS))
    readers = [JournalReader(tmp_path / "journal.db"), JournalReader(both)]
    for seq in (0, 1, ROWS_A_TURN, N_OLD, N_OLD + 1, len(FACTS), len(FACTS) + 1):
        assert readers[0].hash_at(seq) == readers[1].hash_at(seq)
    assert verify(both, verify(tmp_path / "journal.db").head).is_intact
    for reader in readers:
        reader.close()


def test_a_head_exported_before_still_proves_what_was_then(old: Path, both: Path, tmp_path: Path) -> None:
    exported = verify(old).head
    assert verify(both, exported).is_intact
    path = copied(both, tmp_path)
    tamper(path, "update facts set ts_ns = ts_ns + 1 where seq = 10")
    assert not verify(path, exported).is_intact


def test_a_snapshot_of_before_is_still_used(old: Path, tmp_path: Path) -> None:
    path = copied(old, tmp_path)
    reader = JournalReader(path)
    assert write_on(reader, path, 1).ledger.seq == N_OLD
    reader.close()
    write_journal(path, turns(FACTS[N_OLD:], RECEIPTS))
    reader = JournalReader(path)
    found = refold(reader, path, 1)
    reader.close()
    assert (found.snapshot_seq, found.why, found.n_folded) == (N_OLD, "", len(FACTS) - N_OLD)


def test_a_copy_gets_the_older_part_in_todays_form(both: Path, tmp_path: Path) -> None:
    LocalFileReplica(both, tmp_path / "journal.db").close()
    assert_holds(tmp_path / "journal.db", len(FACTS))
    assert verify(tmp_path / "journal.db", verify(both).head).is_intact
    connection = sqlite3.connect(tmp_path / "journal.db")
    assert OldRows(connection).last_seq == 0
    connection.close()


def test_a_copy_of_the_older_form_is_gone_on_with(old: Path, both: Path, tmp_path: Path) -> None:
    path = copied(old, tmp_path)
    LocalFileReplica(both, path).close()
    assert_holds(path, len(FACTS))
    assert verify(path, verify(both).head).is_intact


def test_an_order_is_found_in_both_parts(both: Path) -> None:
    reader = JournalReader(both)
    ids = {getattr(fact.event, "order_id", ""): fact.account for fact in FACTS}
    crossing = [
        (order_id, account)
        for order_id, account in ids.items()
        if order_id and len({fact.seq > N_OLD for fact in FACTS if order_id.encode() in repr(fact.event).encode()}) == 2
    ]
    assert crossing
    for order_id, account in crossing[:5]:
        own = [f for f in FACTS if f.account == account and order_id in repr(f.event)]
        assert reader.order_facts(account, order_id, 0, len(FACTS) + 1) == own
        assert reader.order_facts(account, order_id, own[1].ts_ns, own[-1].seq) == [
            fact for fact in own if fact.ts_ns >= own[1].ts_ns and fact.seq < own[-1].seq
        ]
    reader.close()


def test_nothing_of_it_is_changed_or_removed_any_more(both: Path, tmp_path: Path) -> None:
    path = copied(both, tmp_path)
    connection = sqlite3.connect(path)
    for table, column in (("facts", "ts_ns"), ("receipts", "seq"), ("turns", "ts_ns")):
        for statement in (f"delete from {table}", f"update {table} set {column} = 1"):
            with pytest.raises(sqlite3.IntegrityError, match="only grows"):
                connection.execute(statement)
    connection.close()
    assert verify(path).is_intact


KILLED = """
import os, signal, sqlite3, sys
from pathlib import Path
import app.store.journal_schema as schema
n_left = int(sys.argv[2])
connect = sqlite3.connect
def watched(statement):
    global n_left
    n_left -= 1
    if not n_left:
        os.kill(os.getpid(), signal.SIGKILL)
def connected(*arguments, **named):
    connection = connect(*arguments, **named)
    connection.set_trace_callback(watched)
    return connection
schema.sqlite3.connect = connected
schema.open_writer(Path(sys.argv[1])).close()
"""


def test_an_upgrade_that_is_killed_anywhere_leaves_the_one_form_or_the_other(old: Path, tmp_path: Path) -> None:
    """Killed before each of its statements in turn, until it comes through."""
    versions = []
    for n_statements in range(1, 60):
        folder = tmp_path / str(n_statements)
        folder.mkdir()
        path = copied(old, folder)
        ended = subprocess.run(
            [sys.executable, "-c", KILLED, str(path), str(n_statements)], cwd=REPOSITORY, check=False, timeout=60
        )
        reader = open_reader(path)
        versions.append(reader.execute("pragma user_version").fetchone()[0])
        tables = {name for (name,) in reader.execute("select name from sqlite_master")}
        reader.close()
        assert ("turns" in tables) == (versions[-1] == 2) == ("records" not in tables)
        if ended.returncode == 0:
            break
        assert ended.returncode == -signal.SIGKILL
        assert verify(path).is_intact
        if n_statements % 4 == 0:
            write_journal(path, turns(FACTS[N_OLD:], RECEIPTS))
            assert_holds(path, len(FACTS))
    assert versions == sorted(versions)
    assert versions.count(1) > 10


CHANGES = {
    "seq": "update facts set seq = 100000 where seq = 70",
    "ts": "update facts set ts_ns = ts_ns + 1 where seq = 70",
    "account": "update facts set account = 'desk-z' where seq = 70",
    "account_seq": "update facts set account_seq = account_seq + 100000 where seq = 70",
    "kind": "update facts set kind = 'child_expired' where seq = 70",
    "v": "update facts set v = 99 where seq = 70",
    "body": "update facts set body = cast(replace(cast(body as text), 'desk', 'Desk') as blob) where seq = 70",
    "body_type": "update facts set body = cast(body as text) where seq = 70",
    "hash": "update facts set hash = zeroblob(32) where seq = 70",
    "hash_text": "update facts set hash = 'x' where seq = 70",
    "removed": "delete from facts where seq = 70",
}


@pytest.mark.parametrize("part", ["old", "both"])
@pytest.mark.parametrize("statement", CHANGES.values(), ids=CHANGES)
def test_a_change_is_found_at_its_record(
    part: str, statement: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    path = copied(request.getfixturevalue(part), tmp_path)
    tamper(path, statement)
    assert 70 in {finding.seq for finding in verify(path).findings}


RECEIPT_DAMAGE = {
    "body": ("update receipts set body = x'00' where sha256 = '{}'", FindingCode.RECEIPT_CHANGED),
    "body_text": ("update receipts set body = 'text' where sha256 = '{}'", FindingCode.RECEIPT_CHANGED),
    "key": ("update receipts set sha256 = 'beef' where sha256 = '{}'", FindingCode.RECEIPT_MISSING),
    "place": ("update receipts set seq = seq + 1 where sha256 = '{}'", FindingCode.RECEIPT_ORPHAN),
    "removed": ("delete from receipts where sha256 = '{}'", FindingCode.RECEIPT_MISSING),
}


@pytest.mark.parametrize(("statement", "code"), RECEIPT_DAMAGE.values(), ids=RECEIPT_DAMAGE)
def test_a_damaged_receipt_is_found(both: Path, statement: str, code: FindingCode, tmp_path: Path) -> None:
    path = copied(both, tmp_path)
    tamper(path, statement.format(next(iter(RECEIPTS))))
    assert code in {finding.code for finding in verify(path).findings}


@pytest.mark.parametrize("cut", ["turns", "facts"])
def test_a_lost_part_is_not_gone_on_with(both: Path, cut: str, tmp_path: Path) -> None:
    path = copied(both, tmp_path)
    tamper(path, f"delete from {cut}")
    with pytest.raises(InvariantBroken):
        open_journal(path, Heard()).close()
        list(JournalReader(path).replay())
    assert not verify(path).is_intact


def test_it_opens_with_the_small_pages_that_it_was_made_with(old: Path, tmp_path: Path) -> None:
    connection = open_writer(copied(old, tmp_path))
    assert connection.execute("pragma page_size").fetchone() == (4_096,)
    connection.close()
    connection = open_writer(tmp_path / "new.db")
    assert connection.execute("pragma page_size").fetchone() == (8_192,)
    connection.close()
