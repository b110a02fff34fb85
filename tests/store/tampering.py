"""A hand in a journal file: the triggers dropped, a row changed past them, the triggers back."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

from app.store.chain import GENESIS, link
from app.store.stored_turns import TURN_COLUMNS
from app.store.turns import HASH_BYTES, Turn, seq_of


def tamper(path: Path, *statements: str) -> None:
    """Runs statements as somebody would who knows SQLite."""
    connection = sqlite3.connect(path)
    guards = connection.execute("select name, sql from sqlite_master where type = 'trigger'").fetchall()
    for name, _ in guards:
        connection.execute(f"drop trigger {name}")
    for statement in statements:
        connection.execute(statement)
    for _, sql in guards:
        connection.execute(sql)
    connection.commit()
    connection.close()


def rows_of(path: Path) -> list[Turn]:
    """Every row, as it stands."""
    connection = sqlite3.connect(path)
    rows = [Turn(*row) for row in connection.execute(f"select {TURN_COLUMNS} from turns order by first_seq")]
    connection.close()
    return rows


def holder_of(path: Path, seq: int) -> Turn:
    """The row that holds a record."""
    return next(row for row in rows_of(path) if row.first_seq <= seq <= row.last_seq)


def put(path: Path, before: Turn, *after: Turn) -> None:
    """Puts rows in the place of one, past every guard; the size check is left out with the rest."""
    connection = sqlite3.connect(path)
    guards = connection.execute("select name, sql from sqlite_master where type = 'trigger'").fetchall()
    for name, _ in guards:
        connection.execute(f"drop trigger {name}")
    connection.execute("pragma ignore_check_constraints = on")
    connection.execute("delete from turns where first_seq = ?", (before.first_seq,))
    for row in after:
        connection.execute("insert into turns values (?,?,?,?,?,?,?)", row)
    for _, sql in guards:
        connection.execute(sql)
    connection.commit()
    connection.close()


def change_line(path: Path, seq: int, change: Callable[[bytes], bytes]) -> None:
    """Changes one record's bytes and nothing else."""
    row = holder_of(path, seq)
    lines = row.lines()
    lines[seq - row.first_seq] = change(lines[seq - row.first_seq])
    put(path, row, row._replace(facts=b"\n".join(lines)))


def later(line: bytes) -> bytes:
    """The record a nanosecond later, which any reader takes."""
    head, _, rest = line.partition(b'"ts_ns":')
    stamp_ns, _, tail = rest.partition(b",")
    return b'%b"ts_ns":%d,%b' % (head, int(stamp_ns) + 1, tail)


def remove_line(path: Path, seq: int) -> None:
    """Takes one record out of its row, with its hash; a row of one goes whole."""
    row = holder_of(path, seq)
    i = seq - row.first_seq
    lines = row.lines()
    hashes = [row.hashes[k * HASH_BYTES : (k + 1) * HASH_BYTES] for k in range(len(lines))]
    del lines[i], hashes[i]
    left = row._replace(facts=b"\n".join(lines), hashes=b"".join(hashes))
    put(path, row, *([left] if lines else []))


def rechain(path: Path) -> None:
    """What a thorough forger does after a change: every hash anew."""
    chain_hash = GENESIS
    for row in rows_of(path):
        hashes = b""
        for line in row.lines():
            chain_hash = link(chain_hash, seq_of(line), line)
            hashes += chain_hash
        put(path, row, row._replace(hashes=hashes))


def hash_at(path: Path, seq: int) -> bytes:
    """The chain's hash that the file says at a record."""
    return holder_of(path, seq).hash_at(seq)
