"""One direction of talk between two processes: a ring of rows, and a bell for a side that sleeps.

A consumer first spins (a round trip of about a microsecond), then says that it waits and sleeps on the bell: an
eventfd, which select, poll, epoll and an event loop can wait for. A producer rings only where somebody waits.
"""

from __future__ import annotations

import os
import select
import struct
from typing import Final

import numpy as np
import numpy.typing as npt

from app.domain.errors import InvariantBroken, Unavailable
from app.kernels import ring
from app.shm.layout import WORD_BYTES

Int64Array = npt.NDArray[np.int64]

_WAKE_SHIFT: Final = 32
_COUNT_MASK: Final = 2**_WAKE_SHIFT - 1
MAX_BATCH: Final = 256


def ring_words(n_rows: int, n_row_words: int) -> int:
    """Words of a ring with its control lines. `n_row_words` counts the seal."""
    return ring.N_CONTROL + n_rows * n_row_words


class Bell:
    """An eventfd. Whoever holds the number can ring and hear it; children inherit it only where told."""

    def __init__(self, descriptor: int = -1) -> None:
        """`descriptor`: one that came by inheritance; -1 makes a new one. Raises Unavailable where there are none."""
        if descriptor < 0:
            if not hasattr(os, "eventfd"):
                raise Unavailable("eventfd_missing", "Workers need Linux: this system has no eventfd.")
            descriptor = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self.descriptor = descriptor

    def fileno(self) -> int:
        return self.descriptor

    def ring(self) -> None:
        """Wakes who listens. A counter that is full has been rung already."""
        try:  # contextlib.suppress takes longer than the whole call
            os.eventfd_write(self.descriptor, 1)
        except BlockingIOError:
            return

    def hush(self) -> None:
        """Takes what was rung so far."""
        try:
            os.eventfd_read(self.descriptor)
        except BlockingIOError:
            return

    def close(self) -> None:
        os.close(self.descriptor)


class Ring:
    """One producer, one consumer; each side holds its own object over the same words."""

    def __init__(self, words: Int64Array, row_words: int, bell: Bell) -> None:
        """`words`: int64[ring_words(capacity, row_words)], zeroed or a ring in use; capacity a power of two."""
        capacity, rest = divmod(words.size - ring.N_CONTROL, row_words)
        if rest or capacity < 1 or capacity & (capacity - 1) or row_words < 2:
            raise InvariantBroken(reason="no ring fits", n_words=words.size, row_words=row_words)
        if words.ctypes.data % WORD_BYTES:
            raise InvariantBroken(reason="not aligned")
        self.capacity, self.bell = capacity, bell
        self._control = words[: ring.N_CONTROL]
        self._rows = words[ring.N_CONTROL :].reshape(capacity, row_words)
        self._one = np.empty((1, row_words - 1), np.int64)
        # A row as Python's integers: several times cheaper than assigning a tuple to an array.
        self._row = struct.Struct(f"={row_words - 1}q")
        self._one_bytes = self._one.data.cast("B")
        self._listener = select.poll()
        self._listener.register(bell.descriptor, select.POLLIN)
        self._out = np.empty((min(capacity, MAX_BATCH), row_words - 1), np.int64)
        self._out_bytes = self._out.data.cast("B")

    def reset(self) -> None:
        """Empties the ring. Only while no other process uses it."""
        self._control[:] = 0

    @property
    def n_free(self) -> int:
        """Rows that a push would take now, for the producer: never more than it says."""
        return int(self.capacity - (self._control[ring.PUSHED] - self._control[ring.POPPED]))

    def push(self, rows: Int64Array) -> int:
        """Appends int64[n, row_words - 1]; wakes a sleeping consumer. Returns how many fitted.

        Raises InvariantBroken where the counts are not those of any ring.
        """
        found = ring.push_rows(self._control, self._rows, rows)
        if found < 0:
            raise InvariantBroken(reason="ring", code=found)
        if found >> _WAKE_SHIFT:
            self.bell.ring()
        return found & _COUNT_MASK

    def push_row(self, *values: int) -> bool:
        """Appends one row; False where the ring is full."""
        self._row.pack_into(self._one_bytes, 0, *values)
        found = ring.push_rows(self._control, self._rows, self._one)
        if found == 1:
            return True
        if found < 0:
            raise InvariantBroken(reason="ring", code=found)
        if found >> _WAKE_SHIFT:
            self.bell.ring()
        return found & _COUNT_MASK == 1

    def pop(self, max_spins: int = 0) -> list[list[int]]:
        """Rows that are there, at most MAX_BATCH, looking `max_spins` times more (about 1 ns each) while there is none.

        Raises InvariantBroken where the next row or the counts were damaged: nothing after it can be trusted.
        """
        found = ring.pop_rows(self._control, self._rows, max_spins, self._out)
        if found == 1:
            return [list(self._row.unpack_from(self._out_bytes))]
        if found < 0:
            raise InvariantBroken(reason="ring", code=found)
        if found == 0:
            return []
        rows: list[list[int]] = self._out[:found].tolist()
        return rows

    def arm(self) -> bool:
        """Says that this consumer sleeps from now; False where rows came meanwhile and it must not."""
        if ring.wait_for_rows(self._control) != 0:
            self.disarm()
            return False
        return True

    def disarm(self) -> None:
        """Awake again."""
        self._control[ring.IS_WAITING] = 0

    def wait(self, timeout_ms: int) -> bool:
        """Sleeps until a row is there or the time is over. True where a row may be there."""
        if not self.arm():
            return True
        is_rung = bool(self._listener.poll(timeout_ms))
        self.disarm()
        if is_rung:
            self.bell.hush()
        return is_rung
