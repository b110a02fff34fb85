"""What the disk itself takes for a group of facts: its bytes written over a file that is there, and synced, bare."""

from __future__ import annotations

import os
import time
from pathlib import Path

# What a wave of one child writes to the write-ahead file: one page of 8 KiB, or three.
GROUP_BYTES = 24_576
FILE_BYTES = 4 << 20
N_SYNCS, EVERY_S = 150, 0.004


def bare_syncs_ns(folder: Path, n_syncs: int = N_SYNCS, every_s: float = EVERY_S) -> list[int]:
    """Wall ns of each write of GROUP_BYTES with its fdatasync, ascending; `folder` is on the disk in question."""
    path, group = folder / "bare-sync", os.urandom(GROUP_BYTES)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    found = []
    try:
        os.pwrite(descriptor, bytes(FILE_BYTES), 0)
        os.fsync(descriptor)
        for n in range(n_syncs):
            time.sleep(every_s)
            began_ns = time.perf_counter_ns()
            os.pwrite(descriptor, group, n * GROUP_BYTES % FILE_BYTES)
            os.fdatasync(descriptor)
            found.append(time.perf_counter_ns() - began_ns)
    finally:
        os.close(descriptor)
        path.unlink()
    return sorted(found)
