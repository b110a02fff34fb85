"""The whole gateway: real engine, journal and simulated venues; the stream tells exactly what the log holds."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import uvicorn
import websockets

from app.api.ws.server import StreamServer, uvicorn_options
from app.main import create_app
from app.settings import Settings
from app.store.journal import JournalReader
from tests.api.ws.gateway import READER_OPTIONS, Reader, eventually, free_socket

CHANNELS = ("orders", "executions", "risk")


@dataclass
class Whole:
    """A gateway over `home`, as `bestex up` starts it but for signals and the database."""

    home: Path
    port: int
    app: Any
    client: httpx.AsyncClient

    async def reader(self, after_seq: int | None = None, *, snapshot: bool = False) -> Reader:
        """Subscribed to every sequenced channel."""
        reader = Reader(await websockets.connect(f"ws://127.0.0.1:{self.port}/v1/ws", **READER_OPTIONS))
        await reader.say(op="auth", token=(self.home / "demo.key").read_text().strip())
        assert (await reader.reply("auth"))["ok"]
        for channel in CHANNELS:
            members = {} if after_seq is None else {"after_seq": after_seq}
            assert (await reader.subscribe(channel, snapshot=snapshot, **members))["ok"]
        return reader

    async def order(self, **members: Any) -> dict[str, Any]:
        body = {
            "symbol": "BTC/USDT",
            "side": "buy",
            "type": "market",
            "time_in_force": "ioc",
            "qty": "0.5",
            "max_slippage_bps": "50",
            "response_type": "result",
            "wait_ms": 5_000,
        }
        answer = await self.client.post("/v1/orders", json=body | members)
        result: dict[str, Any] = answer.json()
        return result


@asynccontextmanager
async def whole_gateway(home: Path) -> AsyncIterator[Whole]:
    app = create_app(Settings(home=home, drain_s=1.0, streams_per_key=7))
    config = uvicorn.Config(app, log_level="critical", lifespan="on", access_log=False, **uvicorn_options())
    server = StreamServer(config, drain_s=1.0)
    listener = free_socket(0)
    serving = asyncio.create_task(server._serve(sockets=[listener]))
    await eventually(lambda: server.started or serving.done(), 60)
    assert not serving.done()
    port = listener.getsockname()[1]
    headers = {"Authorization": f"Bearer {(home / 'demo.key').read_text().strip()}"}
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", headers=headers, timeout=10) as client:
            yield Whole(home, port, app, client)
    finally:
        server.should_exit = True
        await asyncio.wait_for(serving, 10)


def journal_fills(home: Path) -> list[int]:
    reader = JournalReader(home / "journal.db")
    try:
        facts = reader.read_account("demo", 0, 100_000)
        return [fact.account_seq for fact in facts if fact.event.KIND == "child_filled"]
    finally:
        reader.close()


def kept(reader: Reader) -> list[tuple[Any, ...]]:
    """Messages without what is the subscription's own."""
    return sorted(
        (m["channel"], m["seq"], m["ts"], json.dumps(m["data"]))
        for channel in CHANNELS
        for m in reader.updates(channel)
    )


async def snapshot_of_orders(reader: Reader) -> dict[str, Any]:
    """It may have come before the answers to the subscriptions that followed."""
    for message in reader.messages:
        if message.get("type") == "snapshot" and message["channel"] == "orders":
            return message
    return await reader.until(lambda m: m.get("type") == "snapshot" and m["channel"] == "orders")


async def test_orders_are_streamed_as_they_are_and_a_restart_tells_the_same_story(tmp_path: Path) -> None:
    async with whole_gateway(tmp_path) as gateway:
        reader = await gateway.reader(0)
        results = await asyncio.gather(*(gateway.order(qty=qty) for qty in ("0.5", "1.25", "0.02", "2")))
        refused = await gateway.order(qty="900000")
        assert refused["outcome"] == "none"
        assert {result["status"] for result in results} <= {"filled", "expired", "canceled"}
        last_seq = gateway.app.state.services.streams.last_seq("demo")
        await reader.until_seq("orders", last_seq)
        ends = {m["data"][0]["order_id"]: m["data"][0] for m in reader.updates("orders")}
        for result in results:
            end = ends[result["order_id"]]
            for member in ("cum_qty", "leaves_qty", "avg_price", "fees", "done_reason", "route_id", "client_order_id"):
                assert end[member] == result[member], member
            assert end["order_status"] == result["status"]
            fills = [m["data"][0] for m in reader.updates("executions")]
            own = [fill for fill in fills if fill["order_id"] == result["order_id"]]
            assert sum((Decimal(fill["last_qty"]) for fill in own), Decimal()) == Decimal(result["cum_qty"])
        refusals = [m["data"][0] for m in reader.updates("risk") if m["data"][0]["kind"] == "order_refused"]
        assert [refusal["code"] for refusal in refusals] == [refused["code"]]
        page = (await gateway.client.get("/v1/executions", params={"order": "asc", "limit": 200})).json()["data"]
        streamed = [m["data"][0] for m in reader.updates("executions")]
        assert [{k: row[k] for k in page[0]} for row in streamed] == page
        assert [m["seq"] for m in reader.updates("executions")] == journal_fills(tmp_path)
        told = kept(reader)
        await reader.close()
    async with whole_gateway(tmp_path) as gateway:
        again = await gateway.reader(0)
        await again.until_seq("orders", last_seq)
        assert kept(again)[: len(told)] == told or kept(again) == told
        resumed = await gateway.reader(last_seq)
        await gateway.order(qty="0.3")
        now_seq = gateway.app.state.services.streams.last_seq("demo")
        await resumed.until_seq("orders", now_seq)
        first = resumed.updates("orders")[0]
        assert first["prev_seq"] == last_seq
        assert first["data"][0]["exec_type"] == "new"
        await again.close()
        await resumed.close()


async def test_a_held_order_is_in_the_snapshot_after_a_restart_and_books_flow(tmp_path: Path) -> None:
    async with whole_gateway(tmp_path) as gateway:
        assert gateway.app.state.hub.limits.max_connections_per_key == 7
        held = await gateway.order(type="limit", time_in_force="gtc", limit_price="100", qty="1", wait_ms=0)
        reader = await gateway.reader(snapshot=True)
        snapshot = await snapshot_of_orders(reader)
        assert [row["order_id"] for row in snapshot["data"]] == [held["order_id"]]
        await reader.subscribe("books", symbols=["BTC-USDT"], depth=5)
        first = await reader.until(lambda m: m.get("channel") == "books")
        second = await reader.until(lambda m: m.get("channel") == "books")
        assert (first["type"], second["type"]) == ("snapshot", "update")
        assert second["prev_seq"] == first["seq"]
        page = (await gateway.client.get("/v1/books/BTC-USDT", params={"depth": 5})).json()
        assert [level[2] for level in second["data"][0]["bids"]]
        assert page["symbol"] == second["data"][0]["symbol"]
        await reader.close()
    async with whole_gateway(tmp_path) as gateway:
        reader = await gateway.reader(snapshot=True)
        after = await snapshot_of_orders(reader)
        (row,) = after["data"]
        assert row["order_id"] == held["order_id"]
        assert (await gateway.client.delete(f"/v1/orders/{held['order_id']}")).status_code == 202
        end = await reader.until(
            lambda m: m.get("channel") == "orders" and m["type"] == "update" and m["data"][0]["done_reason"] is not None
        )
        assert (end["data"][0]["order_status"], end["data"][0]["exec_type"]) == ("canceled", "canceled")
        await reader.close()
