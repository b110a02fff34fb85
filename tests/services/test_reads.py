"""What is asked: pages that merge memory and database exactly, ladders, readiness."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain.enums import Mode
from app.domain.errors import BadRequest, Unavailable
from app.domain.records import ParentRecord
from app.services.reads import OrderFilter, Reads, Slice
from tests.api.gateway import Gateway, open_gateway, settle
from tests.worlds import make_order


@dataclass
class Archive:
    """A database that holds what the test moves into it."""

    rows: dict[str, ParentRecord] = field(default_factory=dict)
    is_down: bool = False
    n_asked: int = 0

    async def order(self, account: str, order_id: str) -> ParentRecord | None:
        self.n_asked += 1
        if self.is_down:
            raise Unavailable("history_unavailable", "away")
        record = self.rows.get(order_id)
        return record if record is not None and record.account == account else None


async def fill_some(gateway: Gateway, n_orders: int) -> list[str]:
    ids = []
    for _ in range(n_orders):
        accepted = await gateway.services.submit.place(make_order(), Mode.PAPER)
        ids.append(accepted.fact.order_id)
        await settle()
    return ids


def let_go(gateway: Gateway, archive: Archive, ids: list[str]) -> None:
    for order_id in ids:
        archive.rows[order_id] = gateway.engine.ledger.parents.pop(order_id)


async def every(reads: Reads, part: Slice, wanted: OrderFilter = OrderFilter()) -> list[str]:
    found: list[str] = []
    while True:
        page = await reads.orders("desk", wanted, part)
        found += [record.order_id for record in page.rows]
        if not page.next_cursor:
            return found
        part = Slice(part.limit, page.next_cursor, part.is_ascending)


@settings(max_examples=12, deadline=None)
@given(gone=st.sets(st.integers(0, 8)), limit=st.integers(1, 10), is_ascending=st.booleans())
async def test_pages_merge_memory_and_database_exactly(gone: set[int], limit: int, is_ascending: bool) -> None:
    archive = Archive()
    async with open_gateway(history=archive) as gateway:
        ids = await fill_some(gateway, 9)
        let_go(gateway, archive, [ids[i] for i in gone])
        reads = gateway.services.reads
        assert await every(reads, Slice(limit, "", is_ascending)) == (ids if is_ascending else ids[::-1])
        fills = await reads.executions("desk", OrderFilter(), Slice(200, "", is_ascending))
        seqs = [row.fill.account_seq for row in fills.rows]
        assert seqs == sorted(seqs, reverse=not is_ascending)
        assert {row.order.order_id for row in fills.rows} == set(ids)
        for order_id in ids:
            assert (await reads.order("desk", order_id)).order_id == order_id


async def test_with_the_database_down_memory_answers_and_history_is_refused() -> None:
    archive = Archive(is_down=True)
    async with open_gateway(history=archive) as gateway:
        ids = await fill_some(gateway, 4)
        let_go(gateway, archive, ids[:1])
        reads = gateway.services.reads
        assert (await reads.order("desk", ids[3])).order_id == ids[3]
        assert [r.order_id for r in (await reads.orders("desk", OrderFilter(), Slice(2))).rows] == [ids[3], ids[2]]
        assert archive.n_asked == 0
        with pytest.raises(Unavailable, match="history_unavailable"):
            await reads.order("desk", ids[0])
        with pytest.raises(Unavailable, match="history_unavailable"):
            await reads.orders("desk", OrderFilter(), Slice(4))
        assert (await reads.orders("desk", OrderFilter(is_open=True), Slice(4))).rows == []


async def test_a_foreign_order_costs_the_database_nothing() -> None:
    archive = Archive()
    async with open_gateway(history=archive) as gateway:
        (order_id,) = await fill_some(gateway, 1)
        let_go(gateway, archive, [order_id])
        for account, reference in (("rival", order_id), ("desk", "ord_none"), ("desk", "client:none"), ("desk", "")):
            with pytest.raises(BadRequest, match="not_found"):
                await gateway.services.reads.order(account, reference)
        assert archive.n_asked == 0


async def test_a_new_process_knows_the_orders_of_the_log() -> None:
    async with open_gateway() as gateway:
        ids = await fill_some(gateway, 5)
        again = Reads(gateway.engine, None, gateway.journal)
        assert await every(again, Slice(2)) == ids[::-1]
        assert len((await again.executions("desk", OrderFilter(), Slice(200))).rows) >= 5


async def test_an_orders_events_are_its_facts_alone() -> None:
    async with open_gateway() as gateway:
        first, second = await fill_some(gateway, 2)
        record = gateway.engine.ledger.parents[first]
        items = await gateway.services.reads.order_events(record)
        assert items[0].fact.event.KIND == "order_accepted"
        assert items[-1].order is not None
        assert items[-1].order.status == "filled"
        assert all(item.order.accepted.order_id == first for item in items if item.order)
        facts = [f for f in gateway.journal.read(0, 10_000) if getattr(f.event, "order_id", "") == first]
        assert [i.fact for i in items if getattr(i.fact.event, "order_id", "")] == facts
        assert second not in str([item.fact for item in items])


async def test_cursors_of_numbers_are_numbers() -> None:
    async with open_gateway() as gateway:
        for cursor in ("x", "-1", "１", "9" * 19):
            with pytest.raises(BadRequest, match="cursor"):
                gateway.services.reads.refusals("desk", Slice(1, cursor))


async def test_symbols_are_known_by_loose_names_where_unique() -> None:
    async with open_gateway() as gateway:
        reads = gateway.services.reads
        names = ["BTC/USDT", "BTC-USDT", "BTCUSDT", "btc_usdt", "B/T/C USDT"]
        assert {reads.symbol(name).name for name in names} == {"BTC/USDT"}
        assert reads.symbol("BTCUSD") is None
        with pytest.raises(BadRequest, match="unknown_symbol"):
            reads.known_symbol("BTCUSD", "/symbol")
