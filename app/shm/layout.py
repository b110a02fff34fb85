"""Where everything lies in memory that processes share, in int64 words; the one place that knows an offset.

A process that was started from other sources must not read this memory by other rules, so every segment carries the
version and a digest of these numbers; and the digest of each version is written down here, so that a number cannot
change without its version: the import fails.
"""

from __future__ import annotations

import hashlib
from enum import IntEnum, unique
from typing import Final

from app.domain.errors import InvariantBroken
from app.kernels import book, ring

WORD_BYTES: Final = 8
LINE_WORDS: Final = 8  # a cache line; two writers never share one
MAGIC: Final = 0x5845_5453_4542  # "BESTEX" in little endian


@unique
class Head(IntEnum):
    """The segment's own header."""

    MAGIC = 0
    VERSION = 1
    DIGEST = 2
    SIZE_BYTES = 3
    OWNER_PID = 4
    KIND = 5


@unique
class Kind(IntEnum):
    """What a segment holds."""

    BOOKS = 1
    POST = 2
    LINK = 3
    LEASE = 4


@unique
class Slot(IntEnum):
    """A slot's header. The problem's words follow at PROBLEM, the answer's at PROBLEM + the slab's problem words."""

    STATE = 0
    GENERATION = 1
    TICKET = 2
    EPOCH = 3
    SEARCH = 4
    N_PROBLEM = 5
    PROBLEM_SEAL = 6
    # The worker's own line.
    STATUS = 8
    N_ANSWER = 9
    ANSWER_SEAL = 10
    PROBLEM = 16


@unique
class SlotState(IntEnum):
    """Whose turn it is with a slot; whoever holds the ring row holds the slot, this says so to a reader of the dump."""

    FREE = 0
    WRITTEN = 1
    TAKEN = 2
    DONE = 3


@unique
class Beat(IntEnum):
    """A worker's heartbeat row: one writer, the worker."""

    PID = 0
    EPOCH = 1
    BEAT_NS = 2
    TICKET = 3
    N_DONE = 4


HEAD_WORDS: Final = 8
BEAT_WORDS: Final = 8
# Of a ring row: slot, generation, ticket, and the seal that the ring adds.
ROW_WORDS: Final = 4
# Of a pipe's row: bytes in its slot, slots that follow of the same message, the bytes' seal, and the ring's own seal.
PIPE_ROW_WORDS: Final = 4
PIPE_SLOT_BYTES: Final = 1_024

VERSION: Final = 2
_DIGESTS: Final = {2: 56942427100748602}


def digest() -> int:
    """56 bits over every number above and over the layouts of the kernels that share memory."""
    numbers: list[object] = [WORD_BYTES, LINE_WORDS, MAGIC, HEAD_WORDS, BEAT_WORDS, ROW_WORDS]
    numbers += [PIPE_ROW_WORDS, PIPE_SLOT_BYTES]
    for words in (Head, Kind, Slot, SlotState, Beat):
        numbers += [(word.name, word.value) for word in words]
    numbers += [ring.PUSHED, ring.SEEN_POPPED, ring.POPPED, ring.SEEN_PUSHED, ring.IS_WAITING, ring.N_CONTROL]
    numbers += [book.BOOK_SEQ, book.RECEIVED_TS_NS, book.VENUE_TS_NS, book.IS_GAPPED, book.LOCK]
    numbers += [book.LEVELS_SUM, book.SEAL, book.N_CONTROL]
    return int.from_bytes(hashlib.sha256(repr(numbers).encode()).digest()[:7], "big")


DIGEST: Final = digest()


def check(version: int, digest_bits: int) -> None:
    """Raises InvariantBroken where `digest_bits` is not the digest that `version` was given here."""
    if _DIGESTS.get(version) != digest_bits:
        raise InvariantBroken(reason="the layout changed without its version", version=version, digest=digest_bits)


check(VERSION, DIGEST)
