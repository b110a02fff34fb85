"""Venues' words on orders that left memory, in a file until each has found its order: no kill and no bound loses one.

A line each, oldest first, written before the word waits. Once all have been answered the file is empty again; until
then a new process finds what an old one left, some of it answered already: a word that comes twice counts once. What a
power cut takes of the file, which is not synced, the venue's next statement shows.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final
from weakref import finalize

import msgspec

from app.domain.errors import InvariantBroken
from app.execution.inputs import Recall

_PIECE_BYTES: Final = 1 << 20


def recalls_path(journal_path: Path) -> Path:
    """Where the words that wait lie beside a journal: `journal.db` -> `journal.recalls`."""
    return journal_path.with_suffix(".recalls")


class RecallFile:
    """The one writer and reader of the file at `path`. `n_unread`: lines that `read` has not given yet."""

    def __init__(self, path: Path) -> None:
        """Raises OSError where the file cannot be had."""
        self._path = path
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        finalize(self, os.close, self._fd)  # venues speak until the very end of a process: nobody closes before
        content = b""
        while piece := os.pread(self._fd, _PIECE_BYTES, len(content)):
            content += piece
        self._end = content.rfind(b"\n") + 1
        os.ftruncate(self._fd, self._end)  # half a line: its writer was killed
        self._read_to = 0
        self.n_unread = content.count(b"\n")

    def append(self, recall: Recall) -> None:
        """One more line, unread. Raises OSError where there is no room."""
        line = msgspec.json.encode(recall) + b"\n"
        if os.pwrite(self._fd, line, self._end) < len(line):
            os.ftruncate(self._fd, self._end)
            raise OSError(f"no room for a line in {self._path}")
        self._end += len(line)
        self.n_unread += 1

    def read(self, n_most: int) -> list[Recall]:
        """The next unread ones, oldest first. Raises InvariantBroken for a line that is none of this release."""
        found: list[Recall] = []
        held, place = b"", self._read_to
        while len(found) < n_most and self.n_unread:
            line, has_end, rest = held.partition(b"\n")
            if not has_end:
                piece = os.pread(self._fd, _PIECE_BYTES, place + len(held))
                if not piece:
                    raise InvariantBroken(reason="a file of recalls was cut", path=str(self._path))
                held += piece
                continue
            try:
                found.append(msgspec.json.decode(line, type=Recall))
            except msgspec.DecodeError as error:
                raise InvariantBroken(reason="no recall of this release", path=str(self._path)) from error
            held, place = rest, place + len(line) + 1
            self._read_to = place
            self.n_unread -= 1
        return found

    def clear(self) -> None:
        """All that was read is answered: the file is empty again. Only with nothing unread."""
        if self.n_unread:
            raise InvariantBroken(reason="recalls are unread", n_unread=self.n_unread)
        if self._end:
            os.ftruncate(self._fd, 0)
            self._end = self._read_to = 0
