"""A snapshot is the ledger that was written, or it is not used."""

from __future__ import annotations

import os
import pickle
from enum import Enum
from pathlib import Path

import pytest

from app.domain.errors import InvariantBroken
from app.domain.events import KeyCreated
from app.execution.ledger import Ledger, fold
from app.execution.working_set import put_away
from app.store import snapshot
from app.store.snapshot import code_hash, read_snapshot, snapshot_path, write_snapshot
from tests.conditionals import bracket, oco, taken
from tests.store.logs import story_facts
from tests.worlds import make_desk

HASH = bytes(range(32))


def stories() -> list[Ledger]:
    whole = fold(story_facts(1_500, seed=51)[0])
    partly = fold(story_facts(1_500, seed=52)[0])
    for parent in [parent for parent in partly.parents.values() if parent.order_id not in partly.open_parents]:
        put_away(partly, parent)
    desk = make_desk()
    taken(desk, oco())
    taken(desk, *bracket())
    return [Ledger(), whole, partly, desk.core.ledger]


@pytest.mark.parametrize("i", range(4))
def test_it_gives_back_the_ledger(i: int, tmp_path: Path) -> None:
    ledger = stories()[i]
    path = snapshot_path(tmp_path / "journal.db")
    size = write_snapshot(path, ledger, HASH)
    assert path.stat().st_size == size
    assert path.stat().st_mode & 0o077 == 0
    found = read_snapshot(path)
    assert found == (ledger, HASH)
    assert found is not None
    for order_id, parent in found[0].open_parents.items():  # one object by all its names, as it was
        assert found[0].parents[order_id] is parent
    for child_id, record in found[0].live_children.items():
        assert found[0].child(child_id) is record
    assert list(tmp_path.iterdir()) == [path]


def test_how_an_interpreter_names_the_members_of_enums_is_nobodys_concern(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Python 3.11.2 names them by a call of `getattr`, which no reader makes."""
    monkeypatch.setattr(Enum, "__reduce_ex__", lambda self, _: (getattr, (type(self), self.name)))
    ledger, path = stories()[1], tmp_path / "journal.snapshot"
    write_snapshot(path, ledger, HASH)
    assert b"getattr" not in path.read_bytes()
    assert read_snapshot(path) == (ledger, HASH)


def test_none_is_none(tmp_path: Path) -> None:
    assert read_snapshot(tmp_path / "journal.snapshot") is None


def test_other_codes_snapshot_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "journal.snapshot"
    write_snapshot(path, Ledger(), HASH)
    monkeypatch.setattr(snapshot, "code_hash", lambda: bytes(32))
    assert read_snapshot(path) is None
    path.write_bytes(b"something else")
    assert read_snapshot(path) is None


@pytest.mark.parametrize("at", [-1, 100, 200])
def test_a_damaged_one_is_refused(at: int, tmp_path: Path) -> None:
    path = tmp_path / "journal.snapshot"
    write_snapshot(path, stories()[3], HASH)
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.write_bytes(content)
    with pytest.raises(InvariantBroken, match="damaged"):
        read_snapshot(path)


class _Call:
    def __init__(self, what: object, *arguments: object) -> None:
        self._call = what, arguments

    def __reduce__(self) -> object:
        return self._call


@pytest.mark.parametrize(
    "what",
    [
        _Call(os.system, "true"),
        _Call(eval, "1"),
        _Call(fold, ()),
        _Call(pickle.loads, b""),
        _Call(getattr, KeyCreated, "KIND"),
    ],
)
def test_a_file_that_names_anything_else_is_never_run(what: object, tmp_path: Path) -> None:
    path = tmp_path / "journal.snapshot"
    write_snapshot(path, what, HASH)  # type: ignore[arg-type]
    with pytest.raises(InvariantBroken, match="no ledger"):
        read_snapshot(path)


def test_the_code_is_of_what_ledgers_are_made_of() -> None:
    assert len(code_hash()) == 32
    assert code_hash() == code_hash()


def test_two_that_write_at_once_do_not_spoil_each_others(tmp_path: Path) -> None:
    path = tmp_path / "journal.snapshot"
    facts, _ = story_facts(300, seed=6)
    ledger = fold(facts)
    write_snapshot(path, ledger, bytes(32))
    before = path.read_bytes()
    with snapshot._alone(path.with_suffix(".snapshot.tmp")) as other:
        other.write(b"half of anoth")
        other.flush()
        with pytest.raises(BlockingIOError):
            write_snapshot(path, fold(facts[:100]), bytes(32))
        assert path.read_bytes() == before
    size = write_snapshot(path, ledger, bytes(32))  # what a killed one left is written over
    assert path.stat().st_size == size
    assert read_snapshot(path) == (ledger, bytes(32))
