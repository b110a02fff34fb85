"""Server-sent events: the journal in order, resumable, alive, and gone when the key or the server goes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from app.api.sse import is_wanted, resume_point
from app.api.wire.event import event_json
from app.domain import events as ev
from app.domain.errors import BadRequest
from tests.api.ws.gateway import Gateway, eventually, running
from tests.services.fact_stories import Story


class Events:
    """A reader of one event stream: `events` as (id, kind, data), `comments` as told."""

    def __init__(self, response: httpx.Response) -> None:
        self._lines = response.aiter_lines()
        self.events: list[tuple[int, str, Any]] = []
        self.comments: list[str] = []

    async def read(self) -> None:
        """Until the server ends the stream."""
        members: dict[str, str] = {}
        async for line in self._lines:
            if line.startswith(":"):
                self.comments.append(line)
            elif line:
                name, _, value = line.partition(": ")
                members[name] = value
            elif "id" in members:
                self.events.append((int(members["id"]), members["event"], json.loads(members["data"])))
                members = {}

    async def until(self, seq: int) -> None:
        """Reads until the event `seq` is there and a comment came after it."""
        reading = asyncio.create_task(self.read())
        async with asyncio.timeout(30):
            while not self.events or self.events[-1][0] < seq or not self.comments:
                await asyncio.sleep(0.01)
                if reading.done():
                    reading.result()
        reading.cancel()
        await asyncio.wait({reading})


@asynccontextmanager
async def stream(gateway: Gateway, client: httpx.AsyncClient, **headers: str) -> AsyncIterator[Events]:
    url = f"http://127.0.0.1:{gateway.port}/v1/events"
    token = gateway.key("desk-a")
    async with client.stream("GET", url, headers={"Authorization": f"Bearer {token}", **headers}) as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        yield Events(response)


async def test_history_then_live_equals_the_journal_as_the_page_has_it() -> None:
    story = Story(1)
    story.grow(80)
    async with (
        running(story, ring_facts=20) as gateway,
        httpx.AsyncClient() as client,
        stream(gateway, client) as events,
    ):
        reading = asyncio.create_task(events.read())
        await asyncio.sleep(0.1)
        gateway.grow(60)
        last_seq = gateway.streams.last_seq("desk-a")
        await eventually(lambda: bool(events.events) and events.events[-1][0] == last_seq)
        reading.cancel()
        await asyncio.wait({reading})
        assert [seq for seq, _, _ in events.events] == list(range(1, last_seq + 1))
        assert [kind for _, kind, _ in events.events] == [f.event.KIND for f in story.of("desk-a")]
        cursor = gateway.streams.cursor("desk-a", 0)
        page = [event_json(item, gateway.engine.universe) for item in await cursor.page()]
        assert [data for _, _, data in events.events] == json.loads(json.dumps(page))


async def test_last_event_id_resumes_behind_it() -> None:
    async with running(Story(2)) as gateway, httpx.AsyncClient() as client:
        gateway.grow(60)
        last_seq = gateway.streams.last_seq("desk-a")
        async with stream(gateway, client, **{"Last-Event-ID": "7"}) as events:
            await events.until(last_seq)
            assert [seq for seq, _, _ in events.events] == list(range(8, last_seq + 1))


async def test_silence_carries_the_last_seq_as_a_comment() -> None:
    async with running(Story(3)) as gateway, httpx.AsyncClient() as client:
        last_seq = gateway.streams.last_seq("desk-a")
        async with stream(gateway, client, **{"Last-Event-ID": str(last_seq)}) as events:
            reading = asyncio.create_task(events.read())
            await asyncio.sleep(0.3)
            reading.cancel()
            await asyncio.wait({reading})
            assert len(events.comments) >= 3
            assert set(events.comments) == {f": last_seq={last_seq}"}


async def test_a_revoked_key_ends_its_stream() -> None:
    async with running(Story(4)) as gateway, httpx.AsyncClient() as client, stream(gateway, client) as events:
        reading = asyncio.create_task(events.read())
        await asyncio.sleep(0.05)
        prefix = gateway.key("desk-a")[3:11]
        gateway.commit([gateway.story.tell(ev.KeyRevoked("desk-a", prefix))])
        await asyncio.wait_for(reading, 1.0)


async def test_the_servers_end_is_the_streams_end() -> None:
    async with running(Story(5)) as gateway, httpx.AsyncClient() as client, stream(gateway, client) as events:
        reading = asyncio.create_task(events.read())
        await asyncio.sleep(0.05)
        began = asyncio.get_running_loop().time()
        await gateway.stop()
        await asyncio.wait_for(reading, 1.0)
        assert asyncio.get_running_loop().time() - began < 2.0


async def test_a_reader_that_goes_leaves_nothing_behind() -> None:
    async with running(Story(6)) as gateway, httpx.AsyncClient() as client:
        async with stream(gateway, client) as events:
            await events.until(1)
            assert gateway.streams._wakers
        async with asyncio.timeout(30):
            while gateway.streams._wakers:
                gateway.grow(1)
                await asyncio.sleep(0.05)


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("text/event-stream", True),
        ("application/json, text/event-stream;q=0.9", True),
        ("Text/Event-Stream; charset=utf-8", True),
        ("*/*", False),
        ("application/json", False),
        ("", False),
    ],
)
def test_only_an_accept_header_that_names_the_stream_gets_it(accept: str, expected: bool) -> None:
    assert is_wanted(accept) is expected


@pytest.mark.parametrize(("header", "expected"), [(None, 5), ("", 5), ("0", 0), ("7", 7), (str(2**53), 2**53)])
def test_last_event_id_wins_over_after_seq(header: str | None, expected: int) -> None:
    assert resume_point(header, 5) == expected


@pytest.mark.parametrize("header", ["-1", "x", "1.5", "\uff17", "9" * 17, str(2**53 + 1), " 7"])
def test_a_last_event_id_that_is_no_number_is_refused(header: str) -> None:
    with pytest.raises(BadRequest):
        resume_point(header, 0)


async def test_a_point_beyond_the_last_is_refused() -> None:
    from app.api.sse import sse_response

    async with running(Story(7)) as gateway:
        last_seq = gateway.streams.last_seq("desk-a")
        with pytest.raises(BadRequest, match="after_seq"):
            sse_response(gateway.streams, "desk-a", last_seq + 1, render=lambda item: b"", is_allowed=lambda: True)
