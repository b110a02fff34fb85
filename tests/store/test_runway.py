"""Room ahead in the write-ahead file: as far as asked, over no frame, and nothing that a later reader takes for one."""

from __future__ import annotations

import errno
import os
import shutil
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.store.journal_schema import PAGE_BYTES, open_writer
from app.store.runway import AHEAD_BYTES, BUSY_BYTES, Runway, used_bytes

MAX_BYTES = 8_192 * PAGE_BYTES
FRAME_BYTES = PAGE_BYTES + 24


@pytest.fixture
def log(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    connection = open_writer(tmp_path / "log.db")
    connection.execute("create table notes (n integer primary key, body blob)")
    yield connection
    connection.close()


def write(log: sqlite3.Connection, n_rows: int, body_bytes: int = 3 * PAGE_BYTES) -> None:
    for _ in range(n_rows):
        log.execute("insert into notes (body) values (?)", (os.urandom(body_bytes),))


def reach(path: Path) -> int:
    file = os.open(path, os.O_RDONLY)
    try:
        return used_bytes(file)
    finally:
        os.close(file)


def test_the_reach_of_the_frames_is_what_sqlite_says(tmp_path: Path, log: sqlite3.Connection) -> None:
    wal = tmp_path / "log.db-wal"
    for n_rows in (1, 7, 60):
        write(log, n_rows)
        _, n_frames, _ = log.execute("pragma wal_checkpoint(passive)").fetchone()
        assert reach(wal) == 32 + n_frames * FRAME_BYTES
        write(log, 1)  # all was moved: this begins a new round, before the frames of the one before
        _, n_frames, _ = log.execute("pragma wal_checkpoint(passive)").fetchone()
        assert reach(wal) == 32 + n_frames * FRAME_BYTES < wal.stat().st_size


def test_an_idle_log_has_nothing_laid_out(tmp_path: Path, log: sqlite3.Connection) -> None:
    runway, guard = Runway(tmp_path / "log.db", MAX_BYTES), threading.Lock()
    write(log, 20)
    size_bytes = (tmp_path / "log.db-wal").stat().st_size
    assert size_bytes < BUSY_BYTES
    assert runway.lay_out(guard) == 0
    assert (tmp_path / "log.db-wal").stat().st_size == size_bytes
    assert Runway(tmp_path / "no.db", MAX_BYTES).lay_out(guard) == 0


def test_a_busy_log_has_room_ahead_and_no_more_than_is_allowed(tmp_path: Path, log: sqlite3.Connection) -> None:
    wal, guard = tmp_path / "log.db-wal", threading.Lock()
    write(log, 60)
    used = reach(wal)
    assert Runway(tmp_path / "log.db", used + AHEAD_BYTES // 4).lay_out(guard) >= AHEAD_BYTES // 4
    assert wal.stat().st_size < used + AHEAD_BYTES // 2
    runway = Runway(tmp_path / "log.db", MAX_BYTES)
    assert runway.lay_out(guard) > 0
    assert used + AHEAD_BYTES <= wal.stat().st_size < used + AHEAD_BYTES + BUSY_BYTES
    assert runway.lay_out(guard) == 0  # enough of it is there
    size_bytes = wal.stat().st_size
    write(log, 60)
    assert wal.stat().st_size == size_bytes  # the log wrote over it
    assert reach(wal) > used


def test_what_was_laid_out_is_read_by_nobody_after_a_crash(tmp_path: Path, log: sqlite3.Connection) -> None:
    write(log, 60)
    assert Runway(tmp_path / "log.db", MAX_BYTES).lay_out(threading.Lock()) > 0
    write(log, 5)
    said = log.execute("select n, body from notes order by n").fetchall()
    crashed = tmp_path / "crashed"
    crashed.mkdir()
    for name in ("log.db", "log.db-wal"):  # as a machine that lost its power leaves them
        shutil.copyfile(tmp_path / name, crashed / name)
    other = open_writer(crashed / "log.db")
    try:
        assert other.execute("select n, body from notes order by n").fetchall() == said
        assert other.execute("pragma integrity_check").fetchone() == ("ok",)
        write(other, 1)
        assert other.execute("select count(*) from notes").fetchone() == (66,)
    finally:
        other.close()


@pytest.mark.parametrize("reason", [errno.ENOSPC, errno.EIO])
def test_a_full_disk_is_the_commits_to_complain_of_and_a_broken_one_is_said(
    tmp_path: Path, log: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch, reason: int
) -> None:
    def refuse(file: int, piece: bytes, offset: int) -> int:
        raise OSError(reason, "no")

    write(log, 60)
    monkeypatch.setattr(os, "pwrite", refuse)
    runway = Runway(tmp_path / "log.db", MAX_BYTES)
    if reason == errno.ENOSPC:
        assert runway.lay_out(threading.Lock()) == 0
    else:
        with pytest.raises(OSError, match="no"):
            runway.lay_out(threading.Lock())


def test_commits_beside_it_lose_nothing(tmp_path: Path, log: sqlite3.Connection) -> None:
    runway, guard, is_over = Runway(tmp_path / "log.db", MAX_BYTES), threading.Lock(), threading.Event()
    added: list[int] = []

    def lay() -> None:
        while not is_over.is_set():
            added.append(runway.lay_out(guard))

    laying = threading.Thread(target=lay)
    laying.start()
    bodies = [os.urandom(9 * PAGE_BYTES) for _ in range(250)]
    for body in bodies:
        with guard:
            log.execute("insert into notes (body) values (?)", (body,))
    is_over.set()
    laying.join()
    assert sum(added) > AHEAD_BYTES
    crashed = tmp_path / "crashed"
    crashed.mkdir()
    for name in ("log.db", "log.db-wal"):
        shutil.copyfile(tmp_path / name, crashed / name)
    other = open_writer(crashed / "log.db")
    try:
        assert [body for (body,) in other.execute("select body from notes order by n")] == bodies
        assert other.execute("pragma integrity_check").fetchone() == ("ok",)
    finally:
        other.close()
