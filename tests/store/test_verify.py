"""Every kind of damage is found, and the place is named."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Callable
from pathlib import Path
from shutil import copy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.store.chain import GENESIS, link
from app.store.codec import record_of
from app.store.head import head_line, head_path
from app.store.journal_schema import COLUMNS
from app.store.verify import FindingCode, VerifyReport, verify
from tests.store.journals import write_journal
from tests.store.logs import story_facts, turns

FACTS, RECEIPTS = story_facts(150)
LAST = len(FACTS)


@pytest.fixture(scope="module")
def intact(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("verify") / "journal.db"
    write_journal(path, turns(FACTS, RECEIPTS))
    return path


@pytest.fixture
def copied(intact: Path, tmp_path: Path) -> Path:
    for name in ("journal.db", "journal.head"):
        copy(intact.with_name(name), tmp_path / name)
    return tmp_path / "journal.db"


def tamper(path: Path, *statements: str) -> None:
    connection = sqlite3.connect(path)
    for statement in statements:
        connection.execute(statement)
    connection.commit()
    connection.close()


def found(report: VerifyReport) -> set[tuple[int, FindingCode]]:
    return {(finding.seq, finding.code) for finding in report.findings}


def test_an_intact_journal_has_no_findings(intact: Path) -> None:
    report = verify(intact)
    assert report.is_intact, report.findings
    assert (report.n_facts, report.head_seq, report.n_receipts, report.n_heads) == (LAST, LAST, len(RECEIPTS), 1)
    assert verify(intact, report.head).n_heads == 2


CHANGES = {
    "seq": "update facts set seq = 100000 where seq = 70",
    "ts": "update facts set ts_ns = ts_ns + 1 where seq = 70",
    "account": "update facts set account = 'desk-z' where seq = 70",
    "account_seq": "update facts set account_seq = account_seq + 100000 where seq = 70",
    "kind": "update facts set kind = 'child_expired' where seq = 70",
    "v": "update facts set v = 2 where seq = 70",
    "body": "update facts set body = cast(replace(cast(body as text), 'acc', 'Acc') as blob) where seq = 70",
    "body_type": "update facts set body = cast(body as text) where seq = 70",
    "hash": "update facts set hash = zeroblob(32) where seq = 70",
    "hash_null": "update facts set hash = 'x' where seq = 70",
}


@pytest.mark.parametrize("statement", CHANGES.values(), ids=CHANGES)
def test_a_changed_column_is_found_at_its_record(copied: Path, statement: str) -> None:
    tamper(copied, statement)
    report = verify(copied)
    assert 70 in {finding.seq for finding in report.findings}


@settings(max_examples=60, deadline=None)
@given(seq=st.integers(1, LAST), place=st.integers(0, 10**6), bit=st.integers(0, 7))
def test_any_flipped_bit_of_a_body_is_found(intact: Path, seq: int, place: int, bit: int) -> None:
    connection = sqlite3.connect(intact, isolation_level=None)
    (body,) = connection.execute("select body from facts where seq = ?", (seq,)).fetchone()
    flipped = bytearray(body)
    flipped[place % len(body)] ^= 1 << bit
    connection.execute("update facts set body = ? where seq = ?", (bytes(flipped), seq))
    try:
        assert (seq, FindingCode.CHANGED) in found(verify(intact))
    finally:
        connection.execute("update facts set body = ? where seq = ?", (body, seq))
        connection.close()


@pytest.mark.parametrize("seq", [1, 2, 70, LAST - 1])
def test_a_removed_record_is_found(copied: Path, seq: int) -> None:
    tamper(copied, f"delete from facts where seq = {seq}")
    assert (seq, FindingCode.REMOVED) in found(verify(copied))


def test_a_removed_record_whose_gap_was_closed_is_found(copied: Path) -> None:
    tamper(copied, "delete from facts where seq = 70", "update facts set seq = -seq", "update facts set seq = -seq")
    tamper(copied, *[f"update facts set seq = {seq - 1} where seq = {seq}" for seq in range(71, LAST + 1)])
    codes = found(verify(copied))
    assert (70, FindingCode.CHANGED) in codes
    assert (LAST, FindingCode.TRUNCATED) in codes


@pytest.mark.parametrize("n_cut", [1, 2, 50, LAST])
def test_a_cut_off_end_is_found_by_the_head(copied: Path, n_cut: int) -> None:
    tamper(copied, f"delete from facts where seq > {LAST - n_cut}", f"delete from receipts where seq > {LAST - n_cut}")
    report = verify(copied)
    assert found(report) == {(LAST - n_cut + 1, FindingCode.TRUNCATED)}


def test_a_cut_off_end_without_its_head_is_found_by_an_exported_head(copied: Path, intact: Path) -> None:
    tamper(copied, f"delete from facts where seq > {LAST - 5}", f"delete from receipts where seq > {LAST - 5}")
    head_path(copied).unlink()
    assert verify(copied).n_heads == 0
    assert found(verify(copied, verify(intact).head)) == {(LAST - 4, FindingCode.TRUNCATED)}


def test_swapped_records_are_found(copied: Path) -> None:
    tamper(
        copied,
        "update facts set seq = -70 where seq = 70",
        "update facts set seq = 70 where seq = 71",
        "update facts set seq = 71 where seq = -70",
    )
    assert {(70, FindingCode.CHANGED), (71, FindingCode.CHANGED)} <= found(verify(copied))


def rechain(path: Path) -> None:
    """What a thorough forger does after a change."""
    connection = sqlite3.connect(path)
    chain_hash = GENESIS
    for row in connection.execute(f"select {COLUMNS} from facts order by seq").fetchall():
        chain_hash = link(chain_hash, row[0], record_of(row))
        connection.execute("update facts set hash = ? where seq = ?", (chain_hash, row[0]))
    connection.commit()
    connection.close()


def test_a_rewritten_and_rechained_journal_is_found_by_the_head(copied: Path) -> None:
    tamper(copied, "update facts set ts_ns = ts_ns + 1 where seq = 70")
    rechain(copied)
    assert found(verify(copied)) == {(LAST, FindingCode.REWRITTEN)}


def test_a_forged_own_head_is_found_by_an_older_exported_head(copied: Path, intact: Path) -> None:
    connection = sqlite3.connect(intact)
    exported = connection.execute("select seq, hash from facts where seq = 100").fetchone()
    connection.close()
    tamper(copied, "update facts set ts_ns = ts_ns + 1 where seq = 70")
    rechain(copied)
    connection = sqlite3.connect(copied)
    forged = connection.execute("select seq, hash from facts order by seq desc limit 1").fetchone()
    connection.close()
    head_path(copied).write_bytes(head_line(*forged))
    assert verify(copied).is_intact  # nothing inside contradicts itself: that is what exporting is for
    assert found(verify(copied, exported)) == {(100, FindingCode.REWRITTEN)}


def test_an_appended_record_is_found(copied: Path) -> None:
    tamper(
        copied,
        f"insert into facts select {LAST + 1}, account, account_seq + 100000, ts_ns, kind, v, body, hash"
        f" from facts where seq = {LAST}",
    )
    assert (LAST + 1, FindingCode.CHANGED) in found(verify(copied))


RECEIPT_DAMAGE: dict[str, tuple[str, FindingCode]] = {
    "body": ("update receipts set body = x'00' where sha256 = '{}'", FindingCode.RECEIPT_CHANGED),
    "body_text": ("update receipts set body = 'text' where sha256 = '{}'", FindingCode.RECEIPT_CHANGED),
    "key": ("update receipts set sha256 = 'beef' where sha256 = '{}'", FindingCode.RECEIPT_MISSING),
    "place": ("update receipts set seq = seq + 1 where sha256 = '{}'", FindingCode.RECEIPT_ORPHAN),
    "removed": ("delete from receipts where sha256 = '{}'", FindingCode.RECEIPT_MISSING),
}


@pytest.mark.parametrize(("statement", "code"), RECEIPT_DAMAGE.values(), ids=RECEIPT_DAMAGE)
def test_a_damaged_receipt_is_found(copied: Path, statement: str, code: FindingCode) -> None:
    tamper(copied, statement.format(next(iter(RECEIPTS))))
    assert code in {finding.code for finding in verify(copied).findings}


def test_a_receipt_that_nobody_names_is_found(copied: Path) -> None:
    body = b"planted"
    tamper(copied, f"insert into receipts values ('{hashlib.sha256(body).hexdigest()}', 10, x'{body.hex()}')")
    assert found(verify(copied)) == {(10, FindingCode.RECEIPT_ORPHAN)}


def overwrite(path: Path, change: Callable[[bytearray], Any]) -> None:
    content = bytearray(path.read_bytes())
    change(content)
    path.write_bytes(bytes(content))


def test_a_damaged_file_is_reported_and_not_raised(copied: Path) -> None:
    overwrite(copied, lambda content: content.__setitem__(slice(4096, 12288), bytes(8192)))
    assert FindingCode.DAMAGED_FILE in {finding.code for finding in verify(copied).findings}


def test_a_cut_file_is_reported(copied: Path) -> None:
    overwrite(copied, lambda content: content.__delitem__(slice(len(content) // 2, None)))
    assert not verify(copied).is_intact


def test_an_unreadable_head_is_reported(copied: Path) -> None:
    head_path(copied).write_bytes(b"gone")
    assert found(verify(copied)) == {(0, FindingCode.DAMAGED_FILE)}


def test_an_absent_journal_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        verify(tmp_path / "journal.db")
