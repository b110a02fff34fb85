"""A named piece of memory that outlives any process that uses it, and none of its owner's orderly stops.

A segment is a file of /dev/shm, mapped. Python's own shared_memory module has a resource tracker that unlinks a segment
when any process that opened it dies; nothing here is known to it. The owner holds a lock on the file which the kernel
lets go when the owner dies, however it dies, so `sweep` tells an orphan without trusting process ids.
"""

from __future__ import annotations

import contextlib
import fcntl
import mmap
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from app.domain.errors import InvariantBroken, Unavailable
from app.shm import layout
from app.shm.layout import HEAD_WORDS, MAGIC, WORD_BYTES, Head, Kind

Int64Array = npt.NDArray[np.int64]

FOLDER: Final = Path("/dev/shm")  # noqa: S108 - the system's own place for shared memory, mode 0600 below
PREFIX: Final = "bestex-"
_CREATE_ATTEMPTS: Final = 8


@dataclass(slots=True)
class Segment:
    """Mapped memory. `words`: int64, all of it but the header, zeroed when new. It stays mapped while arrays use it."""

    path: Path
    words: Int64Array
    _lock_number: int = -1

    @property
    def name(self) -> str:
        return self.path.name

    @property
    def buffer(self) -> memoryview:
        """The same memory as bytes, writable."""
        return self.words.data.cast("B")

    @property
    def is_unlinked(self) -> bool:
        """Whether this owner has let it go, or was never its owner."""
        return self._lock_number < 0

    def unlink(self) -> None:
        """Takes the name away; who has it mapped keeps it. Only the owner's call does anything."""
        if self._lock_number >= 0:
            self.path.unlink(missing_ok=True)
            os.close(self._lock_number)
            self._lock_number = -1


def create(name: str, kind: Kind, n_words: int, folder: Path = FOLDER) -> Segment:
    """A new segment of `n_words`, owned by this process. Raises Unavailable where the name lives or memory is short."""
    if not folder.is_dir():
        raise Unavailable(
            "shared_memory_missing", f"{folder} is not there: workers and boards between processes need it."
        )
    path = folder / f"{PREFIX}{name}"
    descriptor = _create_locked(path)
    size_bytes = (HEAD_WORDS + n_words) * WORD_BYTES
    try:
        # Reserved now: a full tmpfs answers here, not with a SIGBUS at the first write.
        os.posix_fallocate(descriptor, 0, size_bytes)
        words = _map(descriptor, size_bytes)
    except OSError as error:
        path.unlink(missing_ok=True)
        os.close(descriptor)
        raise Unavailable("shared_memory_full", f"{size_bytes} bytes in {folder}: {error.strerror}.") from error
    header = {
        Head.VERSION: layout.VERSION,
        Head.DIGEST: layout.DIGEST,
        Head.SIZE_BYTES: size_bytes,
        Head.OWNER_PID: os.getpid(),
        Head.KIND: int(kind),
        Head.MAGIC: MAGIC,  # last: a header without it is not finished
    }
    for word, value in header.items():
        words[word] = value
    return Segment(path, words[HEAD_WORDS:], descriptor)


def attach(name: str, kind: Kind, folder: Path = FOLDER) -> Segment:
    """An existing segment (`name` with or without the prefix). Raises InvariantBroken where it is not as we lay it."""
    path = folder / (name if name.startswith(PREFIX) else f"{PREFIX}{name}")
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        raise Unavailable("shared_memory_missing", f"No segment {path.name}.") from None
    try:
        size_bytes = os.fstat(descriptor).st_size
        if size_bytes < HEAD_WORDS * WORD_BYTES:
            raise InvariantBroken(reason="not a segment of ours", name=path.name, size_bytes=size_bytes)
        words = _map(descriptor, size_bytes)
    finally:
        os.close(descriptor)
    found = words[:HEAD_WORDS].tolist()
    expected = (MAGIC, layout.VERSION, layout.DIGEST, size_bytes, int(kind))
    if tuple(found[word] for word in (Head.MAGIC, Head.VERSION, Head.DIGEST, Head.SIZE_BYTES, Head.KIND)) != expected:
        raise InvariantBroken(
            reason="a segment of another layout", name=path.name, version=found[Head.VERSION], kind=found[Head.KIND]
        )
    return Segment(path, words[HEAD_WORDS:])


def sweep(folder: Path = FOLDER) -> list[str]:
    """Removes every segment whose owner is dead. Returns their names. Foreign users' segments are left alone."""
    removed = []
    for path in sorted(folder.glob(f"{PREFIX}*")):
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        except OSError:
            continue  # gone meanwhile, or another user's
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            path.unlink(missing_ok=True)
            removed.append(path.name)
        except BlockingIOError:
            pass  # its owner lives
        finally:
            os.close(descriptor)
    return removed


def _create_locked(path: Path) -> int:
    """A new file with our lock on it. A sweep may take it between the two steps, so the name is looked at again."""
    for _ in range(_CREATE_ATTEMPTS):
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        except FileExistsError:
            raise Unavailable("shared_memory_taken", f"A segment {path.name} exists: its owner may live.") from None
        with contextlib.suppress(BlockingIOError):
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.fstat(descriptor).st_nlink:
                return descriptor
        os.close(descriptor)
    raise Unavailable("shared_memory_taken", f"{path.name} was swept away {_CREATE_ATTEMPTS} times.")


def _map(descriptor: int, size_bytes: int) -> Int64Array:
    return np.frombuffer(mmap.mmap(descriptor, size_bytes), dtype=np.int64)
