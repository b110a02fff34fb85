"""A venue's connections are routing input: nothing new where they do not work, cancels and questions all the same."""

# ruff: noqa: F811 - the rig is another file's fixture

from __future__ import annotations

import asyncio

import pytest

from app.domain.enums import ChildState, ExclusionCode, Mode, RefusalCode
from app.domain.errors import OrderRefused
from app.domain.statement import VenueState
from app.execution import inputs as inp
from app.services.engine import HEALTH_EVERY_TICKS, TICK_S
from tests.services.test_engine import Rig, rig, settle  # noqa: F401 - the engine's own rig
from tests.worlds import make_order


async def seen_by_the_engine() -> None:
    await asyncio.sleep((HEALTH_EVERY_TICKS + 2) * TICK_S)


async def test_a_venue_that_is_not_up_gets_no_new_child_but_cancels_and_questions(rig: Rig) -> None:
    asking = asyncio.create_task(rig.engine.ask(inp.Submit(make_order(), Mode.PAPER)))
    await settle()
    rig.journal.flush()
    await settle()
    reply = await asking
    assert isinstance(reply, inp.Accepted)
    child = rig.sent[0]
    rig.venues[child.venue].state = VenueState.DEGRADED
    await seen_by_the_engine()
    barred = rig.engine.preview(make_order(), Mode.PAPER).planned
    assert barred is not None
    assert child.venue not in {a.venue for a in barred.plan.allocations}
    assert (child.venue, ExclusionCode.UNREACHABLE) in {(x.venue, x.code) for x in barred.plan.excluded}
    asking = asyncio.create_task(rig.engine.ask(inp.Cancel("desk", reply.fact.order_id, "desk", "test")))
    await settle()
    rig.journal.flush()
    await asking
    await settle()
    assert child in rig.venues[child.venue].canceled
    rig.venues[child.venue].state = VenueState.UP
    await seen_by_the_engine()
    assert not rig.engine.core.memory.unreachable


async def test_without_a_venue_that_is_up_an_order_is_refused(rig: Rig) -> None:
    for venue in rig.venues.values():
        venue.state = VenueState.DOWN
    await seen_by_the_engine()
    asking = asyncio.create_task(rig.engine.ask(inp.Submit(make_order(), Mode.PAPER)))
    await settle()
    rig.journal.flush()
    with pytest.raises(OrderRefused) as refused:
        await asking
    assert (refused.value.code, refused.value.value) == (RefusalCode.VENUE_UNAVAILABLE, "unreachable")


async def test_a_child_whose_venue_goes_down_before_it_leaves_is_stopped(rig: Rig) -> None:
    asking = asyncio.create_task(rig.engine.ask(inp.Submit(make_order(), Mode.PAPER)))
    await settle()
    rig.engine.core.memory.unreachable.update(rig.venues)
    rig.journal.flush()
    await asking
    await settle()
    assert not rig.sent
    (child,) = (record for record in rig.engine.ledger.parents.values() for record in record.children.values())
    rig.journal.flush()
    await settle()
    assert (child.state, child.code) == (ChildState.REJECTED, "not_sent")
