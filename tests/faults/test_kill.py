"""kill -9 of the service under load, venues in their own process: nothing acknowledged is lost, nothing doubled.

15 kills in every run; 300 in `make soak`, over three logs. The oracle is checker.py with the venues' ledgers.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from app.execution.ledger import fold
from app.store.journal import JournalReader
from app.store.statehash import ledger_hash
from tests.faults.checker import check_all, check_stream, phase_of_each, read_log, read_venues
from tests.faults.harness import Desk, Gateway, Listener, Venues, database_state


@dataclass
class Campaign:
    """One gateway's life with many deaths."""

    gateway: Gateway
    desk: Desk
    orders: Listener
    fills: Listener
    phases: Counter[str] = field(default_factory=Counter)
    ready_s: list[float] = field(default_factory=list)

    async def run(self, n_kills: int, rng: random.Random) -> None:
        stop = asyncio.Event()
        self.gateway.start()
        await self.gateway.ready()
        listening = [asyncio.create_task(listener.follow(stop)) for listener in (self.orders, self.fills)]
        for _ in range(n_kills):
            pause = asyncio.Event()
            loading = asyncio.create_task(self.desk.load(60, pause))
            await asyncio.sleep(rng.uniform(0.1, 0.6))
            self.gateway.kill()
            pause.set()
            await loading
            self.phases += phase_of_each(read_log(self.gateway.home / "journal.db"))
            self.gateway.start()
            self.ready_s.append(await self.gateway.ready())
        pause = asyncio.Event()
        loading = asyncio.create_task(self.desk.load(60, pause))
        await asyncio.sleep(0.5)
        pause.set()
        await loading
        await self.quiet()
        await asyncio.sleep(1.2)  # one heartbeat: the listeners have everything
        stop.set()
        await asyncio.wait_for(asyncio.gather(*listening), 10)

    async def quiet(self, timeout_s: float = 40) -> None:
        """Until no order is open and every unsure client id was asked about again."""
        headers = {"Authorization": f"Bearer {self.gateway.key}"}
        async with httpx.AsyncClient(base_url=self.gateway.url, headers=headers, timeout=20) as client:
            for client_order_id in self.desk.unsure:
                await self.desk.post(client, client_order_id)
            for _ in range(int(timeout_s / 0.1)):
                page = (await client.get("/v1/orders", params={"status": "open", "limit": 5})).json()
                if not page["data"]:
                    return
                await asyncio.sleep(0.1)
            raise TimeoutError(f"orders still open: {page['data']}")


@pytest.mark.timeout(3_000)
@pytest.mark.parametrize(
    ("n_kills", "seed"), [(15, 11), *(pytest.param(100, seed, marks=pytest.mark.soak) for seed in (21, 22, 23))]
)
async def test_nothing_is_lost_or_doubled_by_kills(tmp_path: Path, database_url: str, n_kills: int, seed: int) -> None:
    venues = Venues(tmp_path / "venues")
    gateway = Gateway(tmp_path / "home", venues, database_url)
    try:
        venues.start()
        desk = Desk(gateway, seed=seed)
        campaign = Campaign(gateway, desk, Listener(gateway, "orders"), Listener(gateway, "executions"))
        await campaign.run(n_kills, random.Random(seed))
        await asyncio.sleep(1)
        gateway.stop()
    finally:
        gateway.close()
        venues.stop()

    log = read_log(gateway.home / "journal.db")
    summary = {
        "kills": n_kills,
        "acked": len(desk.acks),
        "orders_in_log": len(log.of("order_accepted")),
        "fills": len(log.of("child_filled")),
        "unknown_facts": len(log.of("child_unknown")),
        "phases_at_kill": dict(campaign.phases),
        "ready_s_p50": sorted(campaign.ready_s)[len(campaign.ready_s) // 2],
        "ready_s_max": max(campaign.ready_s),
        "reconnects": campaign.orders.n_connections,
    }
    print(json.dumps(summary))
    if out := os.environ.get("BESTEX_KILL_REPORT"):
        Path(f"{out}-{seed}.json").write_text(json.dumps(summary, indent=1))  # noqa: ASYNC240
    assert check_all(log, read_venues(tmp_path / "venues"), desk.acks) == []
    assert len(desk.acks) > n_kills
    assert not desk.refused
    assert len(campaign.phases) >= 3, "the kills must find orders in several phases"

    assert check_stream(campaign.orders.messages, log, "demo") == []
    assert check_stream(campaign.fills.messages, log, "demo", "executions") == []
    fills = [aseq for _, account, aseq, kind, _ in log.rows if kind == "child_filled" and account == "demo"]
    assert [m["seq"] for m in campaign.fills.messages] == fills

    with_reader = JournalReader(gateway.home / "journal.db")
    ledger = fold(with_reader.replay())
    with_reader.close()
    projected = await database_state(database_url)
    assert projected == ledger_hash(ledger)
