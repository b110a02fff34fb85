"""Many readers at once: stuck ones are bounded and cut, a herd that comes back is served, and nobody loses anything."""

from __future__ import annotations

import asyncio
import json
import re
import time
from dataclasses import replace
from typing import Any

import pytest

from tests.api.ws.gateway import QUICK, Gateway, Reader, eventually, running
from tests.api.ws.test_hub import journal
from tests.services.fact_stories import Story

MANY = replace(
    QUICK, max_bytes=200_000, max_connections_per_key=5_000, max_connections=5_000, heartbeat_s=1.0, auth_timeout_s=30.0
)


CHAINED = re.compile(rb'"channel":"orders","type":"update","sub":1,"seq":(\d+),"prev_seq":(\d+),')


class Listener(asyncio.Protocol):
    """As little client as possible, so that hundreds fit beside the server: follows the chain, notes when each came."""

    def __init__(self, token: str) -> None:
        self._token = token
        self._rest = b""
        self.begin_seq = self.last_seq = -1
        self.seqs: list[int] = []
        self.came_s: list[float] = []
        self.subscribed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self.transport.write(
            b"GET /v1/ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
        )

    def say(self, **message: object) -> None:
        """A masked frame, masked with zeros."""
        payload = json.dumps(message).encode()
        assert len(payload) < 126
        self.transport.write(bytes((0x81, 0x80 | len(payload), 0, 0, 0, 0)) + payload)

    def data_received(self, data: bytes) -> None:
        data = self._rest + data
        if self.last_seq < 0:
            self._greet(data)
            return
        now_s = time.monotonic()
        end = 0
        for match in CHAINED.finditer(data):
            seq, prev_seq = int(match[1]), int(match[2])
            assert prev_seq == self.last_seq
            self.last_seq = seq
            self.seqs.append(seq)
            self.came_s.append(now_s)
            end = match.end()
        self._rest = data[max(end, len(data) - 120) :]

    def _greet(self, data: bytes) -> None:
        self._rest = data
        if data.endswith(b"\r\n\r\n"):
            self.say(op="auth", token=self._token)
            self.say(op="subscribe", channel="orders")
        elif found := re.search(rb'"op":"subscribe".*?"last_seq":(\d+)}', data):
            self.begin_seq = self.last_seq = int(found[1])
            self._rest = data[found.end() :]
            self.subscribed.set_result(None)
            self.data_received(b"")


async def listen(gateway: Gateway, token: str) -> Listener:
    loop = asyncio.get_running_loop()
    _, made = await loop.create_connection(lambda: Listener(token), "127.0.0.1", gateway.port)
    await made.subscribed
    return made


async def pace(gateway: Gateway, n_batches: int, sent_s: dict[int, float]) -> None:
    """Batches of facts at a steady pace; notes when each was committed. No reader may ever hold more than its bound."""
    for _ in range(n_batches):
        facts = gateway.story.grow(20)
        now_s = time.monotonic()
        sent_s.update({fact.account_seq: now_s for fact in facts if fact.account == "desk-a"})
        gateway.commit(facts, batch=20)
        assert all(connection.n_bytes <= MANY.max_bytes for connection in gateway.hub._connections)
        await asyncio.sleep(0.01)


def p99_ms(listeners: list[Listener], sent_s: dict[int, float]) -> float:
    waits = sorted(
        came_s - sent_s[seq]
        for each in listeners
        for seq, came_s in zip(each.seqs, each.came_s, strict=True)
        if seq in sent_s
    )
    return waits[int(len(waits) * 0.99)] * 1_000


@pytest.mark.parametrize(
    ("n_healthy", "n_stuck", "n_batches"), [(30, 4, 60), pytest.param(180, 20, 300, marks=pytest.mark.soak)]
)
async def test_stuck_readers_are_bounded_cut_and_resume_while_the_healthy_go_on(
    n_healthy: int, n_stuck: int, n_batches: int
) -> None:
    async with running(Story(1), limits=MANY, send_buffer_bytes=16_384) as gateway:
        token = gateway.key("desk-a")
        healthy = [await listen(gateway, token) for _ in range(n_healthy)]
        begin_seq = healthy[0].last_seq
        alone_s: dict[int, float] = {}
        await pace(gateway, n_batches, alone_s)
        stuck = [await gateway.connect_slowly(token) for _ in range(n_stuck)]
        stuck_from = max([(await each.subscribe("orders"))["last_seq"] for each in stuck])
        beside_s: dict[int, float] = {}
        while gateway.hub.n_connections > n_healthy:
            await pace(gateway, 20, beside_s)
        last_seq = gateway.streams.last_seq("desk-a")
        expected = [seq for seq in journal(gateway.story, "desk-a", "orders") if seq > begin_seq]
        await eventually(lambda: all(each.last_seq == expected[-1] for each in healthy), 30)
        assert all(each.seqs == expected for each in healthy)
        print(f"p99 alone {p99_ms(healthy, alone_s):.1f} ms, beside stuck readers {p99_ms(healthy, beside_s):.1f} ms")
        for each in stuck:
            # Who did not even take the reason within two seconds was cut without it.
            code, reason = await each.closed(10.0)
            assert code == 1006 or (code, reason.split()[0]) == (4008, "slow_consumer")
            got = [m["seq"] for m in each.updates("orders")]
            after = got[-1] if got else stuck_from
            again = await gateway.connect(token)
            await again.subscribe("orders", after_seq=after)
            rest = [m["seq"] for m in await again.until_seq("orders", last_seq)]
            assert got + rest == [seq for seq in expected if seq > stuck_from]
            await again.close()
        for each in healthy:
            each.transport.abort()


@pytest.mark.parametrize("n_readers", [60, pytest.param(1_000, marks=pytest.mark.soak)])
async def test_a_herd_that_comes_back_after_a_restart_is_served_whole(n_readers: int) -> None:
    story = Story(2)
    story.grow(400)
    async with running(story, limits=MANY, ring_facts=200) as gateway:
        token = gateway.key("desk-a")
        last_seq = gateway.streams.last_seq("desk-a")
        expected = journal(story, "desk-a", "orders")
        gate = asyncio.Semaphore(200)  # the client's own file descriptors and handshakes, not the server's

        async def come_back(i: int) -> Reader:
            async with gate:
                reader = await gateway.connect(token, ping_interval=None, open_timeout=60)
                after_seq = i % last_seq
                await reader.subscribe("orders", after_seq=after_seq)
                want = [seq for seq in expected if seq > after_seq]
                while len(reader.updates("orders")) < len(want):
                    await reader.receive(60.0)
                assert [m["seq"] for m in reader.updates("orders")] == want
                return reader

        began_s = time.monotonic()
        readers = await asyncio.gather(*(come_back(i) for i in range(n_readers)))
        elapsed_s = time.monotonic() - began_s
        print(f"{n_readers} readers back and whole in {elapsed_s:.2f} s, clients included")
        assert elapsed_s < 0.05 * n_readers + 2
        await asyncio.gather(*(reader.close() for reader in readers))
