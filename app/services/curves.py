"""Keeps learned volume curves through restarts: each five-minute bin that is over is a fact, and a start reads them.

A crash loses what the bin of that moment had shown; an orderly stop loses nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from app import observe
from app.domain.errors import BestexError
from app.domain.timing_facts import VolumeBin
from app.execution.inputs import LearnVolume
from app.learning.volume_curve import BIN_NS, N_BINS, VolumeCurve
from app.services.engine import Engine
from app.services.tape import Tape

EVERY_S: Final = 15.0


@dataclass(frozen=True, slots=True)
class CurveHour:
    """An hour of the UTC day as it was learned: units a second, how long it was watched, and its part of a flat day's
    hour (1 is flat).
    """

    hour_i: int
    rate_units_per_s: float
    watched_s: float
    part_frac: float


@dataclass(slots=True)
class CurveKeeper:
    """One process's. All methods belong to the engine's loop."""

    engine: Engine
    tape: Tape
    _task: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Puts what the log knows into the tape, once for a tape, and begins to tell."""
        for symbol, bins in self.engine.ledger.volumes.items():
            self.tape.restore(symbol, bins.values())
        self._task = asyncio.get_running_loop().create_task(self._tell_for_ever())

    async def close(self) -> None:
        """Tells the bins of this moment, too, while the engine still takes facts."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            await self.tell(is_all=True)

    async def tell(self, *, is_all: bool = False) -> None:
        """Has every bin that is over and has changed written down; `is_all`: also those that are being watched."""
        for symbol in self.tape.symbols():
            bins = self.tape.news(symbol, is_all=is_all)
            if bins:
                try:
                    await self.engine.ask(LearnVolume(symbol, bins))
                except BestexError as error:
                    observe.measuring_failed(symbol, str(error))

    async def _tell_for_ever(self) -> None:
        while True:
            await asyncio.sleep(EVERY_S)
            await self.tell()


def curve_hours(bins: Mapping[int, VolumeBin]) -> tuple[CurveHour, ...]:
    """The 24 hours of the curve that these facts add up to: what a process that starts now begins with."""
    curve = VolumeCurve()
    for told in bins.values():
        curve.restore(told.bin_i, told.seen_qty_units, told.watched_ms)
    per_hour = N_BINS // 24
    rates = [curve.rate_units_per_s(bin_i * BIN_NS) for bin_i in range(N_BINS)]
    flat = sum(rates) / N_BINS
    return tuple(
        CurveHour(
            hour_i,
            mean := sum(rates[hour_i * per_hour : (hour_i + 1) * per_hour]) / per_hour,
            sum(curve.watched_s[hour_i * per_hour : (hour_i + 1) * per_hour]),
            mean / flat if flat > 0.0 else 1.0,
        )
        for hour_i in range(24)
    )
