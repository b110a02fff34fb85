"""Exactly one writer of a journal: an advisory lock on a file beside it, which names its holder."""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path
from typing import Final

from app.domain.errors import Unavailable

# A holder writes its pid right after it wins the lock; a loser that reads an empty file looks again this often.
_LOOKS: Final = 20
_LOOK_WAIT_S: Final = 0.01


class JournalInUse(Unavailable):
    """Another process writes this journal; `pid` is that process (0 if it could not be read)."""

    def __init__(self, path: Path, pid: int) -> None:
        super().__init__("journal_in_use", f"{path} is written by process {pid}")
        self.pid = pid


class WriterLock:
    """Held from construction to `release`, or to the end of the process however it ends."""

    def __init__(self, path: Path) -> None:
        """Takes the lock at `path`; raises JournalInUse with the holder's pid."""
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            pid = self._holder_pid()
            os.close(self._fd)
            raise JournalInUse(path, pid) from None
        os.ftruncate(self._fd, 0)
        os.pwrite(self._fd, f"{os.getpid()}\n".encode(), 0)

    def release(self) -> None:
        """Gives the lock back; harmless when done twice."""
        if self._fd >= 0:
            os.ftruncate(self._fd, 0)
            os.close(self._fd)
            self._fd = -1

    def _holder_pid(self) -> int:
        for _ in range(_LOOKS):
            text = os.pread(self._fd, 32, 0).strip()
            if text.isdigit():
                return int(text)
            time.sleep(_LOOK_WAIT_S)
        return 0
