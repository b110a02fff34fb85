"""Keeps a release's journal: `python -m tests.store.released JOURNAL RELEASE` copies it with the hash of its state."""

from __future__ import annotations

import json
import shutil
import sys
from dataclasses import asdict
from pathlib import Path

from app.execution.ledger import fold
from app.store.head import head_path
from app.store.journal import JournalReader
from app.store.statehash import ledger_hash
from app.store.verify import verify

FOLDER = Path(__file__).resolve().parents[1] / "fixtures" / "journals"


def keep(journal: Path, folder: Path) -> None:
    """Copies a closed journal and its head into `folder`, with the hash of the state that it replays to.

    Raises AssertionError for a journal that is not intact, not closed or empty.
    """
    report = verify(journal)
    assert report.is_intact, report.findings
    assert report.n_heads == 1, "the journal has no head file"
    assert report.n_facts > 0, "the journal is empty"
    wal = journal.with_name(f"{journal.name}-wal")
    assert not wal.exists() or not wal.stat().st_size, "the journal is still open, or was not closed"
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(journal, folder / "journal.db")
    shutil.copyfile(head_path(journal), folder / "journal.head")
    (folder / "state.json").write_text(json.dumps(state_of(folder / "journal.db"), indent=2) + "\n")


def state_of(journal: Path) -> dict[str, object]:
    """What a journal replays to: the state's hash and counts, and the chain's end."""
    reader = JournalReader(journal)
    try:
        state = ledger_hash(fold(reader.replay()))
        return {**asdict(state), "chain_hash": reader.head()[1].hex()}
    finally:
        reader.close()


if __name__ == "__main__":
    keep(Path(sys.argv[1]), FOLDER / sys.argv[2])
