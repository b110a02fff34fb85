"""Keeps the way from a book event to a child's bytes warm while an order waits near the market (docs/adr/0062)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Final

from app import observe
from app.domain.events import Fact
from app.services.engine import Engine

# Of the loop's time, however many orders wait.
MOST: Final = 0.15


@dataclass(slots=True)
class Rehearsal:
    """Rehearses every `every_s` (0: never), of one symbol after another in which orders wait. Belongs to the loop.

    `write`: takes a turn's facts and receipts as the log would, and keeps nothing. A beat in which the log has grown
    is left out: what has just run is warm.
    """

    engine: Engine
    write: Callable[[Sequence[Fact], Sequence[tuple[str, bytes]]], None]
    every_s: float
    n_rehearsed: int = 0
    _turns: Iterator[int] = field(default_factory=count)
    _seen_seq: int = -1
    _task: asyncio.Task[None] | None = None

    async def open(self) -> None:
        if self.every_s > 0:
            self._task = asyncio.get_running_loop().create_task(self._rehearse_for_ever())

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _rehearse_for_ever(self) -> None:
        try:
            pause_s = self.every_s
            while True:
                await asyncio.sleep(pause_s)
                began_s = time.perf_counter()
                self.beat()
                pause_s = max(self.every_s, (time.perf_counter() - began_s) / MOST)
        except Exception as error:  # noqa: BLE001 - whatever broke, no order has: trading goes on, not as warm
            observe.rehearsal_failed(repr(error))

    def beat(self) -> None:
        """One rehearsal, where an order waits near and nothing has run since the last beat."""
        core = self.engine.core
        symbols = [symbol for symbol, waiting in core.memory.awaited.items() if waiting]
        is_warm, self._seen_seq = core.ledger.seq != self._seen_seq, core.ledger.seq
        if is_warm or not symbols:
            return
        turn = core.rehearse(symbols[next(self._turns) % len(symbols)], self.engine.clock.wall_ns())
        if turn is not None:
            self.write(turn.facts, turn.receipts)
            self.n_rehearsed += 1
