"""The journal's SQLite file: its tables, its one insert statement, and how a connection to it is opened."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Final
from urllib.parse import quote

from app.domain.errors import InvariantBroken
from app.store.turns import Turn

APPLICATION_ID: Final = 0x42455854  # "BEXT"
SCHEMA_VERSION: Final = 2
# Version 1 had a row a fact (store/old_rows.py): it is read as it stands, and gone on with in the tables of today.
READABLE: Final = frozenset({1, SCHEMA_VERSION})
# A group of 32 orders is some 170 KB: pages of 8 KiB are half of the write-ahead file's frames, each of which
# costs two system calls; of 16 KiB they would make a single order's commit write 48 KB. A file keeps its size.
PAGE_BYTES: Final = 8_192

# What is once written stays: whoever wants to change it must drop a trigger first, and the chain still tells.
_KEPT: Final = """
create trigger if not exists {table}_are_not_changed before update on {table}
begin select raise(abort, 'the log only grows'); end;
create trigger if not exists {table}_are_not_removed before delete on {table}
begin select raise(abort, 'the log only grows'); end;
"""
# A row follows the last one or is refused, even by "insert or replace", which no trigger of a removal sees.
_NEXT: Final = """
create trigger if not exists turns_are_not_misplaced before insert on turns
when new.first_seq <> (select last_seq + 1 from turns order by first_seq desc limit 1)
begin select raise(abort, 'the log only grows'); end;
"""
_TURNS: Final = """
create table if not exists turns (
    first_seq integer primary key,
    last_seq integer not null,
    ts_ns integer not null,
    accounts text not null,
    hashes blob not null,
    receipts blob not null,
    facts blob not null,
    check (length(hashes) = 32 * (last_seq - first_seq + 1))
);
create table if not exists places (
    account text not null,
    last_account_seq integer not null,
    first_seq integer not null,
    primary key (account, last_account_seq)
) without rowid;
"""
# The door through which version 1 wrote; nothing is written to its tables any more.
_LEAVE_VERSION_1: Final = "drop view records;"

_INSERT: Final = "insert into turns values (?,?,?,?,?,?,?)"


def insert_turn(connection: sqlite3.Connection, turn: Turn) -> None:
    """Stores one row; outside a transaction this one statement is a whole commit, synced when it returns.

    One step of the library: the interpreter's lock is given away and won back once.
    """
    connection.execute(_INSERT, turn)


def open_writer(path: Path) -> sqlite3.Connection:
    """A connection whose commits are synced; makes the file when there is none, and brings one of version 1 to today's.

    Raises InvariantBroken for a file that is not a journal of this schema.
    """
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=10.0)
    try:
        connection.execute(f"pragma page_size={PAGE_BYTES}")
        connection.execute("pragma journal_mode=wal")
        connection.execute("pragma synchronous=full")
        connection.execute("pragma wal_autocheckpoint=0")
        is_new = connection.execute("select count(*) from sqlite_master").fetchone() == (0,)
        if not is_new:
            check_schema(connection, path)
        _bring_up_to_date(connection, is_new=is_new)
    except BaseException:
        connection.close()
        raise
    return connection


def _bring_up_to_date(connection: sqlite3.Connection, *, is_new: bool) -> None:
    """All of it or nothing, in one transaction; a trigger that somebody dropped comes back."""
    is_old = not is_new and _version(connection) != SCHEMA_VERSION
    parts = [_TURNS, _NEXT, _KEPT.format(table="turns")]
    if is_old:
        parts += [_LEAVE_VERSION_1, _KEPT.format(table="facts"), _KEPT.format(table="receipts")]
    if is_new:
        parts.append(f"pragma application_id={APPLICATION_ID};")
    if is_new or is_old:
        parts.append(f"pragma user_version={SCHEMA_VERSION};")
    elif not _lacks_a_trigger(connection):
        return
    try:
        connection.executescript(f"begin immediate; {' '.join(parts)} commit;")
    except BaseException:
        if connection.in_transaction:
            connection.execute("rollback")
        raise


def _lacks_a_trigger(connection: sqlite3.Connection) -> bool:
    (n_kept,) = connection.execute(
        "select count(*) from sqlite_master"
        " where type = 'trigger' and tbl_name = 'turns' and name like 'turns_are_not_%'"
    ).fetchone()
    return bool(n_kept < 3)


def open_reader(path: Path) -> sqlite3.Connection:
    """A read-only connection; it never blocks the writer. Raises InvariantBroken as `open_writer`."""
    uri = f"file:{quote(str(path.absolute()))}?mode=ro"
    connection = sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False, timeout=10.0)
    try:
        check_schema(connection, path)
    except BaseException:
        connection.close()
        raise
    return connection


def check_schema(connection: sqlite3.Connection, path: Path) -> None:
    """Raises InvariantBroken unless the file is a journal of a schema version that this release reads."""
    try:
        application_id = connection.execute("pragma application_id").fetchone()[0]
        version = _version(connection)
    except sqlite3.DatabaseError as error:
        raise InvariantBroken(reason="not a journal", path=str(path), error=str(error)) from error
    if application_id != APPLICATION_ID or version not in READABLE:
        raise InvariantBroken(
            reason="not a journal of this version", path=str(path), application_id=application_id, version=version
        )


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("pragma user_version").fetchone()[0])
