"""The journal in a file: one writer, readers beside it, one commit a group, and no word after a failure."""

from __future__ import annotations

import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path
from random import Random
from typing import Any

import pytest

from app.domain.errors import InvariantBroken, Unavailable
from app.store import journal as journal_module
from app.store.head import head_path, read_head
from app.store.journal import JournalOptions, JournalReader, SqliteJournal, store_turn
from app.store.journal_schema import open_writer
from app.store.lock import JournalInUse
from app.store.turns import Turn
from app.store.verify import verify
from tests.conftest import REPOSITORY
from tests.store.journals import APART, WAIT_S, Heard, open_journal, write_journal
from tests.store.logs import named_at, story_facts, turns
from tests.store.tampering import change_line, holder_of, put, remove_line, rows_of

FACTS, RECEIPTS = story_facts(300)
SCRIPT = """
import sys, threading
from pathlib import Path
from app.store.journal import SqliteJournal
from tests.store.logs import story_facts, turns
facts, receipts = story_facts(int(sys.argv[2]))
told = threading.Semaphore(0)
out = open(1, "wb", buffering=0)
def on_durable(seq):
    out.write(b"ACK %d\\n" % seq)
    told.release()
def on_fatal(error):
    out.write(b"FATAL %s\\n" % type(error).__name__.encode())
    told.release()
journal = SqliteJournal(Path(sys.argv[1]), on_durable=on_durable, on_fatal=on_fatal)
for some, named in turns(facts[journal.durable_seq :], receipts):
    try:
        journal.append(some, named)
    except Exception as error:
        out.write(b"REFUSED %s\\n" % str(error)[:40].encode())
        sys.exit(3)
    told.acquire()
journal.close()
"""


def run_writer(path: Path, n_facts: int, *prefix: str) -> subprocess.CompletedProcess[bytes]:
    """A process that appends turn after turn and writes a line per commit that it is told of."""
    command = [*prefix, sys.executable, "-c", SCRIPT, str(path), str(n_facts)]
    return subprocess.run(command, cwd=REPOSITORY, capture_output=True, timeout=120, check=False)


