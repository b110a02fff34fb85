"""Where a journal tells from decides when children leave: at once within its append, by the loop from its thread."""

from __future__ import annotations

import asyncio

from app.domain.enums import Mode
from app.execution import inputs as inp
from tests.services.test_engine import Rig, rig, settle  # noqa: F401
from tests.worlds import make_order


async def test_what_is_durable_within_append_has_left_when_append_returns(rig: Rig) -> None:  # noqa: F811
    sent_then = []

    def told(seq: int) -> None:
        rig.engine.on_durable_from_thread(seq)
        sent_then.append(len(rig.sent))

    rig.journal._on_durable = told
    asking = asyncio.create_task(rig.engine.ask(inp.Submit(make_order(), Mode.PAPER)))
    await settle()
    assert not rig.sent
    rig.journal.flush()  # on the loop's thread, as within append
    assert sent_then == [len(rig.sent)]
    assert rig.sent
    assert isinstance(await asking, inp.Accepted)
    assert not rig.fatal


async def test_what_another_thread_tells_leaves_in_a_pass_of_the_loop(rig: Rig) -> None:  # noqa: F811
    rig.journal._on_durable = rig.engine.on_durable_from_thread
    asking = asyncio.create_task(rig.engine.ask(inp.Submit(make_order(), Mode.PAPER)))
    await settle()
    writing = asyncio.get_running_loop().run_in_executor(None, rig.journal.flush)
    while rig.journal.durable_seq < rig.engine.ledger.seq:
        pass  # the loop stands still: nothing may leave on the writer's thread
    assert not rig.sent
    await writing
    assert isinstance(await asking, inp.Accepted)
    assert rig.sent
    assert not rig.fatal
