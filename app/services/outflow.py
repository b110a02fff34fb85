"""Watches what queues at the touch lose: prints as they come, books four times a second; the engine's QueueOutflows.

Books are looked at only where it may matter: of every symbol where orders in time rest unless they say otherwise, else
of symbols that an open order rests in by its own word, or did within LINGER_NS. Belongs to a process: a new one has
seen nothing, and slices rest at one touch until it has.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from app import observe
from app.domain.book import Level
from app.domain.enums import Side
from app.domain.trade import TradePrint
from app.learning.outflow import DEPTH, Outflows
from app.services.engine import Engine
from app.services.tape import Tape
from app.shm.books import SymbolBooks

EVERY_S: Final = 0.25
# How long a symbol is looked at after the last order that rested in it; its looks are forgotten then, for a gap among
# them would pass for a time in which nothing was lost.
LINGER_NS: Final = 600_000_000_000


@dataclass(slots=True)
class OutflowMeter:
    """One process's eye on queues. All methods belong to the engine's loop."""

    engine: Engine
    outflows: Outflows
    _until_ns: dict[str, int] = field(default_factory=dict)  # symbol -> until when it is looked at
    _task: asyncio.Task[None] | None = None

    def take(self, prints: Sequence[TradePrint]) -> None:
        """Trades as they come. One whose taker nobody tells says nothing of a queue."""
        for trade in prints:
            if trade.aggressor is not None:
                side = Side.SELL if trade.aggressor is Side.BUY else Side.BUY
                queue = self.outflows.queue(trade.venue, trade.symbol, side)
                queue.trade(self.engine.now_ns(), trade.price_units, trade.qty_units)

    def look(self) -> None:
        """Notes the books of this instant that may matter, both sides; one that may not be believed says nothing."""
        now_ns = self.engine.now_ns()
        for symbol in self._wanted(now_ns):
            books = self.engine.books(symbol)
            for row, venue in enumerate(books.venues):
                if not books.book_seq[row] or books.is_gapped[row]:
                    continue
                bids, asks = _levels(books, row, 0), _levels(books, row, 1)
                for near, far, side in ((bids, asks, Side.BUY), (asks, bids, Side.SELL)):
                    self.outflows.queue(venue, symbol, side).look(now_ns, near, far[0] if far else (0, 0))

    def _wanted(self, now_ns: int) -> list[str]:
        """Symbols to look at now; those that nobody wants any more are forgotten."""
        engine, posting = self.engine, self.engine.core.world.posting
        if posting is not None and posting.is_on:
            return list(engine.universe.symbols)
        if posting is not None:
            for parent in engine.ledger.open_parents.values():
                state = parent.schedule
                if state is not None and posting.of(state.schedule.resting) is not None:
                    self._until_ns[parent.accepted.order.symbol] = now_ns + LINGER_NS
        for symbol in [symbol for symbol, until_ns in self._until_ns.items() if until_ns < now_ns]:
            del self._until_ns[symbol]
            self.outflows.forget_looks(symbol)
        return list(self._until_ns)

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


def _levels(books: SymbolBooks, row: int, side_i: int) -> list[Level]:
    """One side, best first, as deep as it is looked at."""
    n = min(int(books.n_levels[row, side_i]), DEPTH)
    prices, qtys = books.price_units[row, side_i, :n].tolist(), books.qty_units[row, side_i, :n].tolist()
    return list(zip(prices, qtys, strict=True))


def open_meter(engine: Engine, tape: Tape, moved_by_cancels: frozenset[str]) -> OutflowMeter:
    """A meter that hears the tape, as the engine's QueueOutflows; before the venues are started.

    `moved_by_cancels`: venues where a cancel before an order moves it on; elsewhere only trades are counted.
    """
    meter = OutflowMeter(engine, Outflows(moved_by_cancels))
    tape.add_listener(meter.take)
    engine.core.world = replace(engine.core.world, outflows=meter.outflows)
    return meter
