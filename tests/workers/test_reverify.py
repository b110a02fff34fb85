"""The process that verifies beside the service: its arguments, its manners, its word for a record that does not fit."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.services import verifying
from app.store import reverify as rounds
from app.store.reverify import note_path
from app.workers import reverify
from tests.store.logs import story_facts, turns
from tests.store.tampering import change_line, later
from tests.store.test_refold import written


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(rounds, "PIECE_FACTS", 100)
    facts, receipts = story_facts(600, seed=4)
    written(tmp_path / "journal.db", list(turns(facts, receipts, 4))).close()
    return tmp_path / "journal.db"


def test_it_verifies_at_the_lowest_priority_and_rests(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[int] = []
    rests: list[float] = []
    monkeypatch.setattr(reverify, "give_way", made.append)
    assert reverify.main([str(path), "550"], rests.append) == 0
    assert made == [reverify.NICE]
    assert len(rests) == 5
    assert not note_path(path).exists()


def test_a_record_that_does_not_fit_is_its_own_word(
    path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(reverify, "give_way", lambda by: None)
    change_line(path, 350, later)
    assert reverify.main([str(path), "550"], lambda s: None) == reverify.IS_BROKEN == verifying.IS_BROKEN
    assert "350" in capsys.readouterr().err
    assert note_path(path).read_bytes().startswith(b"00000000000000000300 ")


@pytest.mark.parametrize("arguments", [[], ["journal.db"], ["journal.db", "-1"], ["journal.db", "1", "2"]])
def test_other_words_are_refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert reverify.main(arguments) == 2
    assert "usage" in capsys.readouterr().err
