"""The process that writes snapshots: its arguments, its manners, and what it leaves."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.store.journal import JournalReader
from app.store.refold import refold
from app.store.snapshot import snapshot_path
from app.workers import snapshot
from tests.store.logs import story_facts, turns
from tests.store.test_refold import written


def test_it_writes_the_snapshot_at_the_lowest_priority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[int] = []
    monkeypatch.setattr(snapshot, "give_way", made.append)
    facts, receipts = story_facts(600, seed=3)
    path = tmp_path / "journal.db"
    written(path, list(turns(facts, receipts, 3))).close()
    assert snapshot.main([str(path), "1"]) == 0
    assert made == [snapshot.NICE]
    assert snapshot_path(path).exists()
    reader = JournalReader(path)
    assert refold(reader, path, 1).n_folded == 0
    reader.close()


@pytest.mark.parametrize("arguments", [[], ["journal.db"], ["journal.db", "-1"], ["journal.db", "1", "2"]])
def test_other_words_are_refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert snapshot.main(arguments) == 2
    assert "usage" in capsys.readouterr().err
