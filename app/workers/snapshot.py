"""The process that folds a log into its snapshot: `python -m app.workers.snapshot JOURNAL KEEP_NS`.

KEEP_NS: how long closed orders stay in the gateway's memory; a snapshot keeps them as long as a start needs them, too.
Reads the log beside its writer, from the last snapshot on, and yields to everything else on the machine.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from app.store.journal import JournalReader
from app.store.refold import kept_by_a_start_ns, write_on
from app.workers.yielding import give_way

NICE = 19


def main(arguments: Sequence[str]) -> int:
    """Writes the snapshot; 2 for arguments that are none."""
    if len(arguments) != 2 or not arguments[1].isdecimal():
        sys.stderr.write("usage: python -m app.workers.snapshot JOURNAL KEEP_NS\n")
        return 2
    give_way(NICE)
    path = Path(arguments[0])
    reader = JournalReader(path)
    try:
        write_on(reader, path, kept_by_a_start_ns(int(arguments[1])))
    finally:
        reader.close()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
