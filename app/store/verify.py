"""Is the journal what was written? Finds every changed, removed, reordered or cut-off record, and says where.

Records are held by the chain, receipts by the SHA-256 that a record names, the end by exported heads: a loss or a
rewriting of anything before the last exported head is found. What a row says of its records (accounts, stamp) and where
the index says that an account's facts are is made again from the records and compared.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum, unique
from functools import partial
from pathlib import Path
from typing import Any

from app.domain.errors import InvariantBroken
from app.domain.events import Fact
from app.store.chain import GENESIS, link
from app.store.codec import decode_fact, record_of
from app.store.head import head_path, read_head
from app.store.journal_schema import open_reader
from app.store.old_rows import OldRows
from app.store.places import PlacesCheck
from app.store.receipts import receipt_of
from app.store.stored_turns import TURN_COLUMNS
from app.store.turns import HASH_BYTES, accounts_text, decode_line, receipts_in, seq_of


@unique
class FindingCode(StrEnum):
    DAMAGED_FILE = "damaged_file"  # the file itself contradicts itself
    UNREADABLE = "unreadable"  # a record is not a fact of a known kind and version
    CHANGED = "changed"  # a record, or its hash, is not what was chained
    REMOVED = "removed"  # a seq, or an account's seq, is missing
    TRUNCATED = "truncated"  # an exported head knows of later records
    REWRITTEN = "rewritten"  # an exported head knows another record at its seq
    RECEIPT_CHANGED = "receipt_changed"
    RECEIPT_MISSING = "receipt_missing"
    RECEIPT_ORPHAN = "receipt_orphan"  # no record names it, or not the record it claims


@dataclass(frozen=True, slots=True)
class Finding:
    """`seq` is the record concerned: the first missing one of a gap or a cut, 0 for the whole file."""

    seq: int
    code: FindingCode
    detail: str


@dataclass(frozen=True, slots=True)
class VerifyReport:
    """`n_heads` exported heads were compared: with 0 a truncation would not have been seen."""

    n_facts: int
    n_receipts: int
    head_seq: int
    head_hash: bytes
    n_heads: int
    findings: tuple[Finding, ...]

    @property
    def head(self) -> tuple[int, bytes]:
        """What to export: compare a later state of this journal with it."""
        return self.head_seq, self.head_hash

    @property
    def is_intact(self) -> bool:
        return not self.findings


def verify(path: Path, exported_head: tuple[int, bytes] | None = None) -> VerifyReport:
    """Reads the whole journal at `path` and compares it with its own head file and with `exported_head`.

    Damage is reported, not raised; raises FileNotFoundError where there is no journal.
    """
    if not path.exists():
        raise FileNotFoundError(path)
    check = _Check()
    try:
        connection = open_reader(path)
        try:
            check.run(connection, path, exported_head)
        finally:
            connection.close()
    except (sqlite3.Error, InvariantBroken) as error:
        check.found(check.seq + 1, FindingCode.DAMAGED_FILE, str(error))
    return VerifyReport(
        check.n_facts, check.n_receipts, check.seq, check.chain_hash, check.n_heads, tuple(check.findings)
    )


class _Check:
    def __init__(self) -> None:
        self.findings: list[Finding] = []
        self.n_facts = 0
        self.n_receipts = 0
        self.n_heads = 0
        self.seq = 0
        self.chain_hash = GENESIS
        self._account_seqs: dict[str, int] = {}
        self._named_at: dict[int, str] = {}
        self._lacking: dict[str, int] = {}
        self._stored: set[str] = set()
        self._head_hashes: dict[int, bytes] = {0: GENESIS}

    def found(self, seq: int, code: FindingCode, detail: str) -> None:
        self.findings.append(Finding(seq, code, detail))

    def run(self, connection: sqlite3.Connection, path: Path, exported_head: tuple[int, bytes] | None) -> None:
        for (line,) in connection.execute("pragma integrity_check").fetchall():
            if line != "ok":
                self.found(0, FindingCode.DAMAGED_FILE, line)
        heads = [head for head in (self._own_head(path), exported_head) if head is not None]
        wanted = {seq for seq, _ in heads}
        self._old_part(OldRows(connection), wanted)
        if connection.execute("select 1 from sqlite_master where type = 'table' and name = 'turns'").fetchone():
            places = PlacesCheck(connection)
            for row in connection.execute(f"select {TURN_COLUMNS} from turns order by first_seq"):  # noqa: S608
                self._turn(row, wanted, places)
        for seq, chain_hash in heads:
            self._head(seq, chain_hash)
        for sha256, seq in self._lacking.items():
            self.found(seq, FindingCode.RECEIPT_MISSING, f"receipt {sha256}")

    def _own_head(self, path: Path) -> tuple[int, bytes] | None:
        try:
            return read_head(head_path(path))
        except InvariantBroken as error:
            self.found(0, FindingCode.DAMAGED_FILE, str(error))
            return None

    def _old_part(self, rows: OldRows, wanted: set[int]) -> None:
        for row in rows.each():
            self._record(row[0], partial(record_of, row), partial(decode_fact, row), row[7])
            if row[0] in wanted:
                self._head_hashes[row[0]] = row[7]
        for sha256, seq, body in rows.each_receipt():
            self._receipt(sha256, seq, body)
        self._named_at.clear()

    def _turn(self, row: Any, wanted: set[int], places: PlacesCheck) -> None:
        """One row: each record by the chain, then what the row says of them."""
        first_seq, last_seq, ts_ns, accounts, hashes, receipts, facts = row
        if not (isinstance(hashes, bytes) and isinstance(receipts, bytes) and isinstance(facts, bytes)):
            self.found(first_seq, FindingCode.UNREADABLE, f"the row of {first_seq} to {last_seq} is not of bytes")
            self.seq, self.chain_hash = last_seq, GENESIS
            return
        begun: dict[str, int] = {}
        last_ts_ns = 0
        for line in facts.split(b"\n"):
            seq = self._seq_of(line)
            stored = hashes[HASH_BYTES * (seq - first_seq) :][:HASH_BYTES] if seq >= first_seq else b""
            fact = self._record(seq, partial(bytes, line), partial(decode_line, line), stored)
            if seq in wanted:
                self._head_hashes[seq] = stored
            if fact is not None:
                last_ts_ns = fact.ts_ns
                begun[fact.account] = fact.account_seq
                if fact.account and places.is_hidden(fact.account, fact.account_seq, first_seq):
                    self.found(seq, FindingCode.CHANGED, f"the index hides a record of account {fact.account}")
        if self.seq != last_seq or accounts != accounts_text(begun) or ts_ns != last_ts_ns:
            self.found(
                first_seq, FindingCode.CHANGED, f"the row of {first_seq} to {last_seq} says what it does not hold"
            )
        try:
            for sha256, seq, body in receipts_in(receipts):
                self._receipt(sha256, seq, body)
        except InvariantBroken as error:
            self.found(first_seq, FindingCode.RECEIPT_CHANGED, str(error))
        self._named_at.clear()

    def _seq_of(self, line: bytes) -> int:
        """The seq that a line says; where it says none, the next."""
        try:
            return seq_of(line)
        except InvariantBroken:
            return self.seq + 1

    def _record(
        self, seq: int, record: Callable[[], bytes], decoded: Callable[[], Fact], chain_hash: Any
    ) -> Fact | None:
        """One record by the chain and by what it says; None where it cannot be read."""
        fact = None
        if seq != self.seq + 1:
            self.found(self.seq + 1, FindingCode.REMOVED, f"records {self.seq + 1} to {seq - 1} are missing")
        try:
            computed = link(self.chain_hash, seq, record())
            is_first_after_gap = seq != self.seq + 1
            if computed != chain_hash and not is_first_after_gap:
                self.found(seq, FindingCode.CHANGED, f"the chain says {computed.hex()}, the record {_hex(chain_hash)}")
            fact = decoded()
            self._content(fact)
        except (InvariantBroken, TypeError, AttributeError, OverflowError) as error:
            self.found(seq, FindingCode.UNREADABLE, str(error))
        self.n_facts += 1
        self.seq = seq
        self.chain_hash = chain_hash if isinstance(chain_hash, bytes) else GENESIS
        return fact

    def _content(self, fact: Fact) -> None:
        if fact.account_seq:
            expected = self._account_seqs.get(fact.account, 0) + 1
            if fact.account_seq != expected:
                self.found(fact.seq, FindingCode.REMOVED, f"account {fact.account} lacks its record {expected}")
            self._account_seqs[fact.account] = fact.account_seq
        sha256 = receipt_of(fact.event)
        if sha256:
            self._named_at[fact.seq] = sha256
            if sha256 not in self._stored:
                self._lacking.setdefault(sha256, fact.seq)

    def _head(self, seq: int, chain_hash: bytes) -> None:
        self.n_heads += 1
        if seq > self.seq:
            self.found(self.seq + 1, FindingCode.TRUNCATED, f"an exported head proves {seq} records")
        elif self._head_hashes.get(seq) != chain_hash:
            self.found(seq, FindingCode.REWRITTEN, f"an exported head has {chain_hash.hex()}")

    def _receipt(self, sha256: Any, seq: Any, body: Any) -> None:
        self.n_receipts += 1
        if not isinstance(body, bytes) or hashlib.sha256(body).hexdigest() != sha256:
            self.found(seq, FindingCode.RECEIPT_CHANGED, f"receipt {sha256}")
        if self._named_at.get(seq) != sha256:
            self.found(seq, FindingCode.RECEIPT_ORPHAN, f"receipt {sha256}: not named by {seq}")
        else:
            self._lacking.pop(sha256, None)
            self._stored.add(sha256)


def _hex(value: object) -> str:
    return value.hex() if isinstance(value, bytes) else repr(value)
