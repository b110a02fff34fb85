"""A log's rows as a connection sees them: those of today, and before them what an older release wrote fact by fact."""

from __future__ import annotations

import sqlite3
from typing import Any, Final

from app.store.chain import GENESIS
from app.store.old_rows import OldRows
from app.store.places import Place, find_place
from app.store.turns import HASH_BYTES, Receipt, Turn, account_needle, receipts_in

TURN_COLUMNS: Final = "first_seq, last_seq, ts_ns, accounts, hashes, receipts, facts"
_AFTER: Final = (
    f"select {TURN_COLUMNS} from turns"  # noqa: S608 - constants
    " where first_seq >= (select coalesce(max(first_seq), 0) from turns where first_seq <= ?1 + 1) and last_seq > ?1"
)
# ?2: account_needle. A row is judged by its first columns: what is passed over is not read.
_AT: Final = "instr(',' || substr(accounts, 2), ?2)"
_OF_ACCOUNT: Final = f" and {_AT} > 0 and cast(substr(accounts, {_AT} + length(?2)) as integer) > ?3"
_RECEIPTS: Final = (
    "select last_seq, receipts from turns"
    " where first_seq >= (select max(first_seq) from turns where first_seq <= ?1) order by first_seq limit ?2"
)
_HOLDER: Final = (
    "from turns where first_seq = (select max(first_seq) from turns where first_seq <= ?) and last_seq >= ?"
)


class StoredTurns:
    """Questions to the log's tables, asked over `connection`; a file of the older form is read as it stands."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self.old = OldRows(connection)
        self._has_turns = bool(
            connection.execute("select 1 from sqlite_master where type = 'table' and name = 'turns'").fetchone()
        )

    def after(self, after_seq: int, limit: int) -> list[Turn]:
        """Up to `limit` rows that hold records after `after_seq`, in order; none at the end of the log."""
        if after_seq < self.old.last_seq:
            turn = self.old.turn_after(after_seq)
            return [turn] if turn is not None else []
        return [Turn(*row) for row in self._rows(f"{_AFTER} order by first_seq limit ?2", (after_seq, limit))]

    def of_account(self, account: str, after_account_seq: int, after_seq: int, limit: int) -> list[Turn]:
        """As `after`, of rows of today's form only those with facts of `account` after its `after_account_seq`."""
        after_seq = max(after_seq, self.old.last_seq)
        arguments = (after_seq, account_needle(account), after_account_seq, limit)
        return [Turn(*row) for row in self._rows(f"{_AFTER}{_OF_ACCOUNT} order by first_seq limit ?4", arguments)]

    def tip(self) -> tuple[int, bytes]:
        """The last record's seq and chain hash; (0, genesis) of an empty log."""
        rows = self._rows(
            f"select last_seq, substr(hashes, -{HASH_BYTES}) from turns order by first_seq desc limit 1",  # noqa: S608
            (),
        )
        if rows:
            return int(rows[0][0]), bytes(rows[0][1])
        last_seq = self.old.last_seq
        return (last_seq, self.old.hash_at(last_seq)) if last_seq else (0, GENESIS)

    def hash_at(self, seq: int) -> bytes:
        """The chain's hash at record `seq` (0: genesis); empty where the log does not hold it."""
        if seq <= self.old.last_seq:
            return self.old.hash_at(seq) if seq else GENESIS
        if seq == 0:
            return GENESIS
        rows = self._rows(
            f"select substr(hashes, 1 + {HASH_BYTES} * (? - first_seq), {HASH_BYTES}) {_HOLDER}",
            (seq, seq, seq),
        )
        return bytes(rows[0][0]) if rows else b""

    def receipts_from(self, seq: int, n_rows: int) -> tuple[int, list[Receipt]]:
        """(last seq, receipts) of `n_rows` rows from the one that holds record `seq` on, of today's form.

        Nothing, and `seq` itself, where no such row holds it.
        """
        rows = self._rows(_RECEIPTS, (seq, n_rows))
        if not rows or rows[-1][0] < seq:
            return seq, []
        return rows[-1][0], [receipt for _, framed in rows for receipt in receipts_in(framed)]

    def row_stamp(self, seq: int) -> tuple[int, int]:
        """(last seq, stamp of the last record) of the row that holds record `seq`, which is held."""
        if seq <= self.old.last_seq:
            return seq, self.old.ts_ns(seq)
        return self._rows(f"select last_seq, ts_ns {_HOLDER}", (seq, seq))[0]  # type: ignore[no-any-return]

    def place(self, account: str, after_account_seq: int) -> Place:
        """Where to begin reading for an account in rows of today's form."""
        return find_place(self._connection, account, after_account_seq) if self._has_turns else Place(0, None)

    def _rows(self, statement: str, arguments: tuple[object, ...]) -> list[Any]:
        return self._connection.execute(statement, arguments).fetchall() if self._has_turns else []
