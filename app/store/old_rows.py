"""The journal's first form (schema version 1): a row a fact, receipts in a table of their own. Read as it was written.

Such a file is gone on with, never rewritten: a log's older part stays in these tables and what follows goes to `turns`.
Readers get the older part as rows of the new form, some facts at a time; the chain is the same.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from typing import Any, Final

from app.store.codec import record_of
from app.store.encoder import Records
from app.store.turns import Receipt, Turn, accounts_text, frame_receipts

COLUMNS: Final = "seq, account, account_seq, ts_ns, kind, v, body, hash"
ROWS_A_TURN: Final = 256
_MANY: Final = 500


class OldRows:
    """The older part of a log, as `connection` sees it. `last_seq`: where it ends; 0 where there is none."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self.last_seq = 0
        if connection.execute("select 1 from sqlite_master where type = 'table' and name = 'facts'").fetchone():
            self.last_seq = connection.execute("select coalesce(max(seq), 0) from facts").fetchone()[0]

    def turn_after(self, after_seq: int) -> Turn | None:
        """What follows `after_seq` as one row with its receipts; None at the end."""
        if after_seq >= self.last_seq:
            return None
        rows = self._rows(
            f"select {COLUMNS} from facts where seq > ? order by seq limit ?",  # noqa: S608
            (after_seq, ROWS_A_TURN),
        )
        first, last = rows[0], rows[-1]
        receipts: list[Receipt] = self._rows(
            "select sha256, seq, body from receipts where seq between ? and ? order by seq, sha256", (first[0], last[0])
        )
        records, hashes = Records.of_rows(rows), b"".join(row[7] for row in rows)
        accounts, facts = accounts_text(records.accounts), b"\n".join(records.lines)
        return Turn(first[0], last[0], last[3], accounts, hashes, frame_receipts(receipts), facts)

    def of_account(self, account: str, after_account_seq: int, limit: int) -> list[bytes]:
        """Up to `limit` records of one account after its `after_account_seq`, in order."""
        if not self.last_seq:
            return []
        rows = self._rows(
            f"select {COLUMNS} from facts where account = ? and account_seq > ? and account_seq > 0"  # noqa: S608
            " order by account_seq limit ?",
            (account, after_account_seq, limit),
        )
        return [record_of(row) for row in rows]

    def hash_at(self, seq: int) -> bytes:
        """The chain's hash at record `seq`; empty where there is none."""
        rows = self._rows("select hash from facts where seq = ?", (seq,)) if seq <= self.last_seq else []
        return bytes(rows[0][0]) if rows else b""

    def ts_ns(self, seq: int) -> int:
        """The stamp of record `seq`, which is held."""
        return int(self._rows("select ts_ns from facts where seq = ?", (seq,))[0][0])

    def receipts(self, sha256s: Sequence[str]) -> dict[str, bytes]:
        """The receipts that are stored here under these SHA-256 (hex)."""
        found: dict[str, bytes] = {}
        for start in range(0, len(sha256s) if self.last_seq else 0, _MANY):
            some = sha256s[start : start + _MANY]
            marks = ",".join("?" * len(some))
            found.update(self._rows(f"select sha256, body from receipts where sha256 in ({marks})", tuple(some)))  # noqa: S608
        return found

    def each(self) -> Iterator[Any]:
        """Every row as it stands, in order: for whoever looks for damage."""
        if not self.last_seq:
            return iter(())
        return iter(self._connection.execute(f"select {COLUMNS} from facts order by seq"))  # noqa: S608

    def each_receipt(self) -> Iterator[Any]:
        """(sha256, seq, body) of every receipt as it stands."""
        if not self.last_seq:
            return iter(())
        return iter(self._connection.execute("select sha256, seq, body from receipts order by seq, sha256"))

    def _rows(self, statement: str, arguments: tuple[object, ...]) -> list[Any]:
        return self._connection.execute(statement, arguments).fetchall()
