"""The kill switch fired under load: no child leaves after it; the unconfirmed list is the venues' own open orders."""

from __future__ import annotations

import asyncio
from pathlib import Path

import httpx

from app.venues.faults import Faults
from tests.faults.checker import check_all, check_kill, read_log, read_venues
from tests.faults.harness import Desk, Gateway, Venues


async def test_nothing_leaves_after_the_kill_switch_under_load(tmp_path: Path) -> None:
    venues = Venues(tmp_path / "venues")
    gateway = Gateway(tmp_path / "home", venues)
    try:
        venues.start()
        gateway.start()
        await gateway.ready()
        desk = Desk(gateway, seed=5)
        stop = asyncio.Event()
        loading = asyncio.create_task(desk.load(80, stop))
        await asyncio.sleep(1.0)
        operator = {"Authorization": f"Bearer {gateway.operator_key}"}
        async with httpx.AsyncClient(base_url=gateway.url, headers=operator, timeout=10) as client:
            body = {"scope": "global", "action": "cancel", "reason": "drill"}
            answer = await client.post("/v1/kill-switch", json=body)
            assert answer.status_code in (200, 201), answer.text
            killed = answer.json()
            await asyncio.sleep(0.5)
            stop.set()
            await loading
            refused = [text for text in desk.refused.values() if "trading_halted" in text]
            assert refused, "orders after the switch are refused by name"
            state = (await client.get("/v1/kill-switch")).json()
            assert state
        gateway.stop()
    finally:
        gateway.close()
        venues.stop()

    log, ledgers = read_log(gateway.home / "journal.db"), read_venues(tmp_path / "venues")
    assert check_kill(log) == []
    assert check_all(log, ledgers, desk.acks) == []
    kill_seq = next(seq for seq, _ in log.of("kill_switch_set"))
    intents = {event["child"]["client_id"]: seq for seq, event in log.of("child_sending")}
    arrivals = [line for lines in ledgers.values() for line in lines if line["event"] == "accepted"]
    assert arrivals
    assert all(intents[line["client_id"]] < kill_seq for line in arrivals)
    finished = {line["client_id"] for lines in ledgers.values() for line in lines if line["event"] == "done"}
    open_at_venues = {line["client_id"] for line in arrivals} - finished
    unconfirmed = {row["client_id"] for row in killed["unconfirmed"]}
    assert unconfirmed == open_at_venues == set()


async def test_an_order_in_flight_at_a_silent_venue_is_listed_as_unconfirmed(tmp_path: Path) -> None:
    """A venue that accepts and then says nothing: the list names exactly what it holds open."""
    venues = Venues(tmp_path / "venues")
    gateway = Gateway(tmp_path / "home", venues)
    try:
        venues.start("--may-fail")
        gateway.start()
        await gateway.ready()
        await venues.set_faults(Faults(is_holding=True))
        headers = {"Authorization": f"Bearer {gateway.key}"}
        async with httpx.AsyncClient(base_url=gateway.url, headers=headers, timeout=10) as client:
            body = {"symbol": "BTC/USDT", "side": "buy", "type": "market", "qty": "0.5", "time_in_force": "ioc"}
            assert (await client.post("/v1/orders", json=body)).status_code == 201
            await asyncio.sleep(0.3)
            await venues.set_faults(Faults(is_holding=True, is_down=True))
            operator = {"Authorization": f"Bearer {gateway.operator_key}"}
            kill = {"scope": "global", "action": "cancel", "reason": "drill"}
            killed = (await client.post("/v1/kill-switch", json=kill, headers=operator)).json()
        ledgers = read_venues(tmp_path / "venues")
    finally:
        gateway.close()
        venues.stop()
    lines = [line for rows in ledgers.values() for line in rows]
    accepted = {line["client_id"] for line in lines if line["event"] == "accepted"}
    open_at_venues = accepted - {line["client_id"] for line in lines if line["event"] == "done"}
    assert open_at_venues
    assert {row["client_id"] for row in killed["unconfirmed"]} == open_at_venues
