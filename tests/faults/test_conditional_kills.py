"""kill -9 while brackets wait, trigger and trade: shares hold in the venues' own ledgers, and all of them end."""

from __future__ import annotations

import asyncio
import json
import random
from collections import Counter
from decimal import Decimal
from pathlib import Path

import httpx
import pytest

from app.execution.ledger import fold
from app.store.journal import JournalReader
from app.store.statehash import ledger_hash
from tests.faults.checker import Log, check_all, read_log, read_venues
from tests.faults.harness import Gateway, Venues, database_state

SYMBOL = "BTC/USDT"


async def place(client: httpx.AsyncClient, rng: random.Random, number: int) -> None:
    """A bracket whose exits are a few basis points away, so that the walk of the market soon triggers one."""
    book = (await client.get("/v1/books/BTC-USDT")).json()
    mid = (Decimal(book["bids"][0]["price"]) + Decimal(book["asks"][0]["price"])) / 2
    away = (mid * rng.randrange(2, 12) / 10_000).quantize(Decimal(1))
    profit, stop = (mid + away).quantize(Decimal(1)), (mid - away).quantize(Decimal(1))
    body = {
        "client_order_id": f"b-{number}",
        "symbol": SYMBOL,
        "side": "buy",
        "type": "market",
        "qty": f"0.{rng.randrange(10, 60)}",
        "time_in_force": "ioc",
        "order_class": "bracket",
        "take_profit": {"limit_price": str(profit)},
        "stop_loss": {"stop_price": str(stop)},
    }
    answer = await client.post("/v1/orders", json=body)
    assert answer.status_code in (200, 201), answer.text


def check_shares(log: Log, trades: Counter[str]) -> list[str]:
    """By the venues' ledgers (client id -> lots traded, in symbol units): exits never beyond their entry."""
    child_order = {e["child"]["client_id"]: e["child"]["order_id"] for _, e in log.of("child_sending")}
    lot_of = {e["child"]["client_id"]: e["child"]["lot_units"] for _, e in log.of("child_sending")}
    leg_of = {e["leg_order_id"]: (e["conditional_id"], e["leg_i"]) for _, e in log.of("leg_ordered")}
    sums: Counter[tuple[str, bool]] = Counter()
    for client_id, lots in trades.items():
        conditional_id, leg_i = leg_of[child_order[client_id]]
        sums[conditional_id, leg_i == 0] += lots * lot_of[client_id]
    ids = {conditional_id for conditional_id, _ in sums}
    return [i for i in sorted(ids) if sums[i, False] > sums[i, True]]


@pytest.mark.timeout(600)
@pytest.mark.parametrize(("n_kills", "seed"), [(5, 3), pytest.param(60, 4, marks=pytest.mark.soak)])
async def test_brackets_outlive_kills(tmp_path: Path, database_url: str, n_kills: int, seed: int) -> None:
    rng, venues = random.Random(seed), Venues(tmp_path / "venues")
    gateway = Gateway(tmp_path / "home", venues, database_url)
    try:
        venues.start()
        for n in range(n_kills + 1):
            gateway.start()
            await gateway.ready()
            headers = {"Authorization": f"Bearer {gateway.key}"}
            async with httpx.AsyncClient(base_url=gateway.url, headers=headers, timeout=20) as client:
                for k in range(3):
                    await place(client, rng, 3 * n + k)
                if n < n_kills:
                    await asyncio.sleep(rng.random() * 0.8)
                    gateway.kill()
                    continue
                await asyncio.sleep(2)
                found = (await client.get("/v1/conditional-orders?limit=200")).json()["data"]
                assert len(found) == 3 * (n_kills + 1)
                await client.delete("/v1/orders")
                for _ in range(300):
                    if not (await client.get("/v1/conditional-orders?status=open")).json()["data"]:
                        break
                    await asyncio.sleep(0.1)
                else:
                    raise TimeoutError("definitions are still open")
        await asyncio.sleep(1)
        gateway.stop()
    finally:
        gateway.close()
        venues.stop()
    log, ledgers = read_log(gateway.home / "journal.db"), read_venues(tmp_path / "venues")
    assert check_all(log, ledgers, {}) == []
    trades: Counter[str] = Counter()
    for lines in ledgers.values():
        for line in lines:
            if line["event"] == "fill":
                trades[line["client_id"]] += line["qty_lots"]
    assert trades
    assert check_shares(log, trades) == []
    reader = JournalReader(gateway.home / "journal.db")
    ledger = fold(reader.replay())
    reader.close()
    ends = Counter(r.done_reason.value for r in ledger.definitions.all.values() if r.done_reason)
    kinds = Counter(kind for *_, kind, _ in log.rows)
    print(
        json.dumps(
            {"kills": n_kills, "ends": ends, "triggered": kinds["leg_triggered"], "unknown": kinds["child_unknown"]}
        )
    )
    assert sum(ends.values()) == len(ledger.definitions.all)
    assert await database_state(database_url) == ledger_hash(ledger)
