"""Tells an operator of each child whose end is due and not proven, once; `/readyz` and the metrics go on telling."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Final

from app import observe
from app.execution.overdue import overdue_children
from app.services.engine import Engine

LOOK_S: Final = 5.0


@dataclass(slots=True)
class OverdueWatch:
    """One task over one engine."""

    engine: Engine
    every_s: float = LOOK_S
    _told: set[str] = field(default_factory=set)
    _task: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Begins to look; returns at once."""
        self._task = asyncio.get_running_loop().create_task(self._look_for_ever(), name="overdue")

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def look(self) -> None:
        """Tells of those that were not told of while they were overdue."""
        engine, now_ns = self.engine, self.engine.now_ns()
        overdue = {
            late.record.child.child_id: late for late in overdue_children(engine.ledger, engine.core.memory, now_ns)
        }
        for child_id in overdue.keys() - self._told:
            late, child = overdue[child_id], overdue[child_id].record.child
            for_s = (now_ns - late.due_ts_ns) / 1e9
            observe.child_overdue(child.venue, child.order_id, child_id, late.record.state.value, for_s)
        self._told = set(overdue)

    async def _look_for_ever(self) -> None:
        while True:
            self.look()
            await asyncio.sleep(self.every_s)
