"""One statement is one row is one commit; what is written stays; another program's file is not touched."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from app.domain.errors import InvariantBroken
from app.store.journal_schema import check_schema, insert_turn, open_reader, open_writer
from app.store.turns import Turn

TURN = Turn(1, 2, 5, '{"desk":2}', bytes(64), b"", b"{}\n{}")


def test_a_row_is_stored_by_one_statement(tmp_path: Path) -> None:
    connection = open_writer(tmp_path / "journal.db")
    statements: list[str] = []
    connection.set_trace_callback(statements.append)
    insert_turn(connection, TURN)
    connection.set_trace_callback(None)
    assert {statement.split()[0] for statement in statements} == {"insert"}  # no begin, no commit
    reader = open_reader(tmp_path / "journal.db")
    assert reader.execute("select * from turns").fetchall() == [tuple(TURN)]
    reader.close()
    connection.close()


def test_commits_are_synced_and_checkpoints_are_ours(tmp_path: Path) -> None:
    connection = open_writer(tmp_path / "journal.db")
    values = [
        connection.execute(f"pragma {name}").fetchone()[0]
        for name in ("journal_mode", "synchronous", "wal_autocheckpoint", "page_size")
    ]
    connection.close()
    assert values == ["wal", 2, 0, 8_192]


@pytest.mark.parametrize(
    "statement",
    [
        "delete from turns",
        "delete from turns where first_seq = 1",
        "update turns set facts = x'00'",
        "update turns set first_seq = 7",
        "insert or replace into turns values (1, 2, 6, '{}', zeroblob(64), x'', x'')",
        "insert into turns values (3, 4, 6, '{}', zeroblob(32), x'', x'')",
        "insert into turns values (3, 4, 6, '{}', null, x'', x'')",
    ],
)
def test_the_log_only_grows(tmp_path: Path, statement: str) -> None:
    connection = open_writer(tmp_path / "journal.db")
    insert_turn(connection, TURN)
    with pytest.raises(sqlite3.IntegrityError):
        connection.execute(statement)
    assert connection.execute("select * from turns").fetchall() == [tuple(TURN)]
    connection.close()


def test_a_guard_that_somebody_dropped_comes_back(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    connection = open_writer(path)
    insert_turn(connection, TURN)
    connection.execute("drop trigger turns_are_not_removed")
    connection.close()
    connection = open_writer(path)
    with pytest.raises(sqlite3.IntegrityError, match="only grows"):
        connection.execute("delete from turns")
    connection.close()


def test_another_version_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    connection = open_writer(path)
    check_schema(connection, path)
    connection.execute("pragma user_version=3")
    connection.close()
    for opener in (open_writer, open_reader):
        with pytest.raises(InvariantBroken, match="version"):
            opener(path)


def test_another_programs_file_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    with sqlite3.connect(path) as connection:
        connection.execute("create table facts (seq)")
    connection.close()
    tables = "select name from sqlite_master"
    for opener in (open_writer, open_reader):
        with pytest.raises(InvariantBroken, match="version"):
            opener(path)
    with sqlite3.connect(path) as connection:
        assert connection.execute(tables).fetchall() == [("facts",)]
    connection.close()
