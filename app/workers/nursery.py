"""The supervisor's handle on the nursery, the process that forks route workers (route_worker.py has its other end)."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Sequence
from typing import Final

from app.shm.post import PostShape
from app.workers.ending import end_within

# It is at its input, or still importing: then there is nothing that it was asked.
END_TIMEOUT_S: Final = 0.5


class Nursery:
    """One nursery process. It is asked in lines and answers in lines; nothing here ever waits for it."""

    def __init__(self, segment_name: str, shape: PostShape, bells: Sequence[int], lifeline: int) -> None:
        """`bells`, `lifeline`: descriptors that it inherits. It is ready some imports later, and says so."""
        self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
            [
                sys.executable,
                "-m",
                "app.workers.route_worker",
                segment_name,
                f"{shape.n_workers},{shape.n_slots},{shape.n_problem},{shape.n_answer}",
                ",".join(map(str, bells)),
                str(lifeline),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            pass_fds=[*bells, lifeline],
            start_new_session=True,  # the terminal's Ctrl-C is the engine's
        )
        assert self._process.stdout is not None
        os.set_blocking(self._process.stdout.fileno(), False)
        self._heard = b""

    @property
    def pid(self) -> int:
        return self._process.pid

    def fileno(self) -> int:
        """Readable when it has said something, or has died."""
        assert self._process.stdout is not None
        return self._process.stdout.fileno()

    def is_dead(self) -> bool:
        return self._process.poll() is not None

    def start(self, worker_i: int, epoch: int, cpus: frozenset[int]) -> None:
        """Asks for a worker; the answer is a line `pid WORKER EPOCH PID`."""
        self._tell(f"start {worker_i} {epoch} {','.join(map(str, sorted(cpus))) or '-'}")

    def reap(self, pid: int) -> None:
        """Lets a dead worker's pid go. Until then the system gives it to nobody else."""
        self._tell(f"reap {pid}")

    def words(self) -> list[list[str]]:
        """What it has said since, line by line, each in words."""
        try:
            self._heard += os.read(self.fileno(), 65_536)
        except BlockingIOError:
            return []
        *lines, self._heard = self._heard.split(b"\n")
        return [line.decode().split() for line in lines]

    def end(self) -> None:
        """Lets it do what it was asked and end, or kills it; its workers live on their own lifeline."""
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()
        end_within(self._process, END_TIMEOUT_S)

    def _tell(self, line: str) -> None:
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # it is dead, and whoever asks `is_dead` next learns it
            self._process.stdin.write(line.encode() + b"\n")
            self._process.stdin.flush()
