"""A log in memory and a projection that follows it, for the store's tests."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator

from app.domain.events import Fact
from app.store.memory import MemoryJournal
from app.store.projector import Projection, ProjectionOptions
from tests.store.logs import story_facts, turns

FAST = ProjectionOptions(linger_s=0.0, backoff_s=0.02, max_backoff_s=0.1)
WAIT_S = 30.0


class Log:
    """A story told turn after turn: durable first, then offered, as the engine does."""

    def __init__(self, n_facts: int, seed: int = 0) -> None:
        self.facts, self.receipts = story_facts(n_facts, seed)
        self.journal = MemoryJournal()
        self._turns = turns(self.facts, self.receipts, seed)

    def tell(self, n_turns: int, projection: Projection | None = None) -> list[Fact]:
        """The next turns; `projection` hears of each."""
        told: list[Fact] = []
        for facts, receipts in (turn for _, turn in zip(range(n_turns), self._turns, strict=False)):
            self.journal.append(facts, receipts)
            if projection is not None:
                projection.offer(facts)
            told += facts
        return told

    def tell_all(self, projection: Projection | None = None) -> list[Fact]:
        return self.tell(10**9, projection)

    @property
    def seq(self) -> int:
        return self.journal.durable_seq


@contextlib.asynccontextmanager
async def projecting(url: str, log: Log, options: ProjectionOptions = FAST) -> AsyncIterator[Projection]:
    projection = Projection(url, "0", log.journal, options)
    await projection.open()
    try:
        yield projection
    finally:
        await projection.close()


async def caught_up(projection: Projection, seq: int) -> None:
    assert await projection.wait_for(seq, WAIT_S), (
        f"{projection.state} at {projection.watermark_seq}: {projection.error}"
    )
