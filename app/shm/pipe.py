"""One direction of messages between two processes: bytes in slots of a slab, a ring of rows that says which are there.

A message is in its slots before its row is in the ring, so a writer that dies between leaves nothing to be read. Row
`k` has slot `k` modulo the slots; there are twice as many slots as rows, so that a reader may copy what it has popped
while the writer fills the ring again.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from app.domain.errors import InvariantBroken
from app.kernels.checksum import sum_words
from app.shm.layout import PIPE_ROW_WORDS, PIPE_SLOT_BYTES, WORD_BYTES
from app.shm.rings import MAX_BATCH, Bell, Ring, ring_words

Int64Array = npt.NDArray[np.int64]

CAPACITY: Final = 256
N_SLOTS: Final = 2 * CAPACITY
assert MAX_BATCH <= CAPACITY, "a batch must be copied before its slots are filled again"
_RING_WORDS: Final = ring_words(CAPACITY, PIPE_ROW_WORDS)
PIPE_WORDS: Final = _RING_WORDS + N_SLOTS * PIPE_SLOT_BYTES // WORD_BYTES
# The longest message: half of the ring, so that two of them are always under way.
MAX_MESSAGE_BYTES: Final = CAPACITY // 2 * PIPE_SLOT_BYTES


class Pipe:
    """One writer, one reader; each side has its own object over int64[PIPE_WORDS], empty when both begin."""

    def __init__(self, words: Int64Array, bell: Bell) -> None:
        if words.size != PIPE_WORDS:
            raise InvariantBroken(reason="no pipe fits", n_words=words.size)
        self.bell = bell
        self._ring = Ring(words[:_RING_WORDS], PIPE_ROW_WORDS, bell)
        self._slots = words[_RING_WORDS:].data.cast("B")
        self._n_written = self._n_read = 0
        self._part: list[bytes] = []

    def reset(self) -> None:
        """Empties the pipe. Only while no other process uses it."""
        self._ring.reset()
        self._n_written = self._n_read = 0
        self._part.clear()

    def write(self, message: bytes) -> bool:
        """Puts one message in and wakes a sleeping reader; False where there is no room, and then nothing was put.

        Raises InvariantBroken where it is longer than MAX_MESSAGE_BYTES.
        """
        if len(message) > MAX_MESSAGE_BYTES:
            raise InvariantBroken(reason="message too long", n_bytes=len(message), limit=MAX_MESSAGE_BYTES)
        parts = [message[i : i + PIPE_SLOT_BYTES] for i in range(0, len(message), PIPE_SLOT_BYTES)] or [b""]
        if self._ring.n_free < len(parts):
            return False
        rows = np.empty((len(parts), PIPE_ROW_WORDS - 1), np.int64)
        for i, part in enumerate(parts):
            start = (self._n_written + i) % N_SLOTS * PIPE_SLOT_BYTES
            self._slots[start : start + len(part)] = part
            rows[i] = len(part), len(parts) - 1 - i, _seal(part)
        if self._ring.push(rows) != len(parts):
            raise InvariantBroken(reason="a ring took less than it had room for")
        self._n_written += len(parts)
        return True

    def read(self) -> list[bytes]:
        """Whole messages that are there, some of them where there are many; none means that the pipe is empty now.

        Raises InvariantBroken where a row or a slot was damaged: nothing after it can be trusted.
        """
        messages: list[bytes] = []
        while not messages:
            rows = self._ring.pop()
            if not rows:
                break
            for n_bytes, n_more, seal in rows:
                start = self._n_read % N_SLOTS * PIPE_SLOT_BYTES
                self._n_read += 1
                part = bytes(self._slots[start : start + n_bytes]) if 0 <= n_bytes <= PIPE_SLOT_BYTES else b""
                if len(part) != n_bytes or _seal(part) != seal:
                    raise InvariantBroken(reason="a damaged slot", n_bytes=n_bytes)
                self._part.append(part)
                if not n_more:
                    messages.append(b"".join(self._part))
                    self._part.clear()
        return messages

    def arm(self) -> bool:
        """Says that this reader sleeps from now; False where messages came meanwhile and it must not."""
        return self._ring.arm()

    def disarm(self) -> None:
        """Awake again."""
        self._ring.disarm()


def _seal(part: bytes) -> int:
    padded = bytearray(part + bytes(-len(part) % WORD_BYTES))  # a kernel takes memory that may be written
    return int(sum_words(np.frombuffer(padded, np.int64))) ^ len(part)
