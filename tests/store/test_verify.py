"""Every kind of damage is found, and the place is named."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from shutil import copy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.store.head import head_line, head_path
from app.store.turns import Turn, frame_receipts, receipts_in
from app.store.verify import FindingCode, VerifyReport, verify
from tests.store.journals import APART, write_journal
from tests.store.logs import named_at, story_facts, turns
from tests.store.tampering import change_line, hash_at, holder_of, put, rechain, remove_line, rows_of, tamper

FACTS, RECEIPTS = story_facts(150)
NAMED = named_at(FACTS)
LAST = len(FACTS)


@pytest.fixture(scope="module")
def intact(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("verify") / "journal.db"
    write_journal(path, turns(FACTS, RECEIPTS), APART)
    assert any(row.last_seq - row.first_seq > 5 for row in rows_of(path))
    return path


@pytest.fixture
def copied(intact: Path, tmp_path: Path) -> Path:
    for name in ("journal.db", "journal.head"):
        copy(intact.with_name(name), tmp_path / name)
    return tmp_path / "journal.db"


def found(report: VerifyReport) -> set[tuple[int, FindingCode]]:
    return {(finding.seq, finding.code) for finding in report.findings}


def test_an_intact_journal_has_no_findings(intact: Path) -> None:
    report = verify(intact)
    assert report.is_intact, report.findings
    assert (report.n_facts, report.head_seq, report.n_receipts, report.n_heads) == (LAST, LAST, len(RECEIPTS), 1)
    assert verify(intact, report.head).n_heads == 2


def spelled(before: bytes, after: bytes) -> Callable[[bytes], bytes]:
    return lambda line: line.replace(before, after, 1)


CHANGES: dict[str, Callable[[bytes], bytes]] = {
    "seq": spelled(b'"seq":70', b'"seq":71'),
    "seq_far": spelled(b'"seq":70', b'"seq":700000000000000000000000'),
    "ts": spelled(b'"ts_ns":1', b'"ts_ns":2'),
    "account": spelled(b'"account":"desk', b'"account":"desl'),
    "account_seq": spelled(b'"account_seq":', b'"account_seq":9'),
    "kind": spelled(b'"kind":"', b'"kind":"x'),
    "v": spelled(b'"v":1', b'"v":9'),
    "space": spelled(b'"v":', b'"v": '),
    "end": lambda line: line[:-1],
    "nothing": lambda line: b"",
    "two": lambda line: line + b"\n" + line,
    "broken": lambda line: line[:20] + b"\n" + line[20:],
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_changed_record_is_found_in_its_place(copied: Path, change: Callable[[bytes], bytes]) -> None:
    before = rows_of(copied)
    change_line(copied, 70, change)
    assert rows_of(copied) != before
    report = verify(copied)
    assert 70 in {finding.seq for finding in report.findings}


@settings(max_examples=60, deadline=None)
@given(seq=st.integers(1, LAST), place=st.integers(0, 10**6), bit=st.integers(0, 7))
def test_any_flipped_bit_of_a_record_is_found(intact: Path, seq: int, place: int, bit: int) -> None:
    row = holder_of(intact, seq)

    def flip(line: bytes) -> bytes:
        flipped = bytearray(line)
        flipped[place % len(line)] ^= 1 << bit
        return bytes(flipped)

    change_line(intact, seq, flip)
    try:
        assert seq in {finding.seq for finding in verify(intact).findings}
    finally:
        put(intact, row, row)
    assert holder_of(intact, seq) == row


@settings(max_examples=60, deadline=None)
@given(seq=st.integers(1, LAST), column=st.sampled_from(["hashes", "receipts", "facts"]), place=st.integers(0, 10**6))
def test_any_changed_byte_of_a_row_is_found(intact: Path, seq: int, column: str, place: int) -> None:
    row = holder_of(intact, seq)
    changed = bytearray(getattr(row, column))
    if not changed:
        return
    changed[place % len(changed)] ^= 1
    put(intact, row, row._replace(**{column: bytes(changed)}))
    try:
        assert not verify(intact).is_intact
    finally:
        put(intact, row, row)


SAYINGS: dict[str, Callable[[Turn], Turn]] = {
    "ts_ns": lambda row: row._replace(ts_ns=row.ts_ns + 1),
    "accounts_none": lambda row: row._replace(accounts="{}"),
    "accounts_other": lambda row: row._replace(accounts=row.accounts.replace("desk", "desl")),
    "last_seq": lambda row: row._replace(last_seq=row.last_seq + 1),
    "first_seq": lambda row: row._replace(first_seq=row.first_seq + 1),
    "text": lambda row: row._replace(facts=row.facts.decode()),  # type: ignore[arg-type]
    "hashes_short": lambda row: row._replace(hashes=row.hashes[:-32]),
    "hashes_none": lambda row: row._replace(hashes=b""),
}


@pytest.mark.parametrize("change", SAYINGS.values(), ids=SAYINGS)
def test_a_row_that_says_what_it_does_not_hold_is_found(copied: Path, change: Callable[[Turn], Turn]) -> None:
    row = holder_of(copied, 70)
    put(copied, row, change(row))
    seqs = {finding.seq for finding in verify(copied).findings}
    assert seqs & set(range(row.first_seq, row.last_seq + 2)), seqs


@pytest.mark.parametrize("seq", [1, 2, 70, LAST - 1])
def test_a_removed_record_is_found(copied: Path, seq: int) -> None:
    remove_line(copied, seq)
    assert (seq, FindingCode.REMOVED) in found(verify(copied))


def test_a_removed_row_is_found(copied: Path) -> None:
    row = holder_of(copied, 70)
    put(copied, row)
    assert (row.first_seq, FindingCode.REMOVED) in found(verify(copied))


def test_a_removed_record_whose_gap_was_closed_is_found(copied: Path) -> None:
    remove_line(copied, 70)
    for row in rows_of(copied):
        lines = [
            line.replace(b'"seq":%d,' % seq, b'"seq":%d,' % (seq - 1), 1) if seq > 70 else line
            for line in row.lines()
            for seq in [int(line[7 : line.index(b",")])]
        ]
        moved = row._replace(facts=b"\n".join(lines))
        if row.first_seq > 70:
            moved = moved._replace(first_seq=row.first_seq - 1)
        if row.last_seq >= 70:
            moved = moved._replace(last_seq=row.last_seq - 1)
        put(copied, row, moved)
    codes = found(verify(copied))
    assert (70, FindingCode.CHANGED) in codes
    assert (LAST, FindingCode.TRUNCATED) in codes


@pytest.mark.parametrize("n_cut", [1, 2, 50, LAST])
def test_a_cut_off_end_is_found_by_the_head(copied: Path, n_cut: int) -> None:
    for row in reversed(rows_of(copied)):
        n_left = LAST - n_cut - row.first_seq + 1
        if n_left <= 0:
            put(copied, row)
        elif row.last_seq > LAST - n_cut:
            put(copied, row, shortened(row, n_left))
    report = verify(copied)
    assert (LAST - n_cut + 1, FindingCode.TRUNCATED) in found(report)


def shortened(row: Turn, n_left: int) -> Turn:
    """Its first records only, with hashes and seqs that fit."""
    return row._replace(
        last_seq=row.first_seq + n_left - 1,
        hashes=row.hashes[: 32 * n_left],
        facts=b"\n".join(row.lines()[:n_left]),
    )


def test_a_cut_off_end_without_its_head_is_found_by_an_exported_head(copied: Path, intact: Path) -> None:
    last = rows_of(copied)[-1]
    put(copied, last)
    assert found(verify(copied)) == {(last.first_seq, FindingCode.TRUNCATED)}
    head_path(copied).unlink()
    assert verify(copied).n_heads == 0
    assert verify(copied).is_intact
    assert found(verify(copied, verify(intact).head)) == {(last.first_seq, FindingCode.TRUNCATED)}


def test_swapped_records_are_found(copied: Path) -> None:
    row = next(row for row in rows_of(copied) if row.last_seq - row.first_seq > 5)
    lines, seq = row.lines(), row.first_seq + 2
    lines[2], lines[3] = lines[3], lines[2]
    put(copied, row, row._replace(facts=b"\n".join(lines)))
    assert {seq, seq + 1} & {finding.seq for finding in verify(copied).findings}
    lines[2] = lines[2].replace(b'"seq":%d' % (seq + 1), b'"seq":%d' % seq)
    lines[3] = lines[3].replace(b'"seq":%d' % seq, b'"seq":%d' % (seq + 1))
    put(copied, holder_of(copied, seq), row._replace(facts=b"\n".join(lines)))
    assert {(seq, FindingCode.CHANGED), (seq + 1, FindingCode.CHANGED)} <= found(verify(copied))


def test_swapped_rows_are_found(copied: Path) -> None:
    one, two = rows_of(copied)[3:5]
    put(copied, one, two._replace(first_seq=one.first_seq))
    put(copied, two, one._replace(first_seq=two.first_seq))
    assert one.first_seq in {finding.seq for finding in verify(copied).findings}


def test_a_rewritten_and_rechained_journal_is_found_by_the_head(copied: Path) -> None:
    change_line(copied, 70, spelled(b'"ts_ns":1', b'"ts_ns":2'))
    rechain(copied)
    assert (LAST, FindingCode.REWRITTEN) in found(verify(copied))


def forged(path: Path) -> None:
    """A record changed, what its row says of it too, all chained anew, and the file's own head with it."""
    row = holder_of(path, 70)
    change_line(path, 70, lambda line: line.replace(b'"ts_ns":1', b'"ts_ns":2'))
    if row.last_seq == 70:
        raise AssertionError("choose a record that is not its row's last")
    rechain(path)
    head_path(path).write_bytes(head_line(LAST, rows_of(path)[-1].chain_hash))


