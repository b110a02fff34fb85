"""kill -9 between a child that left ahead of its facts and those facts: it is found at its venue, and counted once.

The process dies at its own hand at that very point (tests/faults/preloaded.py), with orders that wait near the market.
Five such deaths in every run, 60 in `make soak`; the oracle is checker.py with the venues' ledgers.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from app.execution.ledger import fold
from app.store.journal import JournalReader
from app.store.statehash import ledger_hash
from tests.faults.checker import Log, check_all, check_stream, read_log, read_venues
from tests.faults.harness import Desk, Gateway, Listener, Venues, database_state

SYMBOL = "BTC-USDT"


@dataclass
class WaitingDesk(Desk):
    """Limit orders that wait a few basis points from the touch for some seconds."""

    best_bid: float = 0.0
    best_ask: float = 0.0

    def body(self, client_order_id: str, rng: random.Random) -> dict[str, object]:
        side, off = rng.choice(["buy", "sell"]), rng.choice([2, 5, 10, 20])
        price = self.best_ask - off if side == "buy" else self.best_bid + off
        expiry = datetime.now(UTC) + timedelta(seconds=rng.uniform(2, 6))
        return {
            "client_order_id": client_order_id,
            "symbol": SYMBOL,
            "side": side,
            "type": "limit",
            "limit_price": f"{round(price)}",
            "time_in_force": "gtd",
            "expire_at": expiry.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
            "qty": f"{rng.randint(5, 300) / 100:.2f}",
        }

    async def watch(self, stop: asyncio.Event) -> None:
        """Follows the touch, as long as there is one to follow."""
        headers = {"Authorization": f"Bearer {self.gateway.key}"}
        async with httpx.AsyncClient(base_url=self.gateway.url, headers=headers, timeout=2) as client:
            while not stop.is_set():
                with contextlib.suppress(httpx.HTTPError):
                    book = (await client.get(f"/v1/books/{SYMBOL}", params={"depth": 1})).json()
                    if book.get("bids") and book.get("asks"):
                        self.best_bid, self.best_ask = (float(book[side][0]["price"]) for side in ("bids", "asks"))
                await asyncio.sleep(0.05)

    async def trade_until_over(self, timeout_s: float) -> None:
        """Orders come until the service is dead."""
        pause, stop = asyncio.Event(), asyncio.Event()
        watching = asyncio.create_task(self.watch(stop))
        while not self.best_bid:  # noqa: ASYNC110 - another process's book
            await asyncio.sleep(0.01)
        loading = asyncio.create_task(self.load(20, pause))
        async with asyncio.timeout(timeout_s):
            while not is_dead(self.gateway.pid):  # noqa: ASYNC110 - another process's end
                await asyncio.sleep(0.02)
        pause.set()
        stop.set()
        await asyncio.gather(loading, watching)


def is_dead(pid: int) -> bool:
    """Whether a process has ended and waits to be reaped."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"


async def quiet(gateway: Gateway, timeout_s: float = 40) -> None:
    """Until no order is open."""
    headers = {"Authorization": f"Bearer {gateway.key}"}
    async with (
        httpx.AsyncClient(base_url=gateway.url, headers=headers, timeout=20) as client,
        asyncio.timeout(timeout_s),
    ):
        while (await client.get("/v1/orders", params={"status": "open", "limit": 5})).json()["data"]:  # noqa: ASYNC110
            await asyncio.sleep(0.1)


def fates(log: Log, venues: dict[str, list[dict]]) -> Counter[str]:
    """Of children that may have left when a process died: how many had come to their venue, and had filled there."""
    came = {line["client_id"] for lines in venues.values() for line in lines if line["event"] == "accepted"}
    filled = {event["child_id"] for _, event in log.of("child_filled")}
    unsent = {event["child_id"] for _, event in log.of("child_rejected") if event["code"] == "never_left"}
    doubtful = [event["child_id"] for _, event in log.of("child_unknown") if event["reason"] == "may_have_left"]
    found: Counter[str] = Counter()
    for child_id in doubtful:
        has_come = child_id.removeprefix("chd_") in came
        found["came"] += has_come
        found["filled"] += child_id in filled
        found["proven never left"] += child_id in unsent
        assert has_come != (child_id in unsent), child_id
    return found


@pytest.mark.timeout(1_800)
@pytest.mark.parametrize(("n_kills", "seed"), [(5, 41), pytest.param(60, 42, marks=pytest.mark.soak)])
async def test_a_child_that_left_ahead_is_found_after_a_crash(
    tmp_path: Path, database_url: str, n_kills: int, seed: int
) -> None:
    venues = Venues(tmp_path / "venues")
    gateway = Gateway(tmp_path / "home", venues, database_url)
    try:
        venues.start()
        desk, orders, stop = WaitingDesk(gateway, seed=seed), Listener(gateway, "orders"), asyncio.Event()
        rng = random.Random(seed)
        listening: asyncio.Task[None] | None = None
        for _ in range(n_kills):
            gateway.environment["DIE_AHEAD"] = str(rng.randint(1, 4))
            gateway.start()
            await gateway.ready()
            listening = listening or asyncio.create_task(orders.follow(stop))
            await desk.trade_until_over(60)
            gateway.reap()
        gateway.environment.clear()
        gateway.start()
        await gateway.ready()
        await quiet(gateway)
        await asyncio.sleep(1.2)
        stop.set()
        assert listening is not None
        await asyncio.wait_for(listening, 10)
        gateway.stop()
    finally:
        gateway.close()
        venues.stop()
    log, ledgers = read_log(gateway.home / "journal.db"), read_venues(tmp_path / "venues")
    assert check_all(log, ledgers, desk.acks) == []
    assert check_stream(orders.messages, log, "demo") == []
    found = fates(log, ledgers)
    print(f"{n_kills} deaths ahead of facts, {len(desk.acks)} orders acknowledged, {dict(found)}")
    assert found["came"] >= n_kills * 3 // 4
    assert found["filled"] >= n_kills // 3
    assert found["proven never left"] > n_kills

    reader = JournalReader(gateway.home / "journal.db")
    ledger = fold(reader.replay())
    reader.close()
    assert await database_state(database_url) == ledger_hash(ledger)
    assert not ledger.reserved.by_order
