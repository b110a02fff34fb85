"""Looks at the market for the sake of markouts: samples books while something is owed, and has the answers written.

Ten looks a second at every symbol with an order at work or a mid owed, one more whenever a mid comes due, never two
within MIN_GAP_NS. What is measured goes through the engine like everything else and is a fact before anybody sees it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from app import observe
from app.domain.errors import BestexError
from app.domain.events import Fact
from app.domain.ids import hash80
from app.domain.markouts import Measurement
from app.execution.inputs import MarketMeasured
from app.services.engine import Engine
from app.tca.composite import take_sample
from app.tca.tracker import Tracker, Traded, nothing_traded

EVERY_NS: Final = 100_000_000
MIN_GAP_NS: Final = 20_000_000
COLLECT_NS: Final = 1_000_000_000
# Of one turn, at one look: all of a second's would hold the loop. A backlog is told within so many looks.
TOLD_AT_ONCE: Final = 8
BACKLOG_LOOKS: Final = 10
_NS: Final = 1e9


@dataclass(slots=True)
class Measurer:
    """One process's eye on the market after its fills. All methods belong to the engine's loop.

    `traded`: what the public traded in a symbol over an interval, where a feed of trades is heard.
    """

    engine: Engine
    traded: Traded = nothing_traded
    _tracker: Tracker = field(init=False)
    _last_ns: dict[str, int] = field(default_factory=dict)
    _collected_ns: int = 0
    _telling: set[str] = field(default_factory=set)
    _has_work: asyncio.Event = field(default_factory=asyncio.Event)
    _task: asyncio.Task[None] | None = None

    def is_measuring(self, order_id: str) -> bool:
        """Whether a measurement of the order is still to become a fact."""
        return order_id in self._telling or self._tracker.is_measuring(order_id)

    async def open(self) -> None:
        """Begins to listen. What was under measurement when an earlier process ended stays unmeasured."""
        ledger = self.engine.ledger
        seed = hash80(ledger.epoch, "still", ledger.seq) & (2**62 - 1)
        self._tracker = Tracker(seed, self.traded)
        self.engine.add_listener(self._on_facts)
        self._task = asyncio.get_running_loop().create_task(self._look_for_ever())

    async def close(self) -> None:
        """Stops looking; what is still owed is lost, and reports will say so."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def _on_facts(self, facts: Sequence[Fact]) -> None:
        try:
            for symbol in self._tracker.symbols_of(facts):
                self._look(symbol, MIN_GAP_NS)
            self._tracker.note(facts)
        except Exception as error:  # noqa: BLE001 - a listener's rim: what is not measured is not worth a stop
            observe.measuring_failed("", repr(error))
        self._has_work.set()

    async def _look_for_ever(self) -> None:
        while True:
            try:
                await self._look_around()
            except Exception as error:  # noqa: BLE001 - a task's rim: trading goes on whatever happens here
                observe.measuring_failed("", repr(error))
                await asyncio.sleep(COLLECT_NS / _NS)

    async def _look_around(self) -> None:
        now_ns = self.engine.now_ns()
        watched = self._tracker.watched(now_ns)
        due = self._tracker.due_symbols(now_ns)
        for symbol in watched:
            self._look(symbol, MIN_GAP_NS if symbol in due else EVERY_NS)
        self._tracker.settle(now_ns)
        n_ready = self._tracker.n_ready(now_ns)
        if n_ready >= TOLD_AT_ONCE or now_ns - self._collected_ns >= COLLECT_NS:
            self._collected_ns = now_ns
            ready = self._tracker.collect(now_ns, max(TOLD_AT_ONCE, n_ready // BACKLOG_LOOKS))
            self._telling = {item.order_id for item in ready}
            await asyncio.gather(*map(self._tell, ready))
            self._telling = set()
        if not watched:
            self._has_work.clear()
            await self._has_work.wait()
        await asyncio.sleep(self._pause_s(self.engine.now_ns()))

    def _pause_s(self, now_ns: int) -> float:
        """Until the next mid is owed, a fiftieth to a tenth of a second: what is read is what was seen before it."""
        due_ns = self._tracker.next_due_ns()
        wait_ns = min(EVERY_NS, due_ns - now_ns) if due_ns else EVERY_NS
        return max(wait_ns, MIN_GAP_NS) / _NS

    def _look(self, symbol: str, gap_ns: int) -> None:
        now_ns = self.engine.now_ns()
        if now_ns - self._last_ns.get(symbol, 0) < gap_ns or symbol not in self.engine.universe.symbols:
            return
        self._last_ns[symbol] = now_ns
        sample = take_sample(self.engine.books(symbol), self.engine.core.world.max_book_age_ns, now_ns)
        self._tracker.take(symbol, sample)

    async def _tell(self, item: Measurement) -> None:
        try:
            await self.engine.ask(MarketMeasured(item))
        except BestexError as error:
            observe.measuring_failed(item.order_id, str(error))
