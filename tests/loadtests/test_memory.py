"""The bench of memory: its log is lawful and chained, and its rows say what they are said to."""

from __future__ import annotations

from pathlib import Path

from app.services.recover import recover
from app.store.journal import JournalReader
from app.store.verify import verify
from loadtests.memory import generate, measure


def test_the_log_is_lawful_and_every_order_has_its_own_names(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    generate(path, 50)
    reader = JournalReader(path)
    ledger = recover(reader.replay())
    reader.close()
    assert len(ledger.parents) == 50
    assert not ledger.open_parents
    assert len(ledger.by_client_id) == 50
    assert sorted(ledger.parents) == list(ledger.parents)
    assert len(ledger.fill_keys) == sum(len(parent.fills) for parent in ledger.parents.values()) >= 50
    assert not [finding for finding in verify(path).findings if "receipt" not in finding.code.value]


def test_what_is_kept_and_what_has_left(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    generate(path, 50)
    rows = {manner: measure(path, manner) for manner in ("kept", "left_1s", "snapshot", "from_snapshot")}
    assert rows["kept"]["orders_in_memory"] == rows["from_snapshot"]["orders_in_memory"] == 50
    assert 0 < int(str(rows["left_1s"]["orders_in_memory"])) <= 11
    assert int(str(rows["left_1s"]["marks"])) >= 2 * 39
    assert rows["kept"]["facts"] == rows["from_snapshot"]["facts"]
    assert float(str(rows["snapshot"]["snapshot_mb"])) > 0
