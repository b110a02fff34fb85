"""How a command ends: the exit codes that scripts may rely on, and the one exception that carries them.

0 ok · 1 a check failed (journal, receipt, doctor, bench) · 2 usage · 3 refused or rejected: nothing was placed ·
4 unknown outcome: look before doing anything again · 5 the service cannot be reached or cannot serve now
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum, unique
from typing import Any


@unique
class Exit(IntEnum):
    OK = 0
    CHECK_FAILED = 1
    USAGE = 2
    REJECTED = 3
    UNKNOWN = 4
    UNREACHABLE = 5


class CommandError(Exception):
    """Ends the command with `code`; `problem` is what `-o json` prints on stdout instead of an answer."""

    def __init__(self, code: Exit, detail: str, problem: Mapping[str, Any] | None = None) -> None:
        super().__init__(detail)
        self.code, self.detail = code, detail
        self.problem = dict(problem) if problem is not None else {"code": code.name.lower(), "detail": detail}


def exit_for_problem(status: int, problem: Mapping[str, Any]) -> Exit:
    """The exit of an HTTP problem: its `outcome` decides first, its status second."""
    if problem.get("outcome") == "unknown":
        return Exit.UNKNOWN
    if status == 503:
        return Exit.UNREACHABLE
    return Exit.REJECTED if status < 500 else Exit.UNKNOWN
