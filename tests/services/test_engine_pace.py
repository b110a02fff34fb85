"""The engine's commits on a loop as uvloop's, whose call_at gives no timer where half a millisecond or less is left."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from app.domain.fills import ReportKind
from tests.services.test_engine import Rig, one_child, rig
from tests.worlds import report

__all__ = ["rig"]


class PromptLoop:
    """The running loop, but for a time that has all but come: then call_at is call_soon, and its handle has no time."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self.time, self.call_soon, self.create_future = loop.time, loop.call_soon, loop.create_future
        self.create_task = loop.create_task

    def call_at(self, when_s: float, callback: Callable[[], object]) -> asyncio.Handle:
        return self._loop.call_soon(callback)


async def test_a_read_just_before_a_commit_is_due_is_answered(rig: Rig) -> None:
    child = await one_child(rig)
    loop = asyncio.get_running_loop()
    rig.engine._loop = PromptLoop(loop)  # type: ignore[assignment]
    rig.engine.on_report(report(child, ReportKind.ACKED))
    await asyncio.sleep(0)
    assert rig.engine._commit_timer is not None
    rig.engine._last_commit_s = loop.time()
    loop.call_later(0.02, rig.journal.flush)
    await rig.engine.durable()
    assert not rig.fatal
