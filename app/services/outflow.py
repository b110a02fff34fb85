"""Watches what queues at the touch lose: prints as they come, books four times a second; the engine's QueueOutflows.

Belongs to a process: a new one has seen nothing, and slices rest at one touch until it has.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from app import observe
from app.domain.enums import Side
from app.domain.trade import TradePrint
from app.learning.outflow import Outflows
from app.services.engine import Engine
from app.services.tape import Tape
from app.shm.books import SymbolBooks

EVERY_S: Final = 0.25
Key = tuple[str, str, Side]


@dataclass(slots=True)
class OutflowMeter:
    """One process's eye on queues. All methods belong to the engine's loop.

    `moved_by_cancels`: venues where a cancel before an order moves it on; elsewhere only trades are counted.
    """

    engine: Engine
    moved_by_cancels: frozenset[str]
    outflows: Outflows = field(default_factory=Outflows)
    _touch: dict[Key, tuple[int, int]] = field(default_factory=dict)  # (price, quantity) when it was looked at last
    _traded_units: dict[Key, int] = field(default_factory=dict)  # since then, at that price or beyond
    _task: asyncio.Task[None] | None = None

    def take(self, prints: Sequence[TradePrint]) -> None:
        """Trades as they come. One whose taker nobody tells says nothing of a queue."""
        for trade in prints:
            if trade.aggressor is None:
                continue
            side = Side.SELL if trade.aggressor is Side.BUY else Side.BUY
            key = trade.venue, trade.symbol, side
            self.outflows.queue(*key).trade(self.engine.now_ns(), trade.price_units, trade.qty_units)
            known = self._touch.get(key)
            if known is not None and side.sign * (trade.price_units - known[0]) <= 0:
                self._traded_units[key] = self._traded_units.get(key, 0) + trade.qty_units

    def look(self) -> None:
        """Marks every touch of this instant, and what has left its queue without a trade since the look before."""
        now_ns = self.engine.now_ns()
        for symbol in self.engine.universe.symbols:
            books = self.engine.books(symbol)
            for row, venue in enumerate(books.venues):
                if not books.book_seq[row] or books.is_gapped[row]:
                    continue
                for side_i, side in enumerate((Side.BUY, Side.SELL)):
                    self._look_at(now_ns, (venue, symbol, side), _levels(books, row, side_i))

    def _look_at(self, now_ns: int, key: Key, levels: dict[int, int]) -> None:
        queue, known = self.outflows.queue(*key), self._touch.pop(key, None)
        traded_units = self._traded_units.pop(key, 0)
        if known is not None and key[0] in self.moved_by_cancels:
            gone_units = known[1] - levels.get(known[0], 0) - traded_units
            if gone_units > 0:
                queue.cancel(now_ns, known[0], gone_units)
        if levels:
            best_units = next(iter(levels))
            self._touch[key] = best_units, levels[best_units]
            queue.mark(now_ns, best_units)

    async def open(self) -> None:
        """Begins to look, until `close`."""
        self._task = asyncio.get_running_loop().create_task(self._look_for_ever())

    async def close(self) -> None:
        """Stops looking."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _look_for_ever(self) -> None:
        while True:
            try:
                self.look()
            except Exception as error:  # noqa: BLE001 - a task's rim: trading goes on whatever happens here
                observe.measuring_failed("", repr(error))
            await asyncio.sleep(EVERY_S)


def _levels(books: SymbolBooks, row: int, side_i: int) -> dict[int, int]:
    """Price -> quantity of one side, best first."""
    n = int(books.n_levels[row, side_i])
    prices, qtys = books.price_units[row, side_i, :n].tolist(), books.qty_units[row, side_i, :n].tolist()
    return dict(zip(prices, qtys, strict=True))


def open_meter(engine: Engine, tape: Tape, moved_by_cancels: frozenset[str]) -> OutflowMeter:
    """A meter that hears the tape, as the engine's QueueOutflows; before the venues are started."""
    meter = OutflowMeter(engine, moved_by_cancels)
    tape.add_listener(meter.take)
    engine.core.world = replace(engine.core.world, outflows=meter.outflows)
    return meter
