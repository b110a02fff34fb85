"""What a group commit costs the thread that makes it: CPU us an order, by orders in the group, and the file's bytes.

A group is what orders' first turns tell (accepted, foretold, planned, sending) with their receipts. Beside our row a
group, in turns on the same disk: a row a fact with its indexes, as was written before, in the cheaper of its
two ways; and the same bytes written to a file and synced, with no log around them, below which no durable commit goes.
Nothing else runs here: in the service, where a loop wants the interpreter and the caches, each costs more
(loadtests/door_stages.py).

    python -m loadtests.commit
"""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from app.domain.enums import Mode
from app.domain.events import Fact
from app.execution.inputs import Submit
from app.store.chain import GENESIS, link
from app.store.codec import EncodedFact, encode_fact
from app.store.encoder import Records
from app.store.journal import store_turn
from app.store.journal_schema import open_writer
from app.store.places import Places
from app.store.receipts import placed
from app.store.turns import Receipt, make_turn

Row = dict[str, object]
Group = tuple[list[EncodedFact], list[Receipt], Records]
N_ORDERS: Final = (1, 8, 32)
N_GROUPS: Final = {1: 240, 8: 120, 32: 60}
CHECKPOINT_EVERY: Final = 64
_RAW_BYTES: Final = 64 << 20

_OLD_FACT: Final = "insert into facts values (?,?,?,?,?,?,?,?)"
_OLD_RECEIPT: Final = "insert into receipts values (?,?,?) on conflict (sha256) do nothing"


def told() -> tuple[list[Fact], list[tuple[str, bytes]]]:
    """What one order's first turn tells, and its receipts."""
    from tests.worlds import make_desk, make_order

    turn = make_desk().turn(Submit(make_order(qty_units=1_000), Mode.PAPER))
    return list(turn.facts), list(turn.receipts)


def groups(n_orders: int) -> Iterator[Group]:
    """One group after the other, each fact in its place in the log, each receipt under a hash of its own."""
    order, receipts = told()
    named = placed(order, receipts)
    seq = account_seq = 0
    while True:
        facts: list[EncodedFact] = []
        beside: list[Receipt] = []
        for _ in range(n_orders):
            began_seq = seq
            for fact in order:
                seq, account_seq = seq + 1, account_seq + bool(fact.account)
                facts.append(encode_fact(replace(fact, seq=seq, account_seq=account_seq if fact.account else 0)))
            for _, named_seq, body in named:
                sha256 = hashlib.sha256(seq.to_bytes(8, "big")).hexdigest()
                beside.append((sha256, began_seq + named_seq - order[0].seq + 1, body))
        yield facts, beside, Records.of_rows(facts)


class Ours:
    """A row a group."""

    def __init__(self, path: Path) -> None:
        self._connection = open_writer(path)
        self._places, self._hash = Places(self._connection), GENESIS

    def commit(self, facts: list[EncodedFact], receipts: list[Receipt], records: Records) -> None:
        turn = make_turn(self._hash, records, receipts)
        store_turn(self._connection, turn, self._places.note(turn))
        self._hash = turn.chain_hash

    def checkpoint(self) -> None:
        self._connection.execute("pragma wal_checkpoint(passive)").fetchone()


class RowsOfFacts:
    """A row a fact, three indexes, one transaction."""

    def __init__(self, path: Path) -> None:
        from tests.store.old_logs import SCHEMA

        self._connection = sqlite3.connect(path, isolation_level=None)
        for setting in ("journal_mode=wal", "synchronous=full", "wal_autocheckpoint=0"):
            self._connection.execute(f"pragma {setting}")
        self._connection.executescript(SCHEMA)
        self._hash = GENESIS

    def commit(self, facts: list[EncodedFact], receipts: list[Receipt], records: Records) -> None:
        rows = []
        for fact in facts:
            self._hash = link(self._hash, fact.seq, fact.record)
            rows.append((*fact[:7], self._hash))
        self._connection.execute("begin immediate")
        self._connection.executemany(_OLD_FACT, rows)
        self._connection.executemany(_OLD_RECEIPT, receipts)
        self._connection.execute("commit")

    def checkpoint(self) -> None:
        self._connection.execute("pragma wal_checkpoint(passive)").fetchone()


class Raw:
    """The bytes alone, over a file that is there already: one write, one sync."""

    def __init__(self, path: Path) -> None:
        self._fd, self._at = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600), 0
        os.pwrite(self._fd, bytes(_RAW_BYTES), 0)
        os.fsync(self._fd)

    def commit(self, facts: list[EncodedFact], receipts: list[Receipt], records: Records) -> None:
        content = b"".join([fact.record for fact in facts] + [body for _, _, body in receipts])
        self._at = self._at if self._at + len(content) <= _RAW_BYTES else 0
        self._at += os.pwrite(self._fd, content, self._at)
        os.fdatasync(self._fd)

    def checkpoint(self) -> None:
        """There is nothing to move."""


def measure(folder: Path, n_orders: int, n_groups: int) -> Row:
    """One row of the table, of `n_groups` groups."""
    ways = {"ours": Ours(folder / "ours.db"), "rows": RowsOfFacts(folder / "rows.db"), "raw": Raw(folder / "raw")}
    spent_us: dict[str, list[float]] = {name: [] for name in ways}
    made = groups(n_orders)
    n_bytes = 0
    for n in range(n_groups):
        group = next(made)
        n_bytes = sum(len(fact.record) for fact in group[0]) + sum(len(body) for _, _, body in group[1])
        for name, way in ways.items():
            spent_us[name].append(_thread_us(way.commit, group) / n_orders)
            if n % CHECKPOINT_EVERY == CHECKPOINT_EVERY - 1:
                way.checkpoint()
    return row_of(n_orders, n_bytes // n_orders, spent_us)


def _thread_us(commit: Callable[[list[EncodedFact], list[Receipt], Records], None], group: Group) -> float:
    began_ns = time.thread_time_ns()
    commit(*group)
    return (time.thread_time_ns() - began_ns) / 1e3


def row_of(n_orders: int, order_bytes: int, spent_us: dict[str, Sequence[float]] | dict[str, list[float]]) -> Row:
    """Microseconds are tenth percentiles (neighbours on the cores only add), ratios are medians of the groups'."""
    low = {name: sorted(values)[len(values) // 10] for name, values in spent_us.items()}
    over = [rows / ours for rows, ours in zip(spent_us["rows"], spent_us["ours"], strict=True)]
    return {
        "orders": n_orders,
        "bytes_an_order": order_bytes,
        "ours_us": round(low["ours"], 1),
        "rows_us": round(low["rows"], 1),
        "raw_us": round(low["raw"], 1),
        "rows_over_ours": round(statistics.median(over), 2),
    }


def rows(*, is_quick: bool = False) -> list[Row]:
    """The bench's table."""
    found = []
    for n_orders in N_ORDERS:
        with tempfile.TemporaryDirectory(prefix="bestex-commit-") as folder:
            found.append(measure(Path(folder), n_orders, N_GROUPS[n_orders] // (3 if is_quick else 1)))
    return found


if __name__ == "__main__":
    for row in rows():
        print(json.dumps(row), flush=True)
