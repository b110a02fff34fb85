"""What is asked: orders and their events, symbols, ladders, readiness; pages of what left are in test_pages.py."""

from __future__ import annotations

import pytest

from app.domain.enums import Mode
from app.domain.errors import BadRequest
from app.services.reads import OrderFilter, Reads, Slice
from tests.api.gateway import Gateway, open_gateway, settle
from tests.worlds import make_order


async def fill_some(gateway: Gateway, n_orders: int) -> list[str]:
    ids = []
    for _ in range(n_orders):
        accepted = await gateway.services.submit.place(make_order(), Mode.PAPER)
        ids.append(accepted.fact.order_id)
        await settle()
    return ids


async def every(reads: Reads, part: Slice, wanted: OrderFilter = OrderFilter()) -> list[str]:
    found: list[str] = []
    while True:
        page = await reads.orders("desk", wanted, part)
        found += [record.order_id for record in page.rows]
        if not page.next_cursor:
            return found
        part = Slice(part.limit, page.next_cursor, part.is_ascending)


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
