"""One statement takes facts and receipts to their tables, and padding nowhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.domain.errors import InvariantBroken
from app.store.journal_schema import (
    GROUP_SIZES,
    N_COLUMNS,
    check_schema,
    group_insert,
    open_reader,
    open_writer,
    receipt_row,
)


@pytest.mark.parametrize("n_rows", [1, 7, 8, 9, 1_023, 1_024])
def test_a_statement_takes_at_least_what_it_is_asked_for(n_rows: int) -> None:
    statement, size = group_insert(n_rows)
    assert size >= n_rows
    assert size in GROUP_SIZES
    assert statement.count("?") == size * N_COLUMNS < 32_766


def test_rows_find_their_tables(tmp_path: Path) -> None:
    connection = open_writer(tmp_path / "journal.db")
    statement, size = group_insert(2)
    fact = (1, "desk", 1, 5, "order_done", 1, b"{}", b"h")
    rows = [*fact, *receipt_row("ab", 1, b"receipt"), *(None,) * (N_COLUMNS * (size - 2))]
    connection.execute(statement, rows)
    assert connection.execute("select * from facts").fetchall() == [fact]
    assert connection.execute("select * from receipts").fetchall() == [("ab", 1, b"receipt")]
    connection.close()


def test_commits_are_synced_and_checkpoints_are_ours(tmp_path: Path) -> None:
    connection = open_writer(tmp_path / "journal.db")
    values = [
        connection.execute(f"pragma {name}").fetchone()[0]
        for name in ("journal_mode", "synchronous", "wal_autocheckpoint")
    ]
    connection.close()
    assert values == ["wal", 2, 0]


def test_another_version_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    connection = open_writer(path)
    check_schema(connection, path)
    connection.execute("pragma user_version=2")
    connection.close()
    for opener in (open_writer, open_reader):
        with pytest.raises(InvariantBroken, match="version"):
            opener(path)
