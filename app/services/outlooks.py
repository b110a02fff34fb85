"""Watches markets for forecasts: one look a second at each symbol that a tape tells, for as long as the process lives.

What is forecast belongs to the process and begins as usual at each start; where a schedule is bent by it, it is a fact.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np

from app import observe
from app.domain.bending import Outlook
from app.learning.forecast import Forecaster, Look, is_ready
from app.risk.reference import read_reference
from app.services.engine import Engine
from app.services.tape import Tape

EVERY_NS: Final = 1_000_000_000
# So many symbols a second at most: a look takes some tens of microseconds of the engine's loop.
MAX_LOOKS_PER_S: Final = 200
_NS: Final = 1e9
_PPM: Final = 1e6


@dataclass(slots=True)
class Outlooks:
    """One process's forecasts, by symbol. All methods belong to the engine's loop."""

    engine: Engine
    tape: Tape
    _forecasters: dict[str, Forecaster] = field(default_factory=lambda: defaultdict(Forecaster))
    _last: dict[str, tuple[int, int]] = field(default_factory=dict)  # symbol -> (when, others' volume by then)
    _task: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Becomes the engine's forecasts, and begins to look."""
        self.engine.core.world = replace(self.engine.core.world, outlooks=self)
        self._task = asyncio.get_running_loop().create_task(self._look_for_ever())

    async def close(self) -> None:
        """Stops looking; what was learned of the last hour is forgotten."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def outlook(self, symbol: str, horizon_ns: int) -> Outlook:
        """Of the next `horizon_ns`; as usual before a market was watched for a minute, and where no tape tells it."""
        found = self._forecasters.get(symbol)
        return found.outlook(horizon_ns / _NS) if found is not None else Outlook()

    def look(self, symbol: str) -> None:
        """One look at one market."""
        engine, now_ns = self.engine, self.engine.now_ns()
        traded_units = self.tape.others_units(symbol)
        if traded_units is None:
            return
        last_ns, last_units = self._last.get(symbol, (now_ns, traded_units))
        self._last[symbol] = now_ns, traded_units
        books = engine.books(symbol)
        reference = read_reference(books, engine.core.world.max_book_age_ns, now_ns)
        rows = [row for row, venue in enumerate(books.venues) if venue in reference.venue_mids]
        touch = books.price_units[rows, :, 0].astype(np.float64)
        spread = (touch[:, 1] - touch[:, 0]) / (touch[:, 1] + touch[:, 0]) * 2 * _PPM if rows else np.zeros(1)
        self._forecasters[symbol].take(
            Look(
                at_ns=now_ns,
                traded_units=float(traded_units - last_units),
                usual_units=self.tape.usual_units(symbol, last_ns, now_ns),
                spread_ppm=float(max(spread.mean(), 0.0)),
                mid_half_units=float(reference.mid_half_units),
            )
        )

    async def _look_for_ever(self) -> None:
        while True:
            symbols = self.tape.symbols() if is_ready() else ()
            for symbol in symbols:
                try:
                    self.look(symbol)
                except Exception as error:  # noqa: BLE001 - a task's rim: a forecast that fails is as usual
                    observe.measuring_failed("", repr(error))
                await asyncio.sleep(1 / MAX_LOOKS_PER_S)
            await asyncio.sleep(max(EVERY_NS / _NS - len(symbols) / MAX_LOOKS_PER_S, 1 / MAX_LOOKS_PER_S))
