"""Health, metrics, version, time, and pages that explain every code."""

from __future__ import annotations

import pytest

from app.api.errors import KINDS
from app.api.schemas import system as schema
from app.services import warm
from tests.api.gateway import Gateway, NoDatabase, open_gateway, place


async def test_up_is_not_can_price(gateway: Gateway) -> None:
    async with gateway.client("") as client:
        ready = await client.get("/readyz")
        gateway.clock.advance(60_000_000_000)
        blind = await client.get("/readyz")
        live = await client.get("/livez")
    assert ready.status_code == 200
    assert schema.Readiness.model_validate(ready.json()).status == "ready"
    assert (blind.status_code, blind.json()["status"]) == (503, "not_ready")
    assert blind.json()["symbols"]["BTC/USDT"]["can_price"] is False
    assert live.status_code == 200


async def test_a_lost_database_degrades_and_takes_orders() -> None:
    async with open_gateway(database=NoDatabase(error="connection refused", lag_facts=7)) as gateway:
        await place(gateway)
        async with gateway.client("") as client:
            ready = await client.get("/readyz")
    body = schema.Readiness.model_validate(ready.json())
    assert (ready.status_code, body.status, body.database, body.database_lag_facts) == (200, "degraded", "down", 7)
    assert any("connection refused" in line for line in body.degraded)


async def test_a_search_still_being_compiled_shows_as_degraded(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(warm, "is_complete", lambda: False)
    async with gateway.client("") as client:
        ready = await client.get("/readyz")
    expected = ["exact search: being compiled; plans are made without it"]
    assert (ready.status_code, ready.json()["degraded"]) == (200, expected)


async def test_a_kill_switch_shows_as_degraded(gateway: Gateway) -> None:
    async with gateway.client("operator") as client:
        await client.post("/v1/kill-switch", json={"scope": "global", "action": "block", "reason": "x"})
        ready = await client.get("/readyz")
    assert (ready.status_code, ready.json()["degraded"]) == (200, ["kill switch: global"])


async def test_a_full_log_is_not_ready(gateway: Gateway) -> None:
    gateway.journal.close()
    async with gateway.client("") as client:
        ready = await client.get("/readyz")
    assert (ready.status_code, ready.json()["is_journal_writable"]) == (503, False)


async def test_metrics_count_orders_and_problems(gateway: Gateway) -> None:
    await place(gateway)
    async with gateway.client("") as client:
        await client.get("/v1/orders")
        text = (await client.get("/metrics")).text
    assert 'bestex_orders_accepted_total{side="buy",symbol="BTC/USDT"}' in text
    assert 'bestex_problems_total{code="unauthenticated"}' in text
    assert 'bestex_engine{what="open_orders"} 0.0' in text
    assert 'bestex_book_age_seconds{symbol="BTC/USDT",venue="ven_a"}' in text


async def test_version_and_time(gateway: Gateway) -> None:
    async with gateway.client("") as client:
        version = schema.Version.model_validate((await client.get("/version")).json())
        clock = (await client.get("/v1/time")).json()
    assert (version.release, version.mode) == ("test", "paper")
    assert clock == {"time": "2025-10-09T08:53:20.000000Z", "time_ns": gateway.clock.wall_ns()}


@pytest.mark.parametrize("code", sorted(KINDS))
async def test_every_code_has_a_page(gateway: Gateway, code: str) -> None:
    async with gateway.client("") as client:
        page = await client.get(f"/errors/{code.replace('_', '-')}")
    assert page.status_code == 200
    assert code in page.text
    assert "http://" not in page.text.replace("http://bestex", "")


async def test_the_index_links_every_page(gateway: Gateway) -> None:
    async with gateway.client("") as client:
        index = (await client.get("/errors")).text
        missing = await client.get("/errors/no-such-code")
    assert all(f"/errors/{kind.slug}" in index for kind in KINDS.values())
    assert missing.status_code == 404
