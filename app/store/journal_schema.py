"""The journal's SQLite file: its tables, its one insert statement, and how a connection to it is opened."""

from __future__ import annotations

import sqlite3
from bisect import bisect_left
from functools import cache
from pathlib import Path
from typing import Final
from urllib.parse import quote

from app.domain.errors import InvariantBroken

APPLICATION_ID: Final = 0x42455854  # "BEXT"
SCHEMA_VERSION: Final = 1
COLUMNS: Final = "seq, account, account_seq, ts_ns, kind, v, body, hash"
N_COLUMNS: Final = 8
# A group is padded with empty rows to one of these sizes, so that a few prepared statements serve them all: an empty
# row costs a third of a full one, so that no size is more than an eighth above the one before where groups are large.
# The largest stays under the 32,766 variables that one SQLite statement takes.
GROUP_SIZES: Final = (
    *range(8, 128, 8),
    *range(128, 256, 16),
    *range(256, 512, 32),
    *range(512, 1_025, 64),
)

# One statement writes a group: facts and receipts enter through a view whose triggers sort them into their tables,
# so that a commit is one step of the library and gives the interpreter's lock away once.
_SCHEMA: Final = """
create table facts (
    seq integer primary key,
    account text not null,
    account_seq integer not null,
    ts_ns integer not null,
    kind text not null,
    v integer not null,
    body blob not null,
    hash blob not null
);
create unique index facts_account on facts (account, account_seq) where account_seq > 0;
create table receipts (sha256 text primary key, seq integer not null, body blob not null);
create index receipts_seq on receipts (seq);
create view records as
    select 0 as seq, '' as account, 0 as account_seq, 0 as ts_ns, '' as kind, 0 as v, x'' as body, x'' as hash;
create trigger records_fact instead of insert on records when new.v > 0 begin
    insert into facts values
        (new.seq, new.account, new.account_seq, new.ts_ns, new.kind, new.v, new.body, new.hash);
end;
create trigger records_receipt instead of insert on records when new.v = 0 begin
    insert into receipts values (new.account, new.seq, new.body) on conflict (sha256) do nothing;
end;
"""


def group_insert(n_rows: int) -> tuple[str, int]:
    """The insert statement for at least `n_rows` rows, and the number of rows it takes."""
    size = GROUP_SIZES[bisect_left(GROUP_SIZES, n_rows)]
    return _insert(size), size


@cache
def _insert(size: int) -> str:
    return f"insert into records ({COLUMNS}) values {','.join(['(?,?,?,?,?,?,?,?)'] * size)}"  # noqa: S608


# The same by a statement a table, for whoever need not share the interpreter's lock between two rows.
INSERT_FACT: Final = f"insert into facts ({COLUMNS}) values (?,?,?,?,?,?,?,?)"  # noqa: S608
INSERT_RECEIPT: Final = "insert into receipts (sha256, seq, body) values (?,?,?) on conflict (sha256) do nothing"


def receipt_row(sha256: str, seq: int, body: bytes) -> tuple[object, ...]:
    """A receipt as a row of the view: version 0 sends it to its table."""
    return (seq, sha256, 0, 0, "", 0, body, b"")


def open_writer(path: Path) -> sqlite3.Connection:
    """A connection whose commits are synced; makes the file when there is none.

    Raises InvariantBroken for a file that is not a journal of this schema.
    """
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=10.0)
    try:
        connection.execute("pragma journal_mode=wal")
        connection.execute("pragma synchronous=full")
        connection.execute("pragma wal_autocheckpoint=0")
        if connection.execute("select count(*) from sqlite_master").fetchone() == (0,):
            connection.executescript(
                f"begin; {_SCHEMA} pragma application_id={APPLICATION_ID};"
                f" pragma user_version={SCHEMA_VERSION}; commit;"
            )
        check_schema(connection, path)
    except BaseException:
        connection.close()
        raise
    return connection


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
    """Raises InvariantBroken unless the file is a journal of this schema version."""
    try:
        application_id = connection.execute("pragma application_id").fetchone()[0]
        version = connection.execute("pragma user_version").fetchone()[0]
    except sqlite3.DatabaseError as error:
        raise InvariantBroken(reason="not a journal", path=str(path), error=str(error)) from error
    if application_id != APPLICATION_ID or version != SCHEMA_VERSION:
        raise InvariantBroken(
            reason="not a journal of this version", path=str(path), application_id=application_id, version=version
        )
