"""A process's memory on large pages: an order touches all of the heap, and each small page costs a walk to be found.

Code that comes by once an order costs two to four times what it costs when it has just run. A part of that are these
walks, through two tables on a virtual machine; neither the interpreter nor malloc asks for anything but pages of 4 KB.
Linux from 6.1 on puts what is there already onto pages of 2 MB when it is asked to (MADV_COLLAPSE); an older kernel, or
one that has none left, says no, and everything stays as it is. What comes later lies on small pages.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

LARGE_BYTES: Final = 2 << 20
_MADV_COLLAPSE: Final = 25
_MAPS: Final = Path("/proc/self/maps")


def gather_large_pages() -> int:
    """Bytes of this process's heap that lie on large pages now, 0 where the kernel does not do it.

    Takes about four milliseconds a large page, without the interpreter's lock; other threads wait for no more than one.
    """
    try:
        libc, lines = ctypes.CDLL(None, use_errno=True), _MAPS.read_text().splitlines()
        madvise = libc.madvise
    except (OSError, AttributeError):  # another system
        return 0
    madvise.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
    return sum(LARGE_BYTES for place in places(lines) if not madvise(place, LARGE_BYTES, _MADV_COLLAPSE))


def places(maps: Iterable[str]) -> Iterator[int]:
    """Where large pages fit into the private, writable memory of no file: addresses, from the lines of a maps file."""
    for line in maps:
        words = line.split()
        is_heap = len(words) == 5 or words[5:] == ["[heap]"]
        if is_heap and words[1] == "rw-p":
            start, end = (int(word, 16) for word in words[0].split("-"))
            first = -(-start // LARGE_BYTES) * LARGE_BYTES
            yield from range(first, end - LARGE_BYTES + 1, LARGE_BYTES)
