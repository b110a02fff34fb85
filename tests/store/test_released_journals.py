"""Every release's journals replay to the state that was recorded with them, for ever."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

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
