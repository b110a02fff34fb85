"""A whole process on a folder: first start, an order, a stop, the next start."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from app.bootstrap import Process
from app.domain.enums import Mode, OrderStatus
from app.domain.errors import InvariantBroken
from app.execution.ledger import fold
from app.services.container import Services
from app.settings import Settings
from app.store.journal import JournalReader
from app.store.lock import JournalInUse
from app.store.statehash import ledger_hash
from tests.worlds import make_order


async def place(services: Services, client_order_id: str) -> str:
    order = make_order(account="demo", client_order_id=client_order_id, qty_units=5_000)
    accepted = await services.submit.place(order, Mode.PAPER)
    await services.submit.wait_done(accepted.fact.order_id, 5_000)
    return accepted.fact.order_id


async def wait_for_books(services: Services) -> None:
    import asyncio

    for _ in range(200):
        if services.engine.books("BTC/USDT").book_seq.all():
            return
        await asyncio.sleep(0.02)
    raise TimeoutError("no books")


async def test_a_life_of_one_home_folder(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "home", replica_path=tmp_path / "second" / "journal.db")
    settings.replica_path.parent.mkdir()  # type: ignore[union-attr]
    process = Process(settings)
    services = await process.open()
    try:
        await wait_for_books(services)
        order_id = await place(services, "first")
        assert services.engine.ledger.parents[order_id].status is OrderStatus.FILLED
        with pytest.raises(JournalInUse):
            await Process(settings).open()
    finally:
        await process.close()
    for name in ("demo.key", "operator.key"):
        assert stat.S_IMODE((settings.home / name).stat().st_mode) == 0o600
    first = ledger_hash(services.engine.ledger)

    again = Process(settings)
    services = await again.open()
    try:
        assert services.engine.ledger.parents[order_id].status is OrderStatus.FILLED
        await wait_for_books(services)
        assert await place(services, "first") == order_id
        assert len(services.engine.ledger.keys) == 2
    finally:
        await again.close()
    assert ledger_hash(services.engine.ledger).sha256 == first.sha256

    for path in (settings.journal_path, settings.replica_path):
        assert path is not None
        reader = JournalReader(path)
        assert ledger_hash(fold(reader.replay())) == ledger_hash(services.engine.ledger)
        reader.close()


async def test_a_venue_address_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvariantBroken):
        await Process(Settings(home=tmp_path, venues="somewhere")).open()
