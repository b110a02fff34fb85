"""Everything that the engine and its route workers share, in one segment: heartbeats, a ring each way, the slab.

Workers map this and nothing else: no book is within their reach.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from app.shm.heartbeat import Heartbeats
from app.shm.layout import BEAT_WORDS, ROW_WORDS
from app.shm.rings import Bell, Ring, ring_words
from app.shm.segment import Segment
from app.shm.slab import Slab, slab_words

MAX_WORKERS: Final = 16
# 64 venues x 100 levels with their terms are about 20,000 words; the rest is room for pools and longer books.
PROBLEM_WORDS: Final = 32_768
ANSWER_WORDS: Final = 4_096


@dataclass(frozen=True, slots=True)
class PostShape:
    """How much there is of everything; both sides must say the same."""

    n_workers: int
    n_slots: int
    n_problem: int = PROBLEM_WORDS
    n_answer: int = ANSWER_WORDS

    @property
    def capacity(self) -> int:
        """Rows of a ring: every slot may lie in one ring, so no push is ever refused."""
        return 1 << max(self.n_slots - 1, 1).bit_length()

    @property
    def n_words(self) -> int:
        rings = 2 * ring_words(self.capacity, ROW_WORDS)
        return self.n_workers * (BEAT_WORDS + rings) + slab_words(self.n_slots, self.n_problem, self.n_answer)


@dataclass(frozen=True, slots=True)
class Post:
    """Rings carry rows of (slot, generation, ticket), one each way a worker. `bells[i]` wakes worker i, the last us."""

    shape: PostShape
    beats: Heartbeats
    to_worker: tuple[Ring, ...]
    to_engine: tuple[Ring, ...]
    slab: Slab
    bells: tuple[Bell, ...]


def open_post(segment: Segment, shape: PostShape, bells: tuple[Bell, ...]) -> Post:
    """The post office over `segment`, of shape.n_words; `bells`: n_workers + 1."""
    words, n, each = segment.words[: shape.n_words], shape.n_workers, ring_words(shape.capacity, ROW_WORDS)
    at = n * BEAT_WORDS
    places = [words[at + i * each : at + (i + 1) * each] for i in range(2 * n)]
    return Post(
        shape=shape,
        beats=Heartbeats(words[:at]),
        to_worker=tuple(Ring(places[i], ROW_WORDS, bells[i]) for i in range(n)),
        to_engine=tuple(Ring(places[n + i], ROW_WORDS, bells[n]) for i in range(n)),
        slab=Slab(words[at + 2 * n * each :], shape.n_slots, shape.n_problem, shape.n_answer),
        bells=bells,
    )
