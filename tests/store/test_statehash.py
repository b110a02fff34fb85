"""Equal states hash equally wherever they lie; any difference in a listed column shows."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import asyncpg
import pytest

from app.domain.events import ChildRejected, Fact
from app.domain.records import CHILD_COLUMNS, FILL_COLUMNS, PARENT_COLUMNS
from app.execution.ledger import Ledger, fold
from app.store.projector import ProjectionState
from app.store.statehash import database_hash, ledger_hash
from tests.store.logs import story_facts
from tests.store.projecting import Log, caught_up, projecting

FACTS, _ = story_facts(500, seed=31)


def test_the_hash_of_nothing_is_known() -> None:
    empty = ledger_hash(Ledger())
    assert (empty.seq, empty.n_parents, empty.n_children, empty.n_fills) == (0, 0, 0, 0)
    heads = (
        b"parent_orders order_id,account,client_order_id,symbol,side,state,done_reason,cum_qty_units,cum_money_nano,"
        b"cum_notional_nano,last_seq\n"
        b"child_orders child_id,order_id,venue,state,price_ticks,qty_lots,cum_qty_units,cum_money_nano,last_seq\n"
        b"fills exec_id,order_id,child_id,venue,venue_trade_id,price_units,qty_units,fee_nano,seq\n"
    )
    assert empty.sha256 == hashlib.sha256(heads).hexdigest()


def test_the_hash_is_of_the_state_and_not_of_the_dictionaries_order() -> None:
    ledger, turned = fold(FACTS), fold(FACTS)
    turned.parents = dict(reversed(turned.parents.items()))
    assert ledger_hash(turned) == ledger_hash(ledger)


def test_every_fact_about_an_order_moves_the_hash() -> None:
    seen: dict[str, int] = {}
    for n_facts in range(len(FACTS)):
        state = ledger_hash(fold(FACTS[:n_facts])).sha256
        if getattr(FACTS[n_facts - 1].event, "order_id", ""):
            assert state not in seen
        seen[state] = n_facts


def test_the_listed_columns_and_the_hashed_values_are_as_many() -> None:
    from app.store.statehash import _ledger_rows

    for columns, lines in zip((PARENT_COLUMNS, CHILD_COLUMNS, FILL_COLUMNS), _ledger_rows(fold(FACTS)), strict=True):
        assert {len(line) for line in lines} == {len(columns)}


@pytest.mark.postgres
async def test_a_difference_in_any_listed_column_shows(database_url: str) -> None:
    log = Log(120, seed=32)
    async with projecting(database_url, log) as projection:
        log.tell_all(projection)
        await caught_up(projection, log.seq)
    connection = await asyncpg.connect(database_url)
    state = await database_hash(connection, "0")
    assert state == ledger_hash(fold(log.facts))
    assert min(state.n_parents, state.n_children, state.n_fills) > 0
    tables = {"parent_orders": PARENT_COLUMNS, "child_orders": CHILD_COLUMNS, "fills": FILL_COLUMNS}
    for table, column in [(table, column) for table, columns in tables.items() for column in columns]:
        key = tables[table][0]
        row_key, value = await connection.fetchrow(f"select {key}, {column} from {table} order by {key} limit 1")
        changed = value + "x" if isinstance(value, str) else value + 1
        await connection.execute(f"update {table} set {column} = $1 where {key} = $2", changed, row_key)
        found = await database_hash(connection, "0")
        assert found.sha256 != state.sha256, f"{table}.{column}"
        assert found.seq == state.seq
        row_key = changed if column == key else row_key
        await connection.execute(f"update {table} set {column} = $1 where {key} = $2", value, row_key)
    assert await database_hash(connection, "0") == state
    await connection.close()


@pytest.mark.postgres
async def test_a_shard_that_was_never_projected_is_at_zero(database_url: str) -> None:
    connection = await asyncpg.connect(database_url)
    assert await database_hash(connection, "0") == ledger_hash(Ledger())
    await connection.close()


@pytest.mark.postgres
async def test_a_venues_nul_and_unicode_neither_stop_the_projection_nor_part_the_hashes(database_url: str) -> None:
    log = Log(0)
    facts, receipts = story_facts(300, seed=33)
    ugly = "a\x00b\\u0000 \u2028 \U0001f600 \"'\\"
    for place, fact in enumerate(facts):
        if fact.event.KIND == "child_filled":
            facts[place] = replace(fact, event=replace(fact.event, venue_trade_id=ugly + fact.event.venue_trade_id))
        elif isinstance(fact.event, ChildRejected):
            facts[place] = replace(fact, event=replace(fact.event, text=ugly))
        elif fact.event.KIND == "route_planned":
            plan = replace(fact.event.plan, symbol=ugly)
            facts[place] = Fact(fact.seq, fact.ts_ns, fact.account_seq, replace(fact.event, plan=plan))
    log.journal = type(log.journal)()
    log.journal.append(facts, list(receipts.items()))
    async with projecting(database_url, log) as projection:
        await caught_up(projection, len(facts))
        assert projection.state is not ProjectionState.FAILED
    connection = await asyncpg.connect(database_url)
    assert await database_hash(connection, "0") == ledger_hash(fold(facts))
    await connection.close()
