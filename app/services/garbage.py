"""When the collector of cycles looks, and at what: at few of the young, at each of them once, never amid a trade.

Facts and records are trees, freed by counting, and most live as long as the process. The interpreter's own rule walks
them again and again: with some thousand orders in memory one pass of its middle generation took 0.4 s and found none.
So the young are looked at in small lots, one lot in ONE_IN while that finds nothing, and what survives is frozen. A
cycle that was not looked at, or died later, is found by a sweep of all memory, made where nothing is open and nothing
has happened for a while (docs/adr/0040).
"""

from __future__ import annotations

import asyncio
import gc
import time
from dataclasses import dataclass, field
from typing import Any, Final

from app import observe
from app.services.engine import Engine

# New objects of a lot: some twenty orders, about a millisecond to look at.
YOUNG: Final = 2_000
# One lot in so many is looked at; after a find, each of the next WARY lots.
ONE_IN: Final = 8
WARY: Final = 64
# Passes of the older generations, which hold nothing: never.
NEVER: Final = 1_000_000
LOOK_EVERY_S: Final = 10.0
QUIET_LOOKS: Final = 3  # in a row at which no fact is new and no order open, before a sweep
SWEEP_EVERY_S: Final = 3_600.0


@dataclass(slots=True)
class Garbage:
    """The collector's rule for one serving process. All methods belong to the engine's loop."""

    engine: Engine
    look_every_s: float = LOOK_EVERY_S
    sweep_every_s: float = SWEEP_EVERY_S
    one_in: int = ONE_IN
    _n_lots: int = 0
    _n_wary: int = 0
    _task: asyncio.Task[None] | None = None
    _before: tuple[int, int, int] | None = None
    _swept_s: float = field(default_factory=time.monotonic)

    async def open(self) -> None:
        """Freezes what is there, a replay's records above all, and takes over."""
        self._before = gc.get_threshold()
        gc.collect()
        gc.freeze()
        gc.set_threshold(YOUNG, NEVER, NEVER)
        gc.callbacks.append(self._on_lot)
        self._task = asyncio.get_running_loop().create_task(self._sweep_for_ever())

    async def close(self) -> None:
        """Gives the collector back as it was."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        if self._before is not None:
            gc.callbacks.remove(self._on_lot)
            gc.set_threshold(*self._before)
            gc.unfreeze()
            self._before = None

    def _on_lot(self, phase: str, info: dict[str, Any]) -> None:
        """Around each look at the young: before it, most lots are frozen unseen; after it, what lives is."""
        if info["generation"]:
            return
        if phase == "stop":
            self._n_wary = WARY if info["collected"] or info["uncollectable"] else self._n_wary
            gc.freeze()
            return
        self._n_lots += 1
        if self._n_wary:
            self._n_wary -= 1
        elif self._n_lots % self.one_in:
            gc.freeze()

    async def _sweep_for_ever(self) -> None:
        n_quiet, seen_seq = 0, -1
        while True:
            await asyncio.sleep(self.look_every_s)
            ledger = self.engine.ledger
            is_quiet = ledger.seq == seen_seq and not ledger.open_parents
            n_quiet, seen_seq = n_quiet + 1 if is_quiet else 0, ledger.seq
            if n_quiet >= QUIET_LOOKS and time.monotonic() - self._swept_s >= self.sweep_every_s:
                self._swept_s = time.monotonic()
                n_found = sweep()
                observe.memory_swept(n_found, time.monotonic() - self._swept_s)


def sweep() -> int:
    """Looks at all memory at once, a second for some million objects; how many it could free."""
    gc.unfreeze()
    n_found = gc.collect()
    gc.freeze()
    return n_found
