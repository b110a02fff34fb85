"""The plan queue of route workers: the supervisor on an event loop, tickets as orders."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from app import observe
from app.domain.ports import FoundSink, SearchJob
from app.shm.slab import AnswerStatus
from app.workers.supervisor import Supervisor

# Deaths and answers wake the loop by themselves; this is for what only time tells: hangs, pauses, patience.
TURN_S: Final = 0.02


@dataclass(slots=True)
class RingPlanQueue:
    """Searches by route workers. Belongs to the loop's thread."""

    supervisor: Supervisor
    _orders: dict[int, tuple[str, int]] = field(default_factory=dict)
    _on_found: FoundSink | None = None
    _timer: asyncio.TimerHandle | None = None
    _n_deaths: int = 0

    async def start(self, on_found: FoundSink) -> None:
        """Workers come up while the service runs; until then nothing is taken."""
        self._on_found = on_found
        self.supervisor.start()
        asyncio.get_running_loop().add_reader(self.supervisor.fileno(), self._turn)
        self._turn_for_ever()

    async def stop(self) -> None:
        """Ends every worker; what is under way is answered with None first, so that no order waits for it."""
        if self._timer is not None:
            self._timer.cancel()
        asyncio.get_running_loop().remove_reader(self.supervisor.fileno())
        self.supervisor.stop()
        orders, self._orders = list(self._orders.values()), {}
        for order_id, wave in orders:
            self._tell(order_id, wave, None)
        self._on_found = None

    def offer(self, job: SearchJob) -> bool:
        ticket = self.supervisor.submit(job.search_number, np.frombuffer(job.words, np.int64))
        if ticket:
            self._orders[ticket] = (job.order_id, job.wave)
        return bool(ticket)

    def _turn_for_ever(self) -> None:
        self._turn()
        self._timer = asyncio.get_running_loop().call_later(TURN_S, self._turn_for_ever)

    def _turn(self) -> None:
        for answer in self.supervisor.turn():
            order_id, wave = self._orders.pop(answer.ticket)
            self._tell(order_id, wave, answer.words.data if answer.status is AnswerStatus.FOUND else None)
        n_deaths = self.supervisor.counts.n_deaths
        if n_deaths != self._n_deaths:
            observe.route_workers_died(n_deaths - self._n_deaths, self.supervisor.n_up)
            self._n_deaths = n_deaths

    def _tell(self, order_id: str, wave: int, words: memoryview | None) -> None:
        if self._on_found is not None:
            self._on_found(order_id, wave, words)
