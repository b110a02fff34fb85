"""Signs of life: one row a worker, written by it alone, read by the supervisor. Times are monotonic ns."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from app.shm.layout import BEAT_WORDS, Beat

Int64Array = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Pulse:
    """What a row says. `ticket` is the search under way, 0 for none; `epoch` is the worker's own incarnation."""

    pid: int
    epoch: int
    beat_ns: int
    ticket: int
    n_done: int


class Heartbeats:
    """Rows over int64[n_workers, BEAT_WORDS]."""

    def __init__(self, words: Int64Array) -> None:
        self._rows = words.reshape(-1, BEAT_WORDS)

    def begin(self, row: int, pid: int, epoch: int, now_ns: int) -> None:
        """A new incarnation's first sign."""
        self._rows[row] = 0
        self._rows[row, Beat.PID] = pid
        self._rows[row, Beat.BEAT_NS] = now_ns
        self._rows[row, Beat.EPOCH] = epoch

    def beat(self, row: int, now_ns: int, ticket: int) -> None:
        """Alive at `now_ns`, working on `ticket` (0: idle)."""
        self._rows[row, Beat.TICKET] = ticket
        self._rows[row, Beat.BEAT_NS] = now_ns

    def count(self, row: int) -> None:
        """One search more is done."""
        self._rows[row, Beat.N_DONE] += 1

    def read(self, row: int) -> Pulse:
        words = self._rows[row].tolist()
        return Pulse(words[Beat.PID], words[Beat.EPOCH], words[Beat.BEAT_NS], words[Beat.TICKET], words[Beat.N_DONE])
