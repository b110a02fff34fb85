"""What an engine shares with one venue process besides the board: a pipe each way."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from app.shm.pipe import PIPE_WORDS, Pipe
from app.shm.rings import Bell
from app.shm.segment import Segment

LINK_WORDS: Final = 2 * PIPE_WORDS


@dataclass(frozen=True, slots=True)
class LinkBells:
    """Who is woken by what: the worker by requests, the engine by answers, the engine by books."""

    worker: Bell
    engine: Bell
    books: Bell

    def close(self) -> None:
        for bell in (self.worker, self.engine, self.books):
            bell.close()


@dataclass(frozen=True, slots=True)
class Link:
    """`to_worker` carries requests, `to_engine` answers; books are on the board, and `bells.books` says so."""

    to_worker: Pipe
    to_engine: Pipe
    bells: LinkBells

    def reset(self) -> None:
        """Empties both ways. Only while no worker lives."""
        self.to_worker.reset()
        self.to_engine.reset()


def open_link(segment: Segment, bells: LinkBells) -> Link:
    """The link over `segment`, of LINK_WORDS."""
    words = segment.words
    to_worker = Pipe(words[:PIPE_WORDS], bells.worker)
    return Link(to_worker, Pipe(words[PIPE_WORDS:LINK_WORDS], bells.engine), bells)
