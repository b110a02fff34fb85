"""Where an account's facts are: a coarse index beside the rows, written with every sixty-fourth commit.

A row (account, last_account_seq, first_seq) says: of the account's facts up to `last_account_seq` that no earlier row
of it covers, none lies before the row of `turns` that begins at `first_seq`. The account '' says how far the index
reaches; behind that a reader looks at every row. So an order pays next to nothing for it, and whatever a crash leaves
unwritten is made again from the rows themselves.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

import msgspec

from app.store.turns import Turn

TURNS_A_PLACE: Final = 64
MAX_WAITING_ACCOUNTS: Final = 256
_INSERT: Final = "insert into places (account, last_account_seq, first_seq) values (?,?,?)"
_accounts_of: Final = msgspec.json.Decoder(dict[str, int]).decode

PlaceRow = tuple[str, int, int]


class Place(NamedTuple):
    """Read from the row at `first_seq` on; up to the account's `last_account_seq`, None: to the end of the log."""

    first_seq: int
    last_account_seq: int | None


class Places:
    """The index's writing side. `note` each row; what it gives is to be stored in that row's own commit."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        """Looks up what a former writer left unwritten."""
        self._waiting: dict[str, tuple[int, int]] = {}
        self._n_turns = 0
        self._left: list[PlaceRow] = []
        next_seq = reach(connection)
        for first_seq, last_seq, accounts in connection.execute(
            "select first_seq, last_seq, accounts from turns where first_seq >= ? order by first_seq", (next_seq,)
        ):
            self._left += self._take(first_seq, last_seq, accounts)

    def note(self, turn: Turn) -> list[PlaceRow]:
        """Counts a row in; gives what is now to be written, mostly nothing."""
        due = self._take(turn.first_seq, turn.last_seq, turn.accounts)
        if self._left:
            due, self._left = self._left + due, []
        return due

    def _take(self, first_seq: int, last_seq: int, accounts: str) -> list[PlaceRow]:
        for account, last_account_seq in _accounts_of(accounts).items():
            begun = self._waiting.get(account)
            self._waiting[account] = (begun[0] if begun else first_seq), last_account_seq
        self._n_turns += 1
        if self._n_turns < TURNS_A_PLACE and len(self._waiting) < MAX_WAITING_ACCOUNTS:
            return []
        due = [(account, last, first) for account, (first, last) in self._waiting.items()]
        due.append(("", last_seq, last_seq + 1))
        self._waiting, self._n_turns = {}, 0
        return due


def write_places(connection: sqlite3.Connection, rows: list[PlaceRow]) -> None:
    """Stores what `Places.note` gave, within the caller's transaction."""
    connection.executemany(_INSERT, rows)


def reach(connection: sqlite3.Connection) -> int:
    """The first seq that the index does not cover."""
    row = connection.execute(
        "select first_seq from places where account = '' order by last_account_seq desc limit 1"
    ).fetchone()
    return row[0] if row else 0


def find_place(connection: sqlite3.Connection, account: str, after_account_seq: int) -> Place:
    """Where what follows the account's `after_account_seq` begins."""
    next_seq = reach(connection)  # before the other question: what is written in between only narrows its answer
    row = connection.execute(
        "select first_seq, last_account_seq from places where account = ? and last_account_seq > ?"
        " order by last_account_seq limit 1",
        (account, after_account_seq),
    ).fetchone()
    return Place(*row) if row else Place(next_seq, None)


class PlacesCheck:
    """Whether the index hides a fact: told every fact of an account, in the order of the log."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._next_seq = reach(connection)
        self._rows: dict[str, Iterator[Any]] = {}
        self._now: dict[str, Any] = {}
        found: dict[str, list[Any]] = {}
        for account, last_account_seq, first_seq in connection.execute(
            "select account, last_account_seq, first_seq from places order by account, last_account_seq"
        ):
            found.setdefault(account, []).append((last_account_seq, first_seq))
        self._rows = {account: iter(rows) for account, rows in found.items()}
        self._now = {account: next(rows) for account, rows in self._rows.items()}

    def is_hidden(self, account: str, account_seq: int, turn_seq: int) -> bool:
        """True where a reader that goes by the index would pass over this fact, whose row begins at `turn_seq`."""
        now = self._now.get(account)
        while now is not None and now[0] < account_seq:
            now = self._now[account] = next(self._rows[account], None)
        return bool(turn_seq < self._next_seq) if now is None else bool(turn_seq < now[1])
