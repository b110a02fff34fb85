"""Orders of two quote currencies in the log's older versions and in Postgres: the same state whoever folds them."""

from __future__ import annotations

from dataclasses import replace

import asyncpg
import pytest

from app.domain.enums import ParentState
from app.domain.events import OrderAccepted, RoutePlanned
from app.domain.fills import ReportKind
from app.execution import inputs as inp
from app.execution.ledger import fold
from app.execution.working_set import adopt, release
from app.store.codec import decode
from app.store.memory import MemoryJournal
from app.store.projector import Projection
from app.store.statehash import database_hash, ledger_hash
from tests.pool_desk import PoolDesk, pool_desk, pool_order, sell, without_pool
from tests.store import named
from tests.store.projecting import FAST, caught_up


def story() -> PoolDesk:
    """A buy, a sale and a plain order that fill, one that is canceled, and a fill that comes when that is done."""
    desk = pool_desk()
    for order in (pool_order(qty_units=8_000), sell(qty_units=3_000), without_pool(pool_order())):
        _, children = desk.accepted(order)
        for child in children:
            desk.fill_at(child, child.price_ticks, fee_nano=1_000_001)
    parent, children = desk.accepted(pool_order(qty_units=5_000))
    for child in children:
        desk.fill_at(child, child.price_ticks, lots=1)
    desk.turn(inp.Cancel("desk", parent.order_id, "desk", "enough"))
    for child in children:
        desk.report(child, ReportKind.CANCELED, cum_qty_lots=1)
    assert parent.state is ParentState.DONE
    desk.fill_at(children[0], children[0].price_ticks, lots=1)
    assert desk.core.ledger.n_late_fills == 1
    return desk


def test_facts_of_older_versions_have_no_pool() -> None:
    desk = pool_desk()
    desk.accepted(without_pool(pool_order()))
    (accepted,) = [fact.event for fact in desk.facts if isinstance(fact.event, OrderAccepted)]
    plain = named.plain(accepted)
    del plain["foretold"]
    for name in ("quote_pool", "schedule", "sweep"):
        assert plain["order"].pop(name) is None
    assert decode(OrderAccepted.KIND, 1, named.body(plain)) == replace(accepted, foretold=None)
    (planned,) = [fact.event for fact in desk.facts if isinstance(fact.event, RoutePlanned)]
    plain = named.plain(planned)
    assert plain["plan"].pop("conversions") == []
    assert decode(RoutePlanned.KIND, 2, named.body(plain)) == planned


def test_letting_an_order_go_and_taking_it_back_changes_nothing() -> None:
    ledger = fold(story().facts)
    assert ledger.fill_keys
    for order_id, parent in list(ledger.parents.items()):
        keys = set(ledger.fill_keys)
        release(ledger, order_id)
        adopt(ledger, parent)
        assert ledger.fill_keys == keys
        release(ledger, order_id)
    assert not ledger.fill_keys


@pytest.mark.postgres
@pytest.mark.parametrize("keep_done_ns", [FAST.keep_done_ns, 1])
async def test_the_database_holds_what_the_log_adds_up_to(database_url: str, keep_done_ns: int) -> None:
    """Also where done orders are let go and taken back from their rows."""
    desk, journal = story(), MemoryJournal()
    projection = Projection(database_url, "0", journal, replace(FAST, keep_done_ns=keep_done_ns, max_batch_facts=3))
    await projection.open()
    try:
        for fact in desk.facts:
            journal.append([fact], [])
            projection.offer([fact])
            if fact.seq % 10 == 0:
                await caught_up(projection, fact.seq)
        await caught_up(projection, desk.facts[-1].seq)
        assert projection.error == ""
        ledger = fold(desk.facts)
        for parent in ledger.parents.values():
            found = await projection.reads.order(parent.account, parent.order_id)
            assert found is not None
            # A cost that a late fill rewrote is not rewritten in its row, whatever the currency.
            is_rewritten = any(record.fill.is_late for record in parent.fills)
            assert replace(found, tca=parent.tca if is_rewritten else found.tca) == parent
        connection = await asyncpg.connect(database_url)
        try:
            assert await database_hash(connection, "0") == ledger_hash(ledger)
        finally:
            await connection.close()
    finally:
        await projection.close()
