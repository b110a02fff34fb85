"""The bench of the commit commits what it says: lawful logs, the same facts each way, and ratios of like with like."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

from app.store.journal import JournalReader
from app.store.verify import FindingCode, verify
from loadtests.commit import Ours, Raw, RowsOfFacts, groups, measure, row_of


def test_groups_are_a_log_and_both_forms_hold_it(tmp_path: Path) -> None:
    ours, rows, raw = Ours(tmp_path / "ours.db"), RowsOfFacts(tmp_path / "rows.db"), Raw(tmp_path / "raw")
    for group in islice(groups(3), 70):
        for way in (ours, rows, raw):
            way.commit(*group)
    for way in (ours, rows, raw):
        way.checkpoint()
    report = verify(tmp_path / "ours.db")
    # Each receipt is under a made-up hash, that as many are stored as a desk's are; nothing else is amiss.
    wrong = {FindingCode.RECEIPT_CHANGED, FindingCode.RECEIPT_MISSING, FindingCode.RECEIPT_ORPHAN}
    assert {finding.code for finding in report.findings} <= wrong
    assert report.n_receipts == 3 * 70
    reader = JournalReader(tmp_path / "ours.db")
    facts = reader.read(0, 10_000)
    assert len(facts) == report.n_facts > 0 == len(facts) % (3 * 70)
    n_old = rows._connection.execute("select count(*) from facts").fetchone()[0]
    assert n_old == len(facts)
    assert (
        rows._connection.execute("select hash from facts order by seq desc limit 1").fetchone()[0] == reader.head()[1]
    )
    reader.close()


def test_a_row_is_low_in_microseconds_and_middling_in_ratios() -> None:
    spent = {"ours": [10.0 + n for n in range(20)], "rows": [20.0 + 2 * n for n in range(20)], "raw": [5.0] * 20}
    row = row_of(8, 5_000, spent)
    assert (row["ours_us"], row["rows_us"], row["raw_us"], row["rows_over_ours"]) == (12.0, 24.0, 5.0, 2.0)


def test_a_measured_row_has_every_way(tmp_path: Path) -> None:
    row = measure(tmp_path, 2, 12)
    assert row["orders"] == 2
    assert int(str(row["bytes_an_order"])) > 1_000
    assert all(float(str(row[name])) > 0 for name in ("ours_us", "rows_us", "raw_us", "rows_over_ours"))
