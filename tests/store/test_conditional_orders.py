"""Conditional orders in Postgres: equal to the folded log, through restarts of the projection."""

from __future__ import annotations

import asyncpg
import pytest

from app.domain.conditions import Trail
from app.domain.events import Fact, RoutePlanned
from app.execution import inputs as inp
from app.execution.ledger import fold
from app.store import rows
from app.store.memory import MemoryJournal
from app.store.orders import PostgresReads
from app.store.projector import Projection
from app.store.statehash import database_hash, ledger_hash
from tests.conditionals import bracket, definition, end, exhaust, move, oco, stop, taken, trail
from tests.store.projecting import FAST, caught_up
from tests.worlds import make_desk

pytestmark = pytest.mark.postgres


def story() -> tuple[list[Fact], list[tuple[str, bytes]]]:
    """Definitions that wait, trail, trigger, fill, are amended, canceled and done."""
    desk = make_desk()
    receipts: list[tuple[str, bytes]] = []
    turn_of = desk.turn

    def turn(*items: inp.Input) -> inp.Turn:
        taken_turn = turn_of(*items)
        receipts.extend(taken_turn.receipts)
        return taken_turn

    desk.turn = turn  # type: ignore[method-assign]
    kept, _ = taken(desk, definition(trail(Trail(900_000, 0, 0))))
    _, entry = taken(desk, *bracket())
    desk.fill(entry[0])
    first, _ = taken(desk, oco())
    desk.turn(inp.AmendConditional("desk", first.conditional_id, oco(200), 1, "test"))
    canceled, _ = taken(desk, definition(stop(5_800_000)))
    desk.turn(inp.CancelConditional("desk", canceled.conditional_id, "test"))
    children = move(desk, 5_890_000)
    for child in children:
        end(desk, child, 1)
    for _ in range(4):
        exhaust(desk, move(desk, 5_880_000, ms=500))
    for child in move(desk, 5_880_000, ms=5_000):
        desk.fill(child)
    assert not kept.is_done
    return desk.facts, receipts


async def test_the_database_equals_the_log_however_often_the_projection_begins_anew(database_url: str) -> None:
    facts, receipts = story()
    journal = MemoryJournal()
    step = max(1, len(facts) // 7)
    for start in range(0, len(facts), step):
        some = facts[start : start + step]
        named = {f.event.plan.certificate.receipt_sha256 for f in some if isinstance(f.event, RoutePlanned)}
        journal.append(some, [receipt for receipt in receipts if receipt[0] in named])
        projection = Projection(database_url, "0", journal, FAST)
        await projection.open()
        projection.offer(some)
        await caught_up(projection, some[-1].seq)
        await projection.close()
    ledger = fold(facts)
    connection = await asyncpg.connect(database_url)
    try:
        assert await database_hash(connection, "0") == ledger_hash(ledger)
        found = await connection.fetch("select * from conditional_orders order by conditional_id")
    finally:
        await connection.close()
    records = [rows.conditional_record(dict(row)) for row in found]
    assert records == sorted(ledger.definitions.all.values(), key=lambda record: record.conditional_id)
    assert {record.is_done for record in records} == {True, False}
    async with asyncpg.create_pool(database_url, min_size=0) as pool:
        reads = PostgresReads(pool)
        for record in records:
            name = record.accepted.definition.client_order_id
            assert await reads.definition("desk", record.conditional_id) == record
            assert await reads.definition_by_client_id("desk", name) == record
            assert await reads.definition("rival", record.conditional_id) is None
            assert await reads.definition_by_client_id("rival", name) is None
        first, *rest = records
        assert await reads.definitions("desk", 9, cursor=first.conditional_id, is_ascending=True) == rest
        assert await reads.definitions("desk", 1) == records[-1:]
        assert await reads.definitions("desk", 9, is_open=False) == [r for r in records[::-1] if r.is_done]
        assert await reads.definitions("desk", 9, symbol="ETH/USDT") == []


def test_a_definition_changes_the_hash_and_a_log_without_any_hashes_as_ever() -> None:
    desk = make_desk()
    before = ledger_hash(desk.core.ledger).sha256
    assert before == ledger_hash(fold(desk.facts)).sha256
    taken(desk, oco())
    assert ledger_hash(desk.core.ledger).sha256 != before
