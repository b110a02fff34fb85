"""What waits for a ride goes at once when somebody asks for it."""

from __future__ import annotations

import asyncio

from app.domain.fills import ReportKind
from tests.services.test_engine import Rig, one_child, rig
from tests.worlds import report

__all__ = ["rig"]


async def test_a_read_of_what_waits_for_a_ride_brings_its_commit(rig: Rig) -> None:
    child = await one_child(rig)
    rig.engine.on_report(report(child, ReportKind.ACKED))
    await asyncio.sleep(0)
    assert rig.engine._commit_timer is not None
    free = rig.journal.free_facts
    reading = asyncio.create_task(rig.engine.durable())
    await asyncio.sleep(0)
    assert rig.journal.free_facts < free
    assert rig.engine._commit_timer is None
    rig.journal.flush()
    await asyncio.wait_for(reading, 5)
    assert not rig.fatal
