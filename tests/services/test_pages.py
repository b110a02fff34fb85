"""Pages that merge memory and database exactly, and what of them the database is asked for."""

from __future__ import annotations

from itertools import pairwise

import pytest

from app.domain.enums import Mode
from app.domain.errors import BadRequest, Unavailable
from app.execution.settling import Left
from app.execution.working_set import put_away
from app.services.pages import OrderFilter, Slice, cut, numbered
from app.services.reads import Reads
from tests.api.gateway import Gateway, open_gateway
from tests.rows_twin import RowsTwin
from tests.services.test_reads import every, fill_some
from tests.worlds import held_order

KEEP_NS = 10**18  # nothing leaves by itself here


def let_go(gateway: Gateway, ids: list[str]) -> None:
    ledger = gateway.engine.ledger
    parents = [ledger.parents[order_id] for order_id in ids]
    for parent in parents:
        put_away(ledger, parent)
    gateway.services.reads.forget(Left(tuple(parents)))


def rows_of(gateway: Gateway) -> RowsTwin:
    assert gateway.rows is not None
    return gateway.rows


async def every_fill(reads: Reads, part: Slice) -> list[tuple[int, str]]:
    found: list[tuple[int, str]] = []
    while True:
        page = await reads.executions("desk", OrderFilter(), part)
        found += [(row.fill.account_seq, row.order.order_id) for row in page.rows]
        if not page.next_cursor:
            return found
        part = Slice(part.limit, page.next_cursor, part.is_ascending)


@pytest.mark.parametrize("gone", [(), (0,), (8,), (0, 1, 2, 3), (1, 4, 7), (5, 6, 7, 8), tuple(range(9))])
async def test_pages_merge_memory_and_database_exactly(gone: tuple[int, ...]) -> None:
    async with open_gateway(keep_ns=KEEP_NS) as gateway:
        ids, reads = await fill_some(gateway, 9), gateway.services.reads
        fills = await every_fill(reads, Slice(200, is_ascending=True))
        assert {order_id for _, order_id in fills} == set(ids)
        assert all(a < b for (a, _), (b, _) in pairwise(fills))
        let_go(gateway, [ids[i] for i in gone])
        for limit in (1, 2, 4, 9, 10):
            for is_ascending in (True, False):
                step = 1 if is_ascending else -1
                assert await every(reads, Slice(limit, "", is_ascending)) == ids[::step]
                assert await every_fill(reads, Slice(limit, "", is_ascending)) == fills[::step]
                closed = OrderFilter("BTC/USDT", is_open=False)
                assert await every(reads, Slice(limit, "", is_ascending), closed) == ids[::step]
        for order_id in ids:
            assert (await reads.order("desk", order_id)).order_id == order_id
            name = (await reads.order("desk", order_id)).accepted.order.client_order_id
            assert (await reads.order("desk", f"client:{name}")).order_id == order_id


async def test_with_the_database_down_memory_answers_and_history_is_refused() -> None:
    async with open_gateway(keep_ns=KEEP_NS) as gateway:
        ids, reads, rows = await fill_some(gateway, 4), gateway.services.reads, rows_of(gateway)
        let_go(gateway, ids[:1])
        rows.is_down, n_before = True, rows.n_asked
        assert (await reads.order("desk", ids[3])).order_id == ids[3]
        assert [r.order_id for r in (await reads.orders("desk", OrderFilter(), Slice(2))).rows] == [ids[3], ids[2]]
        assert (await reads.orders("desk", OrderFilter(is_open=True), Slice(4))).rows == []
        newest = await reads.orders("desk", OrderFilter(), Slice(9, ids[0], is_ascending=True))
        assert [r.order_id for r in newest.rows] == ids[1:]
        assert rows.n_asked == n_before
        with pytest.raises(Unavailable, match="history_unavailable"):
            await reads.order("desk", ids[0])
        with pytest.raises(Unavailable, match="history_unavailable"):
            await reads.orders("desk", OrderFilter(), Slice(4))


async def test_a_foreign_order_costs_the_database_nothing() -> None:
    async with open_gateway(keep_ns=KEEP_NS) as gateway:
        (order_id,) = await fill_some(gateway, 1)
        let_go(gateway, [order_id])
        n_before = rows_of(gateway).n_asked
        for account, reference in (("rival", order_id), ("desk", "ord_none"), ("desk", "client:none"), ("desk", "")):
            with pytest.raises(BadRequest, match="not_found"):
                await gateway.services.reads.order(account, reference)
        assert rows_of(gateway).n_asked == n_before


async def test_what_left_before_this_process_is_asked_for() -> None:
    async with open_gateway(keep_ns=KEEP_NS) as gateway:
        ids = await fill_some(gateway, 3)
        let_go(gateway, ids[:2])
        again = Reads(gateway.engine, gateway.rows, gateway.journal)
        assert await every(again, Slice(2)) == ids[::-1]
        assert {order_id for _, order_id in await every_fill(again, Slice(2))} == set(ids)
        assert (await again.order("desk", ids[0])).order_id == ids[0]


async def test_an_order_that_came_back_is_shown_once() -> None:
    async with open_gateway(keep_ns=KEEP_NS) as gateway:
        ids, reads = await fill_some(gateway, 3), gateway.services.reads
        fills = await every_fill(reads, Slice(2))
        let_go(gateway, ids)
        assert gateway.archive is not None
        assert await gateway.archive.order("desk", ids[1]) is gateway.engine.ledger.parents[ids[1]]
        assert await every(reads, Slice(1)) == ids[::-1]
        assert await every_fill(reads, Slice(2)) == fills
        let_go(gateway, [ids[1]])
        assert await every_fill(reads, Slice(2)) == fills


async def test_open_orders_are_memorys_alone() -> None:
    async with open_gateway(keep_ns=KEEP_NS) as gateway:
        ids = await fill_some(gateway, 2)
        let_go(gateway, ids)
        held = await gateway.services.submit.place(held_order(limit_price_units=5_900_000), Mode.PAPER)
        rows_of(gateway).is_down = True
        page = await gateway.services.reads.orders("desk", OrderFilter(is_open=True), Slice(5))
        assert [record.order_id for record in page.rows] == [held.fact.order_id]


def test_a_page_is_cut_where_there_is_more() -> None:
    assert cut([1, 2, 3], 2, str).next_cursor == "2"
    assert cut([1, 2], 2, str).next_cursor == ""
    assert numbered(Slice(1)) == 0
    with pytest.raises(BadRequest, match="cursor"):
        numbered(Slice(1, "x"))
