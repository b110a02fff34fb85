"""The process that compiles kernels for another: `python -m app.workers.warm READY|SOON|CALL`.

What the other waits for is compiled side by side with it; what comes SOON yields to everything else on the machine.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from app.kernels import jit
from app.workers.yielding import give_way

NICE = 19


def main(arguments: Sequence[str]) -> int:
    """Fills the cache folder; 2 for arguments that name no need."""
    if len(arguments) != 1 or arguments[0] not in jit.Need.__members__:
        sys.stderr.write(f"usage: python -m app.workers.warm {'|'.join(jit.Need.__members__)}\n")
        return 2
    if not jit.is_cached(jit.READY):
        jit.warm(need=jit.READY)
    need = jit.Need[arguments[0]]
    if need is jit.SOON:
        give_way(NICE)
    jit.warm(need=need)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
