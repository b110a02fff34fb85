"""A child that was reserved leaves before its own facts are durable, and no other does."""

# ruff: noqa: F811 - the rig is another file's fixture

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from app.domain.enums import ChildState, Mode
from app.domain.events import ChildrenReserved, ChildSending, ChildUnknown
from app.domain.fills import ReportKind
from app.execution import inputs as inp
from app.execution.ledger import fold
from app.execution.step import Core
from app.store.memory import MemoryJournal
from tests.services.test_engine import Rig, rig, settle  # noqa: F401 - the engine's own rig
from tests.worlds import flat_book, held_order, report

LIMIT, WITHIN = 5_998_000, 5_997_000


async def wait_near(rig: Rig, client_order_id: str = "c-1", **changes: object) -> str:
    """An order that waits within some basis points, for which children are reserved."""
    rig.desk.core.world = replace(rig.desk.core.world, may_reserve=True)
    order = held_order(limit_price_units=LIMIT, client_order_id=client_order_id, **changes)
    asking = asyncio.create_task(rig.engine.ask(inp.Submit(order, Mode.PAPER)))
    await settle()
    rig.journal.flush()
    reply = await asking
    assert isinstance(reply, inp.Accepted)
    assert rig.engine.ledger.reserved.by_order[reply.fact.order_id].children
    assert not rig.sent
    return reply.fact.order_id


def show(rig: Rig, *venues: str) -> None:
    for n, venue in enumerate(venues):
        rig.engine.on_book(flat_book(venue, WITHIN, rig.desk.now_ns, book_seq=10 + n))


async def test_a_reserved_child_leaves_before_its_facts_are_durable_and_once(rig: Rig) -> None:
    await wait_near(rig)
    n_told = sum(map(len, rig.batches))
    show(rig, "ven_a")
    assert [child.venue for child in rig.sent] == ["ven_a"]
    assert rig.journal.durable_seq < rig.engine.ledger.seq
    assert sum(map(len, rig.batches)) == n_told, "nobody is told before it is durable"
    rig.journal.flush()
    await settle()
    rig.journal.flush()
    assert len(rig.sent) == 1
    told = [fact.event for batch in rig.batches for fact in batch]
    assert [event.child for event in told if isinstance(event, ChildSending)] == rig.sent
    assert not rig.fatal


async def test_it_waits_for_whatever_came_before_it(rig: Rig) -> None:
    await wait_near(rig)
    rig.engine._put(inp.SetBalance("desk", "ven_c", "USDT", 7, "test"), None)
    await settle()
    assert rig.journal.durable_seq < rig.engine.ledger.seq
    show(rig, "ven_a")
    assert not rig.sent
    rig.journal.flush()
    assert [child.venue for child in rig.sent] == ["ven_a"]


async def test_it_waits_for_its_own_reservation(rig: Rig) -> None:
    rig.desk.core.world = replace(rig.desk.core.world, may_reserve=True)
    asking = asyncio.create_task(
        rig.engine.ask(inp.Submit(held_order(limit_price_units=LIMIT, client_order_id="c-1"), Mode.PAPER))
    )
    await settle()
    assert rig.engine.ledger.reserved.by_order
    show(rig, "ven_a")
    assert not rig.sent
    rig.journal.flush()
    await asking
    await settle()
    rig.journal.flush()
    assert [child.venue for child in rig.sent] == ["ven_a"]


async def test_one_that_was_not_reserved_holds_its_whole_turn(rig: Rig) -> None:
    first, second = await wait_near(rig, "c-1"), await wait_near(rig, "c-2", qty_units=300)
    rig.engine.ledger.reserved.note(ChildrenReserved("", second, ()))
    show(rig, "ven_a")
    assert rig.engine.ledger.parents[first].children
    assert rig.engine.ledger.parents[second].children
    assert not rig.sent
    rig.journal.flush()
    assert len(rig.sent) == 2


async def test_the_last_gate_stands_before_it(rig: Rig) -> None:
    order_id = await wait_near(rig)
    rig.desk.core.memory.unreachable.add("ven_a")
    show(rig, "ven_a")
    await settle()
    rig.journal.flush()
    assert not [child for child in rig.sent if child.venue == "ven_a"]
    rig.desk.core.memory.unreachable.clear()
    assert order_id in rig.engine.ledger.open_parents


async def test_a_venue_that_breaks_leaves_it_unknown(rig: Rig) -> None:
    await wait_near(rig)
    rig.venues["ven_a"].breaks = True
    show(rig, "ven_a")
    rig.journal.flush()
    await settle()
    rig.journal.flush()
    (record,) = rig.engine.ledger.live_children.values()
    assert record.state is ChildState.UNKNOWN
    assert record.code == "ConnectionResetError"


async def test_what_left_before_a_log_that_failed_is_asked_about_by_the_next_process(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    order_id = await wait_near(rig)
    durable = [fact for batch in rig.batches for fact in batch]
    n_before = rig.engine.ledger.seq

    def fails(journal: MemoryJournal, facts: object, receipts: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(MemoryJournal, "append", fails)
    show(rig, "ven_a")
    assert [type(error) for error in rig.fatal] == [OSError]
    (child,) = rig.sent
    assert rig.journal.durable_seq == n_before
    monkeypatch.undo()

    ledger = fold([*rig.desk.facts, *durable])
    core = Core(rig.desk.core.world, ledger)
    turn = core.turn([inp.Start("s0", "epoch", "test", Mode.PAPER)], rig.desk.now_ns + 10**9)
    assert len([fact for fact in turn.facts if isinstance(fact.event, ChildUnknown)]) == 3
    asked = core.turn([inp.Tick()], rig.desk.now_ns + 10**9).commands
    found = next(c.child for c in asked if isinstance(c, inp.QueryChild) and c.child.client_id == child.client_id)
    assert found.venue == "ven_a"
    words = [
        report(child, ReportKind.ACKED),
        report(child, ReportKind.FILLED, venue_trade_id="t1", price_ticks=child.price_ticks, qty_lots=child.qty_lots),
    ]
    core.turn([inp.Report(word) for word in words], rig.desk.now_ns + 10**9)
    assert ledger.parents[order_id].cum_qty_units == child.qty_units


async def test_an_engine_that_closes_leaves_no_reservation(rig: Rig) -> None:
    await wait_near(rig)
    closing = asyncio.create_task(rig.engine.close(0.05))
    await settle()
    rig.journal.flush()
    await closing
    rig.journal.flush()
    assert not rig.engine.ledger.reserved.by_order
