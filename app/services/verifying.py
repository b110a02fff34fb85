"""Verifies, beside all else, the part of the log that the start took on trust; what does not fit ends the process.

The work is a process of its own (workers/reverify.py), so that it costs this one nothing. Its word that a record does
not fit is looked at here before it is believed. After the first round there is one a day over the whole log: what was
changed in the file while we ran is found before the next start relies on it.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from app import observe
from app.domain.errors import InvariantBroken
from app.services.companion import Companion
from app.services.engine import Engine

IS_BROKEN: Final = 3  # the process's word for a record that does not fit
EVERY_S: Final = 86_400.0
AGAIN_S: Final = 60.0  # after a round that could not be made
LOOK_S: Final = 1.0


@dataclass(slots=True)
class Verifying:
    """One log's rounds. `trusted_seq`: up to where the start has verified nothing. All methods belong to the loop.

    `place(until_seq)`: how far the round has come, by its note; `check(until_seq)`: verifies the piece behind it and
    raises InvariantBroken where that does not fit. Both read the log and run on threads.
    """

    engine: Engine
    journal_path: Path
    trusted_seq: int
    place: Callable[[], int]
    check: Callable[[int], object]
    every_s: float = EVERY_S
    again_s: float = AGAIN_S
    _seq: int = 0
    _helper: Companion = field(default_factory=Companion)
    _tasks: list[asyncio.Task[None]] = field(default_factory=list)

    @property
    def verified_seq(self) -> int:
        """Up to which seq the log is verified from its first record on, what was written since the start included."""
        health = self.engine.health()
        return health.durable_seq if self._seq >= self.trusted_seq else self._seq

    async def open(self) -> None:
        """Begins; returns at once."""
        self._tasks = [asyncio.get_running_loop().create_task(self._verify_for_ever(), name="verifying")]

    async def close(self) -> None:
        """Ends a round that is under way: the next process takes it up where it was."""
        await asyncio.to_thread(self._helper.stop)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _verify_for_ever(self) -> None:
        until_seq = self.trusted_seq
        while True:
            is_made = not until_seq or await self._round(until_seq)
            await asyncio.sleep(self.every_s if is_made else self.again_s)
            until_seq = until_seq if not is_made else self.engine.health().durable_seq

    async def _round(self, until_seq: int) -> bool:
        """Whether every record up to `until_seq` was verified."""
        began_s = time.monotonic()
        command = [sys.executable, "-m", "app.workers.reverify", str(self.journal_path), str(until_seq)]
        working = asyncio.create_task(asyncio.to_thread(self._helper.run, command))
        while not (await asyncio.wait([working], timeout=LOOK_S))[0]:
            self._seq = max(self._seq, await asyncio.to_thread(self.place))
        code = await working
        if self._helper.is_stopped:
            return False
        if code == 0:
            self._seq = max(self._seq, until_seq)
        elif code == IS_BROKEN:
            await self._look(until_seq)
        observe.log_verified(until_seq, code, time.monotonic() - began_s)
        return code == 0

    async def _look(self, until_seq: int) -> None:
        """The same piece once more, here: a log that does not fit is the end, as it is at a start."""
        try:
            await asyncio.to_thread(self.check, until_seq)
        except InvariantBroken as error:
            observe.log_broken(error)
            self.engine.on_fatal(error)