def test_a_second_writer_is_refused_with_the_pid_of_the_first(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    first = open_journal(path, Heard())
    try:
        with pytest.raises(JournalInUse) as refused:
            open_journal(path, Heard())
        assert refused.value.pid == os.getpid()
        assert str(os.getpid()) in str(refused.value)
    finally:
        first.close()
    open_journal(path, Heard()).close()


def test_a_killed_writer_leaves_no_lock_and_loses_nothing_it_acknowledged(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT, str(path), "6000"], cwd=REPOSITORY, stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    acks = [process.stdout.readline() for _ in range(40)]
    process.send_signal(signal.SIGKILL)
    acks += process.stdout.read().splitlines()
    process.wait()
    process.stdout.close()
    last_ack = max(int(ack.split()[1]) for ack in acks if ack.startswith(b"ACK"))
    heard = Heard()
    journal = open_journal(path, heard)
    reader = JournalReader(path)
    facts = list(reader.replay())
    assert len(facts) >= last_ack >= 40
    journal.append([], [])
    reader.close()
    journal.close()


def test_a_log_whose_writers_are_killed_one_after_the_other_is_whole(tmp_path: Path) -> None:
    """Each goes on where the one before was killed; what was not yet in the accounts' index comes into it."""
    path, random = tmp_path / "journal.db", Random(4)
    last_ack = 0
    for _ in range(4):
        process = subprocess.Popen(
            [sys.executable, "-c", SCRIPT, str(path), "4000"], cwd=REPOSITORY, stdout=subprocess.PIPE
        )
        assert process.stdout is not None
        acks = [process.stdout.readline() for _ in range(random.randint(30, 90))]
        process.send_signal(signal.SIGKILL)
        acks += process.stdout.read().splitlines()
        process.wait()
        process.stdout.close()
        last_ack = max(int(ack.split()[1]) for ack in acks if ack.startswith(b"ACK"))
        report = verify(path)
        assert report.is_intact, report.findings
        assert report.n_facts >= last_ack
    facts = story_facts(4_000)[0][: verify(path).n_facts]
    reader = JournalReader(path)
    for account in {fact.account for fact in facts} - {""}:
        mine = [fact for fact in facts if fact.account == account]
        for after in range(0, len(mine), 150):
            assert reader.read_account(account, after, 150) == mine[after : after + 150]
    reader.close()
    with sqlite3.connect(path) as connection:
        assert connection.execute("select count(*) from places where account <> ''").fetchone()[0] >= 2
    connection.close()


def test_the_log_goes_on_where_it_ended(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    for seed, part in enumerate((FACTS[:100], FACTS[100:101], FACTS[101:])):
        write_journal(path, turns(part, RECEIPTS, seed))
        assert not path.with_name("journal.db-wal").exists()  # closed in order: one file holds it all
    reader = JournalReader(path)
    assert list(reader.replay()) == FACTS
    reader.close()


def test_a_giant_turn_is_one_commit(tmp_path: Path) -> None:
    facts, receipts = story_facts(2_600, seed=2)
    heard = Heard()
    journal = open_journal(tmp_path / "journal.db", heard)
    journal.append(facts, list(receipts.items()))
    heard.wait_for(len(facts))
    journal.close()
    assert heard.durable == [len(facts)]
    reader = JournalReader(tmp_path / "journal.db")
    assert list(reader.replay()) == facts
    assert reader.receipts(named_at(facts)) == receipts
    reader.close()
    assert len(rows_of(tmp_path / "journal.db")) == 1


def test_turns_that_wait_share_a_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gate, store = threading.Event(), journal_module.store_turn
    n_commits = 0

    def slow_store(*arguments: Any) -> None:
        nonlocal n_commits
        n_commits += 1
        gate.wait(20)
        store(*arguments)

    monkeypatch.setattr(journal_module, "store_turn", slow_store)
    heard = Heard()
    journal = open_journal(tmp_path / "journal.db", heard, JournalOptions(prompt_commit_s=0.0))
    for fact in FACTS[:200]:
        journal.append([fact], [])
    gate.set()
    heard.wait_for(200)
    journal.close()
    assert n_commits <= 3


def test_a_prompt_commit_is_durable_when_append_returns(tmp_path: Path) -> None:
    heard = Heard()
    journal = open_journal(tmp_path / "journal.db", heard, JournalOptions(prompt_commit_s=60.0))
    reader = JournalReader(tmp_path / "journal.db")
    for n in (5, 6, 7):
        journal.append(FACTS[journal.durable_seq : n], [])
        assert journal.durable_seq == n == reader.head()[0]
    assert heard.durable == [5, 6, 7]
    reader.close()
    journal.close()


def test_after_a_slow_commit_the_writer_makes_them_and_the_order_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads: list[bool] = []

    store = journal_module.store_turn

    def slow_store(*arguments: Any) -> None:
        threads.append(threading.current_thread() is threading.main_thread())
        time.sleep(0.1)  # forbids prompt commits for over a second
        store(*arguments)

    monkeypatch.setattr(journal_module, "store_turn", slow_store)
    heard = Heard()
    journal = open_journal(tmp_path / "journal.db", heard, JournalOptions(prompt_commit_s=0.01))
    for n in (5, 6, 7):
        journal.append(FACTS[n - 1 if n > 5 else 0 : n], [])
        heard.wait_for(n)
    journal.close()
    assert threads == [True, False, False]
    reader = JournalReader(tmp_path / "journal.db")
    assert [fact.seq for fact in reader.read(0, 99)] == [1, 2, 3, 4, 5, 6, 7]
    reader.close()


@pytest.mark.parametrize("prompt_commit_s", [0.0, 60.0], ids=["writer", "prompt"])
def test_a_failed_commit_is_fatal_and_nothing_is_acknowledged_after(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, prompt_commit_s: float
) -> None:
    store = journal_module.store_turn

    def failing_store(connection: sqlite3.Connection, turn: Turn, places: list[Any]) -> None:
        if turn.first_seq > 5:
            raise sqlite3.OperationalError("disk I/O error")
        store(connection, turn, places)

    monkeypatch.setattr(journal_module, "store_turn", failing_store)
    heard = Heard()
    journal = open_journal(tmp_path / "journal.db", heard, JournalOptions(prompt_commit_s=prompt_commit_s))
    journal.append(FACTS[:5], [])
    heard.wait_for(5)
    journal.append(FACTS[5:7], [])
    assert isinstance(heard.wait_for_fatal(), sqlite3.OperationalError)
    assert journal.free_facts == 0
    with pytest.raises(Unavailable, match="storage_degraded"):
        journal.append(FACTS[7:8], [])
    journal.close()
    assert heard.durable == [5]
    assert journal.durable_seq == 5


def test_a_row_that_is_refused_takes_its_whole_commit_with_it(tmp_path: Path) -> None:
    connection = open_writer(tmp_path / "journal.db")
    row = Turn(3, 4, 5, "{}", bytes(64), b"", b"{}\n{}")
    place = ("desk", 1, 3)
    store_turn(connection, row, [place])
    next_row = Turn(5, 5, 5, "{}", bytes(32), b"", b"{}")
    refused = {
        "the same row": (row, []),
        "the same row with a place": (row, [("desk", 2, 3)]),
        "a hash too few": (next_row._replace(hashes=b""), []),
        "a hash too many": (next_row._replace(hashes=bytes(64)), [("desk", 2, 5)]),
        "a place twice": (next_row, [("rival", 1, 5), place]),
    }
    for bad, places in refused.values():
        with pytest.raises(sqlite3.IntegrityError):
            store_turn(connection, bad, places)
        assert not connection.in_transaction
        assert connection.execute("select * from turns").fetchall() == [tuple(row)]
        assert connection.execute("select * from places").fetchall() == [place]
    connection.close()


def test_the_head_follows_every_commit_here_and_elsewhere(tmp_path: Path) -> None:
    elsewhere = tmp_path / "other-disk.head"
    heard = Heard()
    journal = open_journal(tmp_path / "journal.db", heard, JournalOptions(head_copy=elsewhere))
    assert read_head(elsewhere) == read_head(head_path(tmp_path / "journal.db")) == (0, bytes(32))
    for facts, receipts in turns(FACTS, RECEIPTS):
        journal.append(facts, receipts)
        heard.wait_for(facts[-1].seq)
        reader = JournalReader(tmp_path / "journal.db")
        told = reader.head()
        until_s = time.monotonic() + WAIT_S
        while read_head(elsewhere) != told and time.monotonic() < until_s:  # what leaves leaves before
            time.sleep(0.001)
        assert read_head(elsewhere) == read_head(head_path(tmp_path / "journal.db")) == told
        reader.close()
    journal.close()


def test_a_commit_on_the_spot_is_told_of_first_and_its_head_stands_when_append_returns(tmp_path: Path) -> None:
    path, when_told, failures = tmp_path / "journal.db", [], list[BaseException]()

    def on_durable(seq: int) -> None:
        when_told.append((seq, read_head(head_path(path))))

    journal = SqliteJournal(path, on_durable=on_durable, on_fatal=failures.append, options=APART)
    heads = [read_head(head_path(path))]
    for facts, receipts in turns(FACTS, RECEIPTS):
        journal.append(facts, receipts)
        heads.append(read_head(head_path(path)))
        assert heads[-1] is not None
        assert heads[-1][0] == facts[-1].seq == journal.durable_seq
    journal.close()
    assert not failures
    assert [head for _, head in when_told] == heads[:-1]
    assert [seq for seq, _ in when_told] == [head[0] for head in heads[1:] if head is not None]


def test_a_journal_shorter_than_its_head_is_not_opened(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    write_journal(path, turns(FACTS, RECEIPTS))
    put(path, rows_of(path)[-1])
    with pytest.raises(InvariantBroken, match="lost"):
        open_journal(path, Heard())
    with pytest.raises(InvariantBroken, match="lost"):
        open_journal(path, Heard())  # the refusal gave the lock back


def test_a_replay_stops_at_a_changed_record(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    write_journal(path, turns(FACTS, RECEIPTS))
    change_line(path, 120, lambda line: line.replace(b'"ts_ns":1', b'"ts_ns":2'))
    reader = JournalReader(path)
    seen = []
    with pytest.raises(InvariantBroken, match="120"):
        seen.extend(reader.replay())
    reader.close()


@pytest.mark.parametrize("seq", [1, 120, 299])
def test_a_replay_stops_where_a_record_is_missing(tmp_path: Path, seq: int) -> None:
    path = tmp_path / "journal.db"
    write_journal(path, turns(FACTS, RECEIPTS), APART)
    remove_line(path, seq)
    reader = JournalReader(path)
    with pytest.raises(InvariantBroken, match=f"expected_seq={seq}"):
        list(reader.replay())
    reader.close()


def test_a_replay_stops_where_a_row_is_missing(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    write_journal(path, turns(FACTS, RECEIPTS), APART)
    row = holder_of(path, 120)
    put(path, row)
    reader = JournalReader(path)
    with pytest.raises(InvariantBroken, match=f"expected_seq={row.first_seq}"):
        list(reader.replay())
    reader.close()


def test_a_file_that_is_no_journal_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.db").write_text("not a database at all, but long enough to be read as a header " * 4)
    other = sqlite3.connect(tmp_path / "other.db")
    other.execute("create table facts (seq)")
    other.commit()
    other.close()
    with pytest.raises((InvariantBroken, sqlite3.DatabaseError)):
        open_journal(tmp_path / "notes.db", Heard())
    for name in ("notes.db", "other.db"):
        with pytest.raises(InvariantBroken):
            JournalReader(tmp_path / name)
    with pytest.raises(InvariantBroken):
        open_journal(tmp_path / "other.db", Heard())
    with pytest.raises(FileNotFoundError):
        JournalReader(tmp_path / "absent.db")


def test_checkpoints_keep_the_write_ahead_file_small_while_the_log_is_written(tmp_path: Path) -> None:
    facts, receipts = story_facts(1_200, seed=3)
    wal_bytes = []
    for every_s, pages in ((60.0, 10**9), (0.005, 8)):
        path = tmp_path / f"journal-{pages}.db"
        heard = Heard()
        journal = open_journal(path, heard, JournalOptions(checkpoint_every_s=every_s, max_wal_pages=pages))
        for some, named in turns(facts, receipts):
            journal.append(some, named)
            heard.wait_for(some[-1].seq)
        wal_bytes.append(path.with_name(f"{path.name}-wal").stat().st_size)
        reader = JournalReader(path)
        assert list(reader.replay()) == facts
        reader.close()
        journal.close()
    assert wal_bytes[1] * 3 < wal_bytes[0]  # it began again and again


def test_reading_a_closed_journal_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    write_journal(path, turns(FACTS, RECEIPTS))
    before = path.read_bytes()
    reader = JournalReader(path)
    assert len(list(reader.replay())) == len(FACTS)
    reader.close()
    assert path.read_bytes() == before


STRACE = shutil.which("strace")
needs_strace = pytest.mark.skipif(STRACE is None, reason="strace is not installed: the order of system calls unseen")
CALL = re.compile(
    rb"^(?:\[pid +\d+\] |\d+ +)?(?P<name>pwrite64|write|fdatasync|fsync)\((?P<fd>\d+)(?:<(?P<path>[^>]*)>)?"
)


@needs_strace
def test_every_acknowledgement_follows_a_sync_of_the_last_journal_write(tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    ran = run_writer(
        tmp_path / "journal.db",
        120,
        str(STRACE),
        "-f",
        "-y",
        "-e",
        "trace=pwrite64,write,fdatasync,fsync",
        "-o",
        str(trace),
    )
    assert ran.returncode == 0, ran.stderr
    n_acks, n_unsynced, has_synced = 0, 0, False
    for line in trace.read_bytes().splitlines():
        call = CALL.match(line)
        if call is None:
            continue
        name, path = call["name"], call["path"] or b""
        if name == b"pwrite64" and path.endswith(b"journal.db-wal"):
            n_unsynced, has_synced = n_unsynced + 1, False
        elif name in (b"fdatasync", b"fsync") and path.endswith(b"journal.db-wal"):
            n_unsynced, has_synced = 0, True
        elif name == b"write" and b'"ACK ' in line:
            assert has_synced, "an acknowledgement without a sync since the one before"
            assert n_unsynced == 0, "an acknowledgement before the sync of its journal write"
            n_acks, has_synced = n_acks + 1, False
    assert n_acks == ran.stdout.count(b"ACK") > 10


@needs_strace
def test_a_failed_sync_is_never_acknowledged(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    ran = run_writer(
        path, 120, str(STRACE), "-f", "-o", str(tmp_path / "trace"), "-e", "inject=fdatasync:error=EIO:when=12+"
    )
    words = [line.split()[0] for line in ran.stdout.splitlines()]
    assert words.count(b"FATAL") == 1
    assert words.index(b"FATAL") == words.count(b"ACK") > 0
    assert words[-1] == b"REFUSED"
    last_ack = int(ran.stdout.splitlines()[words.index(b"FATAL") - 1].split()[1])
    heard = Heard()
    journal = open_journal(path, heard)
    assert journal.durable_seq >= last_ack
    journal.close()


def test_a_rehearsal_makes_the_row_and_leaves_the_log_and_what_is_counted_for_it(tmp_path: Path) -> None:
    path, heard = tmp_path / "journal.db", Heard()
    journal = open_journal(path, heard)
    some, named = next(turns(FACTS, RECEIPTS))
    counted = journal._spell.__self__  # type: ignore[attr-defined]
    n_told = dict(counted._n_told)
    journal.rehearse(some, named)
    journal.rehearse([], [])
    assert counted._n_told == n_told
    assert journal.durable_seq == 0
    with pytest.raises(InvariantBroken):
        journal.rehearse(some, [("0" * 64, b"of no route")])
    journal.append(some, named)
    heard.wait_for(some[-1].seq)
    journal.close()
    reader = JournalReader(path)
    assert reader.read(0, 1_000) == list(some)
    reader.close()
