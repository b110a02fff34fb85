"""Postgres stopped under load: no order refused, everything caught up afterwards."""

from __future__ import annotations

import asyncio
from pathlib import Path

import httpx
import pytest

from app.execution.ledger import fold
from app.store.journal import JournalReader
from app.store.migrate import upgrade
from app.store.statehash import ledger_hash
from app.workers.postgres import EmbeddedPostgres
from tests.faults.checker import check_all, read_log, read_venues
from tests.faults.harness import Desk, Gateway, Venues, database_state


async def caught_up(gateway: Gateway, timeout_s: float = 60) -> None:
    """Until no order is open and the rows are as far as the log."""
    headers = {"Authorization": f"Bearer {gateway.key}"}
    async with httpx.AsyncClient(base_url=gateway.url, headers=headers, timeout=20) as client:
        for _ in range(int(timeout_s / 0.1)):
            open_orders = (await client.get("/v1/orders", params={"status": "open", "limit": 5})).json()["data"]
            if not open_orders and (await client.get("/readyz")).json()["database_lag_facts"] == 0:
                return
            await asyncio.sleep(0.1)
    raise TimeoutError("the rows did not come up with the log")


@pytest.mark.timeout(600)
@pytest.mark.parametrize("outage_s", [4, pytest.param(60, marks=pytest.mark.soak)])
async def test_orders_flow_while_postgres_is_down_and_all_is_projected_after(tmp_path: Path, outage_s: int) -> None:
    venues = Venues(tmp_path / "venues")
    postgres = EmbeddedPostgres(tmp_path / "pg")
    url = await asyncio.to_thread(postgres.start)
    await asyncio.to_thread(upgrade, url)
    gateway = Gateway(tmp_path / "home", venues, url)
    try:
        venues.start()
        gateway.start()
        await gateway.ready()
        desk = Desk(gateway, seed=3)
        stop = asyncio.Event()
        loading = asyncio.create_task(desk.load(30, stop))
        await asyncio.sleep(1)
        await asyncio.to_thread(postgres.crash)
        await asyncio.sleep(outage_s)
        n_during = len(desk.acks)
        async with httpx.AsyncClient(base_url=gateway.url, timeout=20) as client:
            assert (await client.get("/readyz")).status_code == 200
        again = await asyncio.to_thread(postgres.start)
        assert again == url, "the database must come back at the same address"
        await asyncio.sleep(1)
        stop.set()
        await loading
        await caught_up(gateway)
        gateway.stop()
        log = read_log(gateway.home / "journal.db")
        reader = JournalReader(gateway.home / "journal.db")
        ledger = fold(reader.replay())
        reader.close()
        projected = await database_state(url)
    finally:
        gateway.close()
        venues.stop()
        await asyncio.to_thread(postgres.stop)
    assert n_during > 10 * outage_s, "orders must flow, at the load's rate on a machine that has time for it"
    assert not desk.refused
    assert not desk.unsure
    assert check_all(log, read_venues(tmp_path / "venues"), desk.acks) == []
    assert projected == ledger_hash(ledger)
