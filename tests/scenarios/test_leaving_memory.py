"""A whole service with its database: closed orders leave memory, are found, survive a restart, and fill late once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import asyncpg
import pytest

from app.bootstrap import Process
from app.domain.enums import Mode
from app.domain.errors import BadRequest
from app.domain.fills import ExecutionReport, ReportKind
from app.execution.ledger import fold
from app.services.container import Services
from app.services.measure import Measurer
from app.services.reads import OrderFilter, Slice
from app.settings import Settings
from app.store.journal import JournalReader
from app.store.migrate import plain_url
from app.store.refold import write_on
from app.store.statehash import database_hash, ledger_hash
from tests.worlds import make_order

pytestmark = pytest.mark.postgres
DESK = "paper"


async def until(condition: Callable[[], bool], for_s: float = 30) -> None:
    async with asyncio.timeout(for_s):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.02)


def account_of(services: Services) -> str:
    return next(account for account in services.engine.ledger.limits if account)


async def placed(services: Services, n_orders: int, first: int = 0) -> list[str]:
    """Orders that have ended."""
    engine, ids = services.engine, []
    (symbol,) = [name for name in engine.universe.symbols if name == "BTC/USDT"]
    await until(
        lambda: not services.reads.readiness().degraded or bool(services.reads.readiness().symbols[symbol].n_fresh)
    )
    for n in range(first, first + n_orders):
        order = make_order(account=account_of(services), client_order_id=f"n{n}", received_ts_ns=engine.now_ns())
        accepted = await services.submit.place(order, Mode.PAPER)
        await services.submit.wait_done(accepted.fact.order_id, 5_000)
        ids.append(accepted.fact.order_id)
    return ids


async def names_answer(services: Services, account: str, order_id: str) -> None:
    """The name n0 gives its order again; n1 with another body is refused."""
    engine = services.engine
    again = await services.submit.place(
        make_order(account=account, client_order_id="n0", received_ts_ns=engine.now_ns()), Mode.PAPER
    )
    assert again.is_replay
    assert again.fact.order_id == order_id
    with pytest.raises(BadRequest, match="client_order_id_conflict"):
        other = make_order(account=account, client_order_id="n1", qty_units=200)
        await services.submit.place(other, Mode.PAPER)


async def fills_late_once(services: Services, account: str, order_id: str) -> None:
    """A venue's late word on an order that has left, told twice: one fill, in positions and in the cost."""
    engine = services.engine
    record = await services.reads.order(account, order_id)
    child = next(iter(record.children.values())).child
    position = {(venue, symbol): units for venue, symbol, units in services.reads.positions(account)}
    told = ExecutionReport(
        ReportKind.FILLED,
        child.venue,
        child.client_id,
        venue_order_id="late",
        venue_trade_id="late-1",
        price_ticks=child.price_ticks,
        qty_lots=1,
        fee_nano=1,
        fee_currency="USDT",
    )
    engine.on_report(told)
    engine.on_report(told)
    await until(lambda: engine.ledger.n_late_fills == 1 and engine.core.memory.n_duplicate_fills == 1)
    place = (child.venue, child.symbol)
    now = {(venue, symbol): units for venue, symbol, units in services.reads.positions(account)}
    assert now[place] == position[place] + child.side.sign * child.lot_units
    record = await services.reads.order(account, order_id)
    assert record.tca is not None
    assert record.tca.filled_qty_units == record.cum_qty_units


async def test_orders_leave_are_found_and_come_back_through_a_restart(
    tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Measurer, "is_measuring", lambda self, order_id: False)  # a minute is not waited for
    settings = Settings(home=tmp_path / "home", database_url=database_url, keep_closed_s=0.3)
    process = Process(settings)
    services = await process.open()
    try:
        ids = await placed(services, 4)
        account, engine = account_of(services), services.engine
        before = {
            order_id: replace(engine.ledger.parents[order_id]) for order_id in ids if order_id in engine.ledger.parents
        }
        await until(lambda: not any(order_id in engine.ledger.parents for order_id in ids))
        page = await services.reads.orders(account, OrderFilter(), Slice(2))
        assert [record.order_id for record in page.rows] == ids[:1:-1]
        for order_id, record in before.items():
            assert (await services.reads.order(account, order_id)).fills == record.fills
    finally:
        await process.close()
    reader = JournalReader(settings.journal_path)
    assert write_on(reader, settings.journal_path, 300_000_000).n_folded
    reader.close()

    process = Process(settings)
    services = await process.open()
    try:
        engine = services.engine
        assert not any(order_id in engine.ledger.parents for order_id in ids)
        assert (await services.reads.order(account, "client:n0")).order_id == ids[0]
        await names_answer(services, account, ids[0])
        await fills_late_once(services, account, ids[2])
        await until(lambda: services.database.lag_facts == 0)
        await until(lambda: ids[2] not in engine.ledger.parents)
    finally:
        await process.close()
    reader = JournalReader(settings.journal_path)
    whole = fold(reader.replay())
    reader.close()
    connection = await asyncpg.connect(plain_url(database_url))
    try:
        assert await database_hash(connection, settings.shard) == ledger_hash(whole)
    finally:
        await connection.close()
    assert sum(f.fill.venue_trade_id == "late-1" for p in whole.parents.values() for f in p.fills) == 1
