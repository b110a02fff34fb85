"""Room laid out ahead in a busy write-ahead file, so that a commit writes over what is there and grows nothing.

The sync of a file that has grown writes the file's own record, too, in turn and before the flush: beside 500 orders a
second half of all syncs took 0.26 ms and one in a hundred 3 ms, over what was laid out 0.14 and 1.3 (docs/adr/0061).
Zeros after the last frame are no frame to SQLite: their salt is not the file's, and it reads no further
(https://www.sqlite.org/fileformat2.html#walformat). The file beside it that says how far the frames reach is never
opened here: closing it would let go of the locks that SQLite holds on it.
"""

from __future__ import annotations

import errno
import os
import threading
from pathlib import Path
from typing import Final

# From here on a log is busy enough to be laid out for; an idle one costs nothing.
BUSY_BYTES: Final = 1 << 20
# What is kept ahead; 500 orders a second take some 11 MB.
AHEAD_BYTES: Final = 16 << 20
# A commit that syncs meanwhile waits for at most one piece.
_PIECE: Final = bytes(256 << 10)
_FULL: Final = (errno.ENOSPC, errno.EDQUOT)
_HEADER_BYTES, _FRAME_HEADER_BYTES = 32, 24
# Where the page's size and the salt stand in the file's header, and the salt in a frame's.
_PAGE_SIZE, _SALT, _FRAME_SALT = slice(8, 12), slice(16, 24), slice(8, 16)


class Runway:
    """Of the write-ahead file of the database at `path`, which it never makes longer than `max_bytes`."""

    def __init__(self, path: Path, max_bytes: int) -> None:
        self._path = path.with_name(path.name + "-wal")
        self._max_bytes = max_bytes

    def lay_out(self, guard: threading.Lock) -> int:
        """Lays out what is missing, a synced piece at a time; gives the bytes added. Raises OSError of a broken disk.

        `guard` is held by whoever writes to the file, and here while a piece is put at its end. On a full disk nothing
        more is laid out: it is for the commit that finds no room to say so.
        """
        try:
            file = os.open(self._path, os.O_RDWR)
        except FileNotFoundError:
            return 0
        try:
            begun_bytes = size_bytes = os.fstat(file).st_size
            if size_bytes < BUSY_BYTES or size_bytes >= self._max_bytes:
                return 0
            used = used_bytes(file)
            if used < BUSY_BYTES or size_bytes - used > AHEAD_BYTES // 2:
                return 0
            target_bytes = min(used + AHEAD_BYTES, self._max_bytes)
            while size_bytes < target_bytes:
                with guard:
                    size_bytes = os.fstat(file).st_size
                    size_bytes += os.pwrite(file, _PIECE, size_bytes)
                os.fdatasync(file)
            return size_bytes - begun_bytes
        except OSError as error:
            if error.errno in _FULL:
                return 0
            raise
        finally:
            os.close(file)


def used_bytes(file: int) -> int:
    """How far the frames of the open write-ahead `file` reach that are of its present round; 0: there is no header.

    They come first, so that a search by halves finds their end.
    """
    header = os.pread(file, _HEADER_BYTES, 0)
    if len(header) < _HEADER_BYTES:
        return 0
    frame_bytes = _FRAME_HEADER_BYTES + int.from_bytes(header[_PAGE_SIZE], "big")
    n_valid, n_end = 0, (os.fstat(file).st_size - _HEADER_BYTES) // frame_bytes
    while n_valid < n_end:
        middle = (n_valid + n_end) // 2
        frame = os.pread(file, _FRAME_HEADER_BYTES, _HEADER_BYTES + middle * frame_bytes)
        if frame[_FRAME_SALT] == header[_SALT]:
            n_valid = middle + 1
        else:
            n_end = middle
    return _HEADER_BYTES + n_valid * frame_bytes
