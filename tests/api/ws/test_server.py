"""The server's end: announced, drained, streamed to the last, bounded in time."""

from __future__ import annotations

import asyncio

from app.api.ws.protocol import StreamProtocol
from app.api.ws.server import MAX_CLIENT_BYTES, uvicorn_options
from tests.api.ws.gateway import running
from tests.services.fact_stories import Story


def test_options_bound_messages_and_leave_compression_off() -> None:
    options = uvicorn_options()
    assert options["ws"] is StreamProtocol
    assert options["ws_per_message_deflate"] is False
    assert options["ws_max_size"] == MAX_CLIENT_BYTES == 65_536
    assert options["timeout_graceful_shutdown"] > 0


async def test_a_quiet_server_stops_at_once() -> None:
    async with running(Story(1)) as gateway:
        began = asyncio.get_running_loop().time()
        await gateway.stop()
        assert asyncio.get_running_loop().time() - began < 1.0
        assert gateway.engine.is_draining


async def test_what_is_at_venues_gets_its_time_and_is_still_told() -> None:
    story = Story(2, accounts=("desk-a",))
    async with running(story) as gateway:
        reader = await gateway.connect(gateway.key("desk-a"))
        await reader.subscribe("executions")
        order_id = story.accept("desk-a", "BTC/USDT")
        story.plan(order_id)
        (child_id, *_) = story.ledger.parents[order_id].children
        gateway.commit(story.facts[-5:])
        stopping = asyncio.create_task(gateway.stop())
        await reader.until(lambda m: m.get("type") == "server_shutdown")
        await asyncio.sleep(0.15)
        assert not stopping.done()
        gateway.commit([story.fill(order_id, child_id, 1_000)])
        assert (await reader.closed())[0] == 1012
        await stopping
        assert [m["data"][0]["child_id"] for m in reader.updates("executions")] == [child_id]


async def test_a_drain_that_does_not_end_is_cut_off() -> None:
    story = Story(3, accounts=("desk-a",))
    async with running(story) as gateway:
        story.plan(story.accept("desk-a", "BTC/USDT"))
        began = asyncio.get_running_loop().time()
        await gateway.stop()
        assert 0.25 < asyncio.get_running_loop().time() - began < 2.0


async def test_a_second_signal_hurries() -> None:
    story = Story(4, accounts=("desk-a",))
    async with running(story) as gateway:
        story.plan(story.accept("desk-a", "BTC/USDT"))
        gateway.server._drain_s = 30.0
        gateway.server.should_exit = True
        await asyncio.sleep(0.3)
        gateway.server.force_exit = True
        await asyncio.wait_for(gateway.serving, 2.0)
        await gateway.hub.close()


async def test_nobody_new_is_let_in_during_the_drain() -> None:
    story = Story(5, accounts=("desk-a",))
    async with running(story) as gateway:
        token = gateway.key("desk-a")
        story.plan(story.accept("desk-a", "BTC/USDT"))
        stopping = asyncio.create_task(gateway.stop())
        await asyncio.sleep(0.15)
        late = await gateway.connect()
        assert await late.closed() == (1012, "server_shutdown")
        assert token
        await stopping
