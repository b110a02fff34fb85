"""The plan queue without processes: a search is made where it is offered, and its answer comes with the next breath."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from app.domain.ports import FoundSink, SearchJob
from app.routing import search

Later = Callable[[Callable[[], None]], None]


class InlinePlanQueue:
    """Searches in this process. `later` runs a function once the caller is done: `loop.call_soon` in a service."""

    def __init__(self, later: Later) -> None:
        self._later = later
        self._on_found: FoundSink | None = None
        self._waiting: list[SearchJob] = []

    async def start(self, on_found: FoundSink) -> None:
        self._on_found = on_found

    async def stop(self) -> None:
        """What waits is answered with None, so that no order waits for it."""
        on_found, self._on_found = self._on_found, None
        waiting, self._waiting = self._waiting, []
        for job in waiting:
            if on_found is not None:
                on_found(job.order_id, job.wave, None)

    def offer(self, job: SearchJob) -> bool:
        """Always takes it while started; a search that breaks is answered with None, as a worker would."""
        if self._on_found is None:
            return False
        self._waiting.append(job)
        self._later(self._search_next)
        return True

    def _search_next(self) -> None:
        on_found = self._on_found
        if on_found is None or not self._waiting:
            return
        job = self._waiting.pop(0)
        try:
            found = search.answer(job.search_number, np.frombuffer(job.words, np.int64)).data
        except Exception:  # noqa: BLE001 - the rim that a worker's process would be
            found = None
        on_found(job.order_id, job.wave, found)
