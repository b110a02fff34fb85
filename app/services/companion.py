"""A process that helps this one beside it: started without the loop's time, ended with its service."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

CANNOT_START: Final = -1
_STOP_TIMEOUT_S: Final = 5.0


@dataclass(slots=True)
class Companion:
    """At most one process at a time; `run` and `stop` may wait, and belong on threads of their own."""

    is_stopped: bool = False
    _process: subprocess.Popen[bytes] | None = None

    def run(self, command: Sequence[str]) -> int:
        """Runs `command` to its end; gives its code, CANNOT_START where there was none."""
        try:
            # A session of its own: the terminal's Ctrl-C reaches only us, and we end it.
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)  # noqa: S603 - our own module
        except OSError:
            return CANNOT_START
        if self.is_stopped:
            self._end(self._process)
        return self._process.wait()

    def stop(self) -> None:
        """Ends what runs, and whatever would be started after."""
        self.is_stopped = True
        if self._process is not None:
            self._end(self._process)

    def _end(self, process: subprocess.Popen[bytes]) -> None:
        process.terminate()
        try:
            process.wait(_STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