def test_a_forged_own_head_is_found_by_an_older_exported_head(copied: Path, intact: Path) -> None:
    exported = (100, hash_at(intact, 100))
    assert verify(intact, exported).is_intact
    forged(copied)
    assert verify(copied).is_intact  # nothing inside contradicts itself: that is what exporting is for
    assert found(verify(copied, exported)) == {(100, FindingCode.REWRITTEN)}


def test_an_appended_record_is_found(copied: Path) -> None:
    last = rows_of(copied)[-1]
    line = last.lines()[-1].replace(b'"seq":%d' % LAST, b'"seq":%d' % (LAST + 1))
    more = last._replace(first_seq=LAST + 1, last_seq=LAST + 1, hashes=last.chain_hash, facts=line, receipts=b"")
    put(copied, more, more)
    assert (LAST + 1, FindingCode.CHANGED) in found(verify(copied))


def test_an_index_that_hides_a_record_is_found(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    facts, receipts = story_facts(1_500, seed=5)
    write_journal(path, turns(facts, receipts), APART)
    assert verify(path).is_intact
    tamper(path, "update places set first_seq = first_seq + 300 where account = 'desk-a'")
    report = verify(path)
    assert {finding.code for finding in report.findings} == {FindingCode.CHANGED}
    assert "hides" in report.findings[0].detail
    tamper(path, "delete from places where account = 'desk-a'")
    assert "hides" in verify(path).findings[0].detail


def with_receipts(path: Path, change: Callable[[list[tuple[str, int, bytes]]], Any]) -> str:
    """Changes the first row's receipts that has any; gives the first one's SHA-256."""
    row = next(row for row in rows_of(path) if row.receipts)
    receipts = list(receipts_in(row.receipts))
    sha256 = receipts[0][0]
    change(receipts)
    put(path, row, row._replace(receipts=frame_receipts(receipts)))
    return sha256


RECEIPT_DAMAGE: dict[str, tuple[Callable[[list[tuple[str, int, bytes]]], Any], FindingCode]] = {
    "body": (lambda found: found.__setitem__(0, (*found[0][:2], b"\0")), FindingCode.RECEIPT_CHANGED),
    "key": (lambda found: found.__setitem__(0, ("be" * 32, *found[0][1:])), FindingCode.RECEIPT_MISSING),
    "place": (lambda found: found.__setitem__(0, (found[0][0], 999_999, found[0][2])), FindingCode.RECEIPT_ORPHAN),
    "removed": (lambda found: found.pop(0), FindingCode.RECEIPT_MISSING),
}


@pytest.mark.parametrize(("change", "code"), RECEIPT_DAMAGE.values(), ids=RECEIPT_DAMAGE)
def test_a_damaged_receipt_is_found(copied: Path, change: Callable[..., Any], code: FindingCode) -> None:
    sha256 = with_receipts(copied, change)
    findings = [finding for finding in verify(copied).findings if finding.code is code]
    assert findings
    assert sha256 in NAMED


def test_a_cut_off_receipt_is_found(copied: Path) -> None:
    row = next(row for row in rows_of(copied) if row.receipts)
    for n_bytes in (1, len(row.receipts) - 5):
        put(copied, row, row._replace(receipts=row.receipts[:-n_bytes]))
        assert (row.first_seq, FindingCode.RECEIPT_CHANGED) in found(verify(copied))


def test_a_receipt_that_nobody_names_is_found(copied: Path) -> None:
    row = holder_of(copied, 10)
    planted = frame_receipts([(hashlib.sha256(b"planted").hexdigest(), 10, b"planted")])
    put(copied, row, row._replace(receipts=row.receipts + planted))
    assert found(verify(copied)) == {(10, FindingCode.RECEIPT_ORPHAN)}


def overwrite(path: Path, change: Callable[[bytearray], Any]) -> None:
    content = bytearray(path.read_bytes())
    change(content)
    path.write_bytes(bytes(content))


def test_a_damaged_file_is_reported_and_not_raised(copied: Path) -> None:
    overwrite(copied, lambda content: content.__setitem__(slice(8_192, 24_576), bytes(16_384)))
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
