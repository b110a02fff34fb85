"""What a start costs: wall time since the command was typed, CPU time of each process, as the system counts them."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_PROC = Path("/proc")


def elapsed_s() -> float:
    """Seconds since this process was started, interpreter and imports included; resolution 10 ms."""
    started_s = float(_stat("self")[19]) / _TICKS_PER_S
    return float((_PROC / "uptime").read_text().split()[0]) - started_s


def cpu_s(pid: int) -> float:
    """CPU seconds of a process and of its children that have ended; 0 for one that is gone."""
    with suppress(OSError):
        return sum(map(int, _stat(str(pid))[11:15])) / _TICKS_PER_S
    return 0.0


def tree_cpu_s(pid: int) -> float:
    """CPU seconds of a process and of everything below it, living or ended."""
    return cpu_s(pid) + sum(tree_cpu_s(child) for child in children(pid))


def children(pid: int) -> list[int]:
    """The living children of `pid`."""
    found = []
    for entry in _PROC.glob("[0-9]*"):
        with suppress(OSError):
            if int(_stat(entry.name)[1]) == pid:
                found.append(int(entry.name))
    return found


def _stat(name: str) -> list[str]:
    """Fields of /proc/NAME/stat from the state on: the command before them may hold anything."""
    return (_PROC / name / "stat").read_text().rpartition(")")[2].split()
