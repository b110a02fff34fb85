"""`--market live` without any network: each venue says what it lacks, the service goes on, and all of it recovers."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx

from app.main import create_app
from app.settings import LiveMarket, Settings
from loadtests.running import free_port

REPOSITORY = Path(__file__).resolve().parents[2]
VENUES = ("binance", "bitstamp")
SPOKEN = ("binance",)  # by the local exchange; bitstamp stays away


async def test_a_service_without_internet_recovers_when_an_exchange_appears(tmp_path: Path) -> None:
    port = free_port()
    live = LiveMarket(venues=VENUES, symbols=("BTC/USDT",), urls={"*": f"http://127.0.0.1:{port}"})
    app = create_app(Settings(home=tmp_path, market="live", live=live))
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client,
    ):
        key = (tmp_path / "demo.key").read_text().strip()
        client.headers["Authorization"] = f"Bearer {key}"
        down = await venues_when(client, lambda v: "markets" in v["state_reason"], VENUES)
        assert all(v["state"] == "down" and not v["is_reachable"] and v["state_since"] for v in down.values())
        assert all(v["evidence"]["level"] and not v["is_simulated"] for v in down.values())
        refused = await order(client, "early")
        assert (refused.status_code, refused.json()["code"]) == (422, "venue_unavailable")
        assert "unreachable" in str(refused.json())

        exchange = local_exchange(port)
        try:
            up = await venues_when(client, lambda v: v["state"] == "up" and v["book_age_ms"], SPOKEN)
            assert all(float(v["budget_left"]) <= 1 for v in up.values())
            answer = await order(client, "late")
            assert answer.status_code == 201, answer.text
            filled = await done(client, answer.json()["order_id"])
            assert (filled["status"], filled["cum_qty"]) == ("filled", "0.05")
            away = await venues_when(client, lambda v: v["state"] == "down", ("bitstamp",))
            assert away["bitstamp"]["state_reason"]
        finally:
            exchange.terminate()
            exchange.communicate(timeout=10)
        await venues_when(client, lambda v: v["state"] != "up", SPOKEN)


def local_exchange(port: int) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "tests.venues.exchange", "--port", str(port), "--venues", ",".join(SPOKEN)]
    return subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE)


async def venues_when(client: httpx.AsyncClient, is_true: Any, wanted: tuple[str, ...]) -> dict[str, Any]:
    """The wanted venues, once each of them is as it should be."""
    found: dict[str, Any] = {}
    async with asyncio.timeout(60):
        while True:
            rows = (await client.get("/v1/venues")).json()["data"]
            found = {row["venue"]: row for row in rows if row["venue"] in wanted}
            if all(is_true(row) for row in found.values()):
                return found
            await asyncio.sleep(0.1)


async def order(client: httpx.AsyncClient, client_order_id: str) -> httpx.Response:
    body = {"symbol": "BTC/USDT", "side": "buy", "type": "market", "qty": "0.05", "time_in_force": "ioc"}
    return await client.post("/v1/orders", json=body, headers={"Idempotency-Key": client_order_id})


async def done(client: httpx.AsyncClient, order_id: str) -> Any:
    async with asyncio.timeout(10):
        while True:
            found = (await client.get(f"/v1/orders/{order_id}")).json()
            if found["status"] not in ("new", "working", "partially_filled"):
                return found
            await asyncio.sleep(0.05)
