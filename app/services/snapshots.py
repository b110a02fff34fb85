"""Keeps a snapshot beside the log, so that a start folds minutes of it and not months.

Written by a process of its own, which folds the log from the last snapshot on: this one gives it no time but that of a
neighbour on the machine. What is not in it yet when this process ends is folded by the next start.
"""

from __future__ import annotations

import asyncio
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from app import observe
from app.services.companion import Companion
from app.services.engine import Engine

EVERY_S: Final = 600.0
# Facts that are worth a process: a start folds them in about three seconds.
LEAST_FACTS: Final = 50_000


@dataclass(slots=True)
class Snapshots:
    """One log's snapshots. All methods belong to the engine's loop. `written_seq`: where the newest one stands."""

    engine: Engine
    journal_path: Path
    keep_ns: int
    written_seq: int = 0
    every_s: float = EVERY_S
    least_facts: int = LEAST_FACTS
    _helper: Companion = field(default_factory=Companion)
    _tasks: list[asyncio.Task[None]] = field(default_factory=list)

    async def open(self) -> None:
        """Looks at once, then every `every_s`, whether there is enough to write."""
        self._tasks = [asyncio.get_running_loop().create_task(self._write_for_ever(), name="snapshots")]

    async def close(self) -> None:
        """Ends a process that is under way: the snapshot of before stays."""
        await asyncio.to_thread(self._helper.stop)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _write_for_ever(self) -> None:
        while True:
            if self.engine.ledger.seq - self.written_seq >= self.least_facts:
                await self._write()
            await asyncio.sleep(self.every_s)

    async def _write(self) -> None:
        seq, began_s = self.engine.ledger.seq, time.monotonic()
        command = [sys.executable, "-m", "app.workers.snapshot", str(self.journal_path), str(self.keep_ns)]
        code = await asyncio.to_thread(self._helper.run, command)
        if self._helper.is_stopped:
            return
        if code == 0:
            self.written_seq = seq
        observe.snapshot_ended(seq, code, time.monotonic() - began_s)
