"""What Postgres answers is what memory would, for the owner and nobody else, page after page."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import asyncpg
import pytest

from app.domain.enums import ParentState
from app.domain.errors import Unavailable
from app.domain.events import OrderRefused, RefusalsAggregated, fill_key
from app.execution.ledger import Ledger, fold
from app.store.orders import PostgresReads, load_parents
from tests.conftest import new_database, run_apart
from tests.store.projecting import Log, caught_up, projecting

pytestmark = pytest.mark.postgres
ACCOUNT = "desk-a"
LOG = Log(2_500, seed=28)
LOG.tell_all()
LEDGER: Ledger = fold(LOG.facts)
MINE = {order_id: parent for order_id, parent in LEDGER.parents.items() if parent.account == ACCOUNT}
FOREIGN = next(parent for parent in LEDGER.parents.values() if parent.account != ACCOUNT and parent.fills)


@pytest.fixture(scope="module")
def filled_url(postgres_template: str) -> Iterator[str]:
    """A database that holds the whole log."""

    async def fill(url: str) -> None:
        async with projecting(url, LOG) as projection:
            await caught_up(projection, LOG.seq)

    with new_database(postgres_template) as url:
        run_apart(fill(url))
        yield url


@pytest.fixture
async def reads(filled_url: str) -> AsyncIterator[PostgresReads]:
    async with asyncpg.create_pool(filled_url, min_size=0) as pool:
        yield PostgresReads(pool)


async def test_one_order_by_either_id_is_the_record_of_memory(reads: PostgresReads) -> None:
    for parent in MINE.values():
        assert await reads.order(ACCOUNT, parent.order_id) == parent
    parent = next(iter(MINE.values()))
    assert await reads.order_by_client_id(ACCOUNT, parent.accepted.order.client_order_id) == parent
    assert await reads.order(ACCOUNT, "ord_none") is None
    assert await reads.order_by_client_id(ACCOUNT, "none") is None


async def test_nothing_of_a_foreign_order_is_answered(reads: PostgresReads) -> None:
    order_id = FOREIGN.order_id
    assert await reads.order(FOREIGN.account, order_id) == FOREIGN
    assert await reads.order(ACCOUNT, order_id) is None
    assert await reads.order_by_client_id(ACCOUNT, FOREIGN.accepted.order.client_order_id) is None
    assert await reads.children(ACCOUNT, order_id) == []
    assert await reads.fills(ACCOUNT, order_id) == []
    assert await reads.routes(ACCOUNT, order_id) == []
    assert await reads.receipt(ACCOUNT, FOREIGN.route_id) is None
    assert await reads.tca(ACCOUNT, order_id) is None
    assert all(fill.fill.account == ACCOUNT for fill in await reads.account_fills(ACCOUNT, 10_000))
    assert all(fact.account == ACCOUNT for fact in await reads.refusals(ACCOUNT, 10_000))


async def test_the_parts_of_an_order(reads: PostgresReads) -> None:
    parent = max(MINE.values(), key=lambda parent: len(parent.fills))
    assert await reads.children(ACCOUNT, parent.order_id) == list(parent.children.values())
    assert await reads.fills(ACCOUNT, parent.order_id) == parent.fills
    assert await reads.routes(ACCOUNT, parent.order_id) == parent.routes
    sha256 = parent.routes[0][1].plan.certificate.receipt_sha256
    assert await reads.receipt(ACCOUNT, parent.route_id) == LOG.receipts[sha256]
    assert await reads.tca(ACCOUNT, parent.order_id) == parent.tca


@pytest.mark.parametrize("is_ascending", [False, True])
@pytest.mark.parametrize("is_open", [None, True, False])
@pytest.mark.parametrize("symbol", ["", "BTC/USDT"])
async def test_pages_of_orders_hold_each_once_in_order(
    reads: PostgresReads, is_ascending: bool, is_open: bool | None, symbol: str
) -> None:
    wanted = sorted(
        (
            p
            for p in MINE.values()
            if (not symbol or p.accepted.order.symbol == symbol)
            and (is_open is None or (p.state is not ParentState.DONE) is is_open)
        ),
        key=lambda p: p.order_id,
        reverse=not is_ascending,
    )
    found, cursor = [], ""
    while page := await reads.orders(
        ACCOUNT, 7, cursor=cursor, is_open=is_open, symbol=symbol, is_ascending=is_ascending
    ):
        found += page
        cursor = page[-1].order_id
    assert found == wanted


@pytest.mark.parametrize("is_ascending", [False, True])
async def test_pages_of_fills_hold_each_once_in_order(reads: PostgresReads, is_ascending: bool) -> None:
    wanted = sorted(
        (fill for parent in MINE.values() for fill in parent.fills),
        key=lambda fill: fill.account_seq,
        reverse=not is_ascending,
    )
    found, cursor = [], 0
    while page := await reads.account_fills(ACCOUNT, 11, cursor=cursor, is_ascending=is_ascending):
        found += page
        cursor = page[-1].account_seq
    assert found == wanted
    of_one_symbol = await reads.account_fills(ACCOUNT, 10_000, symbol="ETH/USDT", is_ascending=is_ascending)
    assert of_one_symbol == [fill for fill in wanted if fill.fill.symbol == "ETH/USDT"]


@pytest.mark.parametrize("is_ascending", [False, True])
async def test_pages_of_refusals_are_the_facts(reads: PostgresReads, is_ascending: bool) -> None:
    kinds = (OrderRefused, RefusalsAggregated)
    wanted = [fact for fact in LOG.facts if fact.account == ACCOUNT and isinstance(fact.event, kinds)]
    found, cursor = [], 0
    while page := await reads.refusals(ACCOUNT, 2, cursor=cursor, is_ascending=is_ascending):
        found += page
        cursor = page[-1].account_seq
    assert found == (wanted if is_ascending else wanted[::-1])
    assert {type(fact.event) for fact in found} == set(kinds)


async def test_orders_are_loaded_by_owner_and_id(reads: PostgresReads, filled_url: str) -> None:
    connection = await asyncpg.connect(filled_url)
    some = list(MINE.values())[:5]
    pairs = [(parent.account, parent.order_id) for parent in some]
    found = await load_parents(connection, [*pairs, (ACCOUNT, FOREIGN.order_id), (ACCOUNT, "ord_none")])
    assert found == {parent.order_id: parent for parent in some}
    await connection.close()


async def test_a_database_that_is_away_is_unavailable() -> None:
    pool = await asyncpg.create_pool("postgresql://bestex:x@127.0.0.1:1/bestex", min_size=0)
    with pytest.raises(Unavailable) as refused:
        await PostgresReads(pool).order(ACCOUNT, "ord_1")
    assert refused.value.code == "history_unavailable"
    await pool.close()


async def test_an_order_is_found_by_what_venues_know_of_it(reads: PostgresReads) -> None:
    for parent in list(MINE.values())[:20]:
        for record in parent.children.values():
            assert await reads.order_of_child(record.child.client_id) == parent
        for fill in parent.fills:
            assert await reads.order_of_fill(fill.fill.key) == parent
            *names, is_buy = fill_key(*fill.fill.key[:4], sign=fill.fill.signed_qty_units)
            assert (await reads.order_of_fill((*names, not is_buy))) is None  # type: ignore[arg-type]
    assert await reads.order_of_child("none") is None
    found = await reads.orders_by_id(ACCOUNT, [*MINE, FOREIGN.order_id, "ord_none"])
    assert found == MINE
