"""A start that folds a long log says how far it has come; what it folds is what any reader gives."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.execution.ledger import fold
from app.store import folding
from app.store.folding import FoldingReader
from app.store.journal import JournalReader
from app.store.refold import refold
from tests.store.logs import story_facts, turns
from tests.store.test_refold import written


class Watch:
    """A clock that goes on by `step_s` at each look."""

    def __init__(self, step_s: float) -> None:
        self.now_s, self.step_s = 100.0, step_s

    def __call__(self) -> float:
        self.now_s += self.step_s
        return self.now_s


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(folding, "LOOK_EVERY", 100)
    facts, receipts = story_facts(900, seed=12)
    written(tmp_path / "journal.db", list(turns(facts, receipts, 12))).close()
    return tmp_path / "journal.db"


def test_a_start_tells_where_it_is_and_what_is_left(path: Path) -> None:
    told: list[tuple[int, int, float]] = []
    reader = FoldingReader(path, lambda *words: told.append(words), Watch(3.0))
    found = refold(reader, path, 1)
    last_seq = reader.head()[0]
    reader.close()
    assert [words[0] for words in told] == list(range(100, last_seq + 1, 100))
    for n, (seq, of, left_s) in enumerate(told, 1):
        assert of == last_seq
        assert left_s == pytest.approx(3.0 * n / seq * (last_seq - seq))
    plain = JournalReader(path)
    assert found.ledger == refold(plain, path, 1).ledger
    assert fold(plain.replay()) == fold(FoldingReader(path, lambda *words: None).replay())
    plain.close()


def test_a_short_one_says_nothing(path: Path) -> None:
    told: list[tuple[int, int, float]] = []
    reader = FoldingReader(path, lambda *words: told.append(words), Watch(0.01))
    refold(reader, path, 1)
    reader.close()
    assert not told


def test_from_a_snapshot_the_pace_is_that_of_what_is_folded(path: Path) -> None:
    told: list[tuple[int, int, float]] = []
    reader = FoldingReader(path, lambda *words: told.append(words), Watch(3.0))
    assert len(list(reader.replay(500, reader.hash_at(500)))) == reader.head()[0] - 500
    seq, of, left_s = told[0]
    assert seq == 600
    assert left_s == pytest.approx(3.0 / 100 * (of - 600))
    reader.close()
