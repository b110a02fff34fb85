"""The part of a log that a start took on trust is verified piece by piece, and taken up where it was left."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.domain.errors import InvariantBroken
from app.store import reverify
from app.store.chain import GENESIS
from app.store.head import head_line
from app.store.journal import JournalReader
from app.store.refold import refold, write_on
from app.store.reverify import Round, note_path, read_note, round_seq, verify_next, verify_piece
from tests.store.logs import story_facts, turns
from tests.store.tampering import change_line, later, remove_line
from tests.store.test_refold import written


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A log of some 900 facts; a piece is a hundred of them."""
    monkeypatch.setattr(reverify, "PIECE_FACTS", 100)
    facts, receipts = story_facts(900, seed=8)
    written(tmp_path / "journal.db", list(turns(facts, receipts, 8))).close()
    return tmp_path / "journal.db"


def test_a_round_comes_to_its_end_and_leaves_no_note(path: Path) -> None:
    reader = JournalReader(path)
    until_seq = reader.head()[0]
    work, places = Round(reader, path, until_seq), []
    while work.step():
        places.append(work.place[0])
        assert round_seq(reader, path) == work.place[0]
    work.close(is_over=True)
    assert places == list(range(100, until_seq, 100))
    assert work.place == reader.head()
    assert not note_path(path).exists()
    assert read_note(reader, path) == (0, GENESIS)
    reader.close()


def test_it_is_taken_up_where_it_was_left(path: Path) -> None:
    reader = JournalReader(path)
    first = Round(reader, path, reader.head()[0])
    assert first.step() and first.step()
    first.close(is_over=False)
    again = Round(reader, path, reader.head()[0])
    assert again.place == (200, reader.hash_at(200))
    assert verify_next(reader, path, 250) == 250
    assert verify_next(reader, path, 150) == 200, "nothing is left to do"
    reader.close()


def test_a_note_of_another_log_or_half_a_note_begins_anew(path: Path) -> None:
    reader = JournalReader(path)
    for line in (head_line(200, bytes(32)), head_line(10**6, bytes(32)), b"0000", b""):
        note_path(path).write_bytes(line)
        assert read_note(reader, path) == (0, GENESIS)
    reader.close()


@pytest.mark.parametrize("seq", [1, 100, 101, 450])
def test_a_changed_record_is_found_though_a_start_from_the_snapshot_did_not_look(path: Path, seq: int) -> None:
    reader = JournalReader(path)
    snapshot = write_on(reader, path, 1)
    change_line(path, seq, later)
    assert refold(reader, path, 1).snapshot_seq == snapshot.ledger.seq
    work = Round(reader, path, snapshot.ledger.seq)
    with pytest.raises(InvariantBroken, match=f"expected_seq={seq}"):
        while work.step():
            pass
    work.close(is_over=False)
    assert round_seq(reader, path) == (seq - 1) // 100 * 100, "the note stands before what was found"
    with pytest.raises(InvariantBroken, match=f"expected_seq={seq}"):
        verify_next(reader, path, snapshot.ledger.seq)
    reader.close()


def test_a_removed_record_is_found(path: Path) -> None:
    remove_line(path, 300)
    reader = JournalReader(path)
    with pytest.raises(InvariantBroken):
        verify_piece(reader, (250, reader.hash_at(250)), 400)
    reader.close()


def test_a_log_that_ends_before_it_should_is_found(path: Path) -> None:
    reader = JournalReader(path)
    last_seq, last_hash = reader.head()
    with pytest.raises(InvariantBroken, match="ends too early"):
        verify_piece(reader, (last_seq, last_hash), last_seq + 1)
    assert verify_piece(reader, (last_seq, last_hash), last_seq) == (last_seq, last_hash)
    reader.close()
