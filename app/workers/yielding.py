"""How a process that no order waits for leaves the cores to those that answer.

Niceness alone does little for a process with a session of its own: where the kernel shares the cores among sessions
first (`sched_autogroup_enabled`, the default of most Linux desktops and images), it counts within the session only.
"""

from __future__ import annotations

import contextlib
import os
import sys
import time
from pathlib import Path
from typing import Final

NICEST: Final = 19
# Who is no superuser may set one session's share in this time, whichever session.
_AGAIN_S: Final = 0.1
_TRIES: Final = 5


def give_way(nice: int, pid: int = 0) -> None:
    """Makes process `pid` (0: this one) nicer by `nice`, and on Linux its session, too, and a batch process.

    A batch process, when it wakes, waits for whoever runs to pause. A process that has ended is left alone.
    """
    with contextlib.suppress(ProcessLookupError):
        nicer = min(NICEST, os.getpriority(os.PRIO_PROCESS, pid) + nice)
        os.setpriority(os.PRIO_PROCESS, pid, nicer)
        if sys.platform == "linux":
            os.sched_setscheduler(pid, os.SCHED_BATCH, os.sched_param(0))
            if pid or os.getsid(0) == os.getpid():  # a session that others began is theirs, too
                _share_less(Path(f"/proc/{pid or os.getpid()}/autogroup"), nicer)


def _share_less(group: Path, nice: int) -> None:
    """Gives a session the share of that niceness; does nothing where the kernel knows no such groups."""
    for _ in range(_TRIES):
        try:
            group.write_text(f"{nice}")
        except BlockingIOError:
            time.sleep(_AGAIN_S)
        except OSError:  # no such file, or a sandbox that forbids it: niceness has to do
            return
        else:
            return
