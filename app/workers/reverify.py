"""The process that verifies what a start took on trust: `python -m app.workers.reverify JOURNAL UNTIL_SEQ`.

Reads the log beside its writer, rests four times as long as it works, and yields to everything else on the machine.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from app.domain.errors import InvariantBroken
from app.store.journal import JournalReader
from app.store.reverify import Round
from app.workers.yielding import give_way

NICE: Final = 19
REST: Final = 4.0
IS_BROKEN: Final = 3


def main(arguments: Sequence[str], rest: Callable[[float], None] = time.sleep) -> int:
    """0 once all is verified, IS_BROKEN where a record does not fit, 2 for arguments that are none."""
    if len(arguments) != 2 or not arguments[1].isdecimal():
        sys.stderr.write("usage: python -m app.workers.reverify JOURNAL UNTIL_SEQ\n")
        return 2
    give_way(NICE)
    path = Path(arguments[0])
    reader = JournalReader(path)
    work = Round(reader, path, int(arguments[1]))
    is_over = False
    try:
        while True:
            began_s = time.monotonic()
            if not work.step():
                break
            rest(REST * (time.monotonic() - began_s))
        is_over = True
    except InvariantBroken as error:
        sys.stderr.write(f"{error}\n")
        return IS_BROKEN
    finally:
        work.close(is_over=is_over)
        reader.close()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
