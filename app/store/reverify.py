"""The part of a log that a start took on trust: its chain is verified afterwards, piece by piece.

A start from a snapshot verifies the chain from the snapshot on. The rest is a round over the records before it, which
notes beside the log how far it has come, so that the next process takes it up there. A note is used only where the log
holds its record with the same hash; a round that is over leaves none, and the next start begins another.
"""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import Final

from app.domain.errors import InvariantBroken
from app.store.chain import GENESIS
from app.store.head import HeadFile, read_head
from app.store.journal import JournalReader

PIECE_FACTS: Final = 2_000


def note_path(journal_path: Path) -> Path:
    """Where the round over a journal notes its place: `journal.db` -> `journal.verified`."""
    return journal_path.with_suffix(".verified")


def read_note(reader: JournalReader, journal_path: Path) -> tuple[int, bytes]:
    """(seq, chain hash) up to which a round that is under way has come; (0, genesis) where none is."""
    try:
        noted = read_head(note_path(journal_path))
    except InvariantBroken:
        noted = None  # half a line: a round costs time and nothing else
    if noted is None or reader.hash_at(noted[0]) != noted[1]:
        return 0, GENESIS
    return noted


def round_seq(reader: JournalReader, journal_path: Path) -> int:
    """How far a round that is under way has come, 0 where none is."""
    return read_note(reader, journal_path)[0]


def verify_piece(reader: JournalReader, place: tuple[int, bytes], until_seq: int) -> tuple[int, bytes]:
    """The place after the next PIECE_FACTS records behind `place`, none beyond `until_seq`.

    Raises InvariantBroken, naming the seq, where a record is lacking, or its hash or its form does not fit.
    """
    seq, chain_hash = place
    n_facts = min(PIECE_FACTS, until_seq - seq)
    if n_facts <= 0:
        return place
    facts = list(islice(reader.replay(seq, chain_hash), n_facts))
    if len(facts) < n_facts:
        raise InvariantBroken(reason="the journal ends too early", seq=seq + len(facts), expected_seq=until_seq)
    return facts[-1].seq, reader.hash_at(facts[-1].seq)


def verify_next(reader: JournalReader, journal_path: Path, until_seq: int) -> int:
    """Verifies the piece behind the note, where an earlier process may have found something; gives the seq after it.

    Raises InvariantBroken as `verify_piece`.
    """
    return verify_piece(reader, read_note(reader, journal_path), until_seq)[0]


class Round:
    """One round over the records up to `until_seq`, from the note on."""

    def __init__(self, reader: JournalReader, journal_path: Path, until_seq: int) -> None:
        self._reader = reader
        self._path = note_path(journal_path)
        self._until_seq = until_seq
        self.place = read_note(reader, journal_path)
        self._note = HeadFile(self._path, *self.place)

    def step(self) -> bool:
        """Verifies one piece and notes it; False where nothing is left. Raises as `verify_piece`, and OSError."""
        self.place = verify_piece(self._reader, self.place, self._until_seq)
        if self.place[0] < self._until_seq:
            self._note.write(*self.place)
            return True
        return False

    def close(self, *, is_over: bool) -> None:
        """A round that is over leaves no note."""
        self._note.close()
        if is_over:
            self._path.unlink(missing_ok=True)
