"""Every release's journals replay to the state that was recorded with them, for ever."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from app.domain.events import RoutePlanned
from app.store.journal import JournalReader
from app.store.verify import verify
from tests.store.journals import Heard, open_journal, write_journal
from tests.store.logs import story_facts, turns
from tests.store.released import FOLDER, keep, state_of

RELEASES = sorted(path for path in FOLDER.glob("*") if path.is_dir())


def test_a_folder_of_releases_is_never_empty() -> None:
    assert RELEASES
    for release in RELEASES:
        assert {"journal.db", "journal.head", "state.json"} <= {path.name for path in release.iterdir()}


@pytest.mark.parametrize("release", RELEASES, ids=lambda path: path.name)
def test_a_released_journal_replays_to_its_recorded_state(release: Path, tmp_path: Path) -> None:
    for name in ("journal.db", "journal.head"):
        shutil.copyfile(release / name, tmp_path / name)
    recorded = json.loads((release / "state.json").read_text())
    assert recorded["seq"] > 0
    assert verify(tmp_path / "journal.db").is_intact
    assert state_of(tmp_path / "journal.db") == recorded
    open_journal(tmp_path / "journal.db", Heard()).close()  # this release goes on with it
    assert state_of(tmp_path / "journal.db") == recorded


@pytest.mark.parametrize("release", RELEASES, ids=lambda path: path.name)
def test_a_released_journal_and_what_this_release_adds_are_one_log(release: Path, tmp_path: Path) -> None:
    """Its own facts are told once more, in today's spelling, but for routes: each names a receipt of its own."""
    for name in ("journal.db", "journal.head"):
        shutil.copyfile(release / name, tmp_path / name)
    path = tmp_path / "journal.db"
    before = list(JournalReader(path).replay())
    last = {fact.account: fact.account_seq for fact in before}
    added = []
    for fact in before:
        if not isinstance(fact.event, RoutePlanned):
            last[fact.account] += bool(fact.account)
            seq = len(before) + len(added) + 1
            added.append(replace(fact, seq=seq, ts_ns=before[-1].ts_ns, account_seq=last[fact.account]))
    write_journal(path, [(added, [])])
    reader = JournalReader(path)
    assert list(reader.replay()) == before + added
    assert reader.read(len(before), len(added)) == added
    assert verify(path).is_intact
    reader.close()


def test_keeping_a_journal_records_what_it_replays_to(tmp_path: Path) -> None:
    facts, receipts = story_facts(120)
    write_journal(tmp_path / "journal.db", turns(facts, receipts))
    keep(tmp_path / "journal.db", tmp_path / "kept")
    recorded = json.loads((tmp_path / "kept" / "state.json").read_text())
    assert recorded == state_of(tmp_path / "journal.db")
    assert recorded["seq"] == len(facts)


def test_an_open_journal_is_not_kept(tmp_path: Path) -> None:
    facts, receipts = story_facts(40)
    heard = Heard()
    journal = open_journal(tmp_path / "journal.db", heard)
    for some, named in turns(facts, receipts):
        journal.append(some, named)
    heard.wait_for(len(facts))
    with pytest.raises(AssertionError, match="open"):
        keep(tmp_path / "journal.db", tmp_path / "kept")
    journal.close()
