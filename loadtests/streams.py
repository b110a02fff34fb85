"""The stream's fan-out: server CPU per delivered message and messages a second, for 1, 50 and 500 readers.

The hub, the wire and uvicorn are the product's; facts come from a made-up log in memory, so that nothing else is
measured. `hub` is the product's protocol, where a message is framed once and a tick's messages leave in one write.
`plain` is the same hub under uvicorn's own protocol, a message a write. `naive` is what is usually written: every
message encoded for every reader. Readers are another process on the same machine; `probe` says how much of it was ours.

    python -m loadtests.streams [--json]
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import uvicorn
import uvloop

from app.api.ws import wire
from app.api.ws.fanout import HubLimits
from app.api.ws.messages import Channel
from app.api.ws.protocol import text_frame
from app.api.ws.server import StreamServer, uvicorn_options
from app.execution.ledger import fold
from app.services.streams import Streams
from loadtests import probe
from tests.api.ws.gateway import LadderReads, TestEngine, eventually, free_socket, make_app, token_of
from tests.services.fact_stories import LogReader, Story

READERS = (1, 50, 500)
MESSAGES = {1: 40_000, 50: 4_000, 500: 800}
FACTS_A_BATCH = 20
LIMITS = HubLimits(heartbeat_s=3_600.0, max_connections_per_key=10_000, max_bytes=2**24)
KINDS = ("hub", "plain", "naive")


class RawReader(asyncio.Protocol):
    """As little client as possible: counts bytes, looks for the end."""

    def __init__(self, token: str, end: bytes, done: Callable[[int], None]) -> None:
        self._token, self._end, self._done = token, end, done
        self._n_bytes = 0
        self._state = "handshake"
        self._tail = b""
        self.subscribed = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        key = base64.b64encode(os.urandom(16)).decode()
        transport.write(
            f"GET /v1/ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
        )

    def say(self, **message: Any) -> None:
        payload = json.dumps(message).encode()
        frame = bytearray(text_frame(payload))
        n_header = len(frame) - len(payload)
        frame[1] |= 0x80  # masked with zeros: a client must mask
        self._transport.write(bytes(frame[:n_header]) + b"\0\0\0\0" + payload)

    def data_received(self, data: bytes) -> None:
        if self._state == "stream":
            self._n_bytes += len(data)
            self._tail = (self._tail + data)[-4_096:] if len(data) < 4_096 else data
            if self._end in self._tail:
                self._state = "done"
                self._done(self._n_bytes)
            return
        self._tail += data
        if self._state == "handshake" and b"\r\n\r\n" in self._tail:
            self._state = "answers"
            self.say(op="auth", token=self._token)
            self.say(op="subscribe", channel="orders")
        if self._state == "answers" and b'"op":"subscribe"' in self._tail:
            self._state, self._tail = "stream", b""
            self.subscribed.set_result(None)


async def read(port: int, n_readers: int, token: str, end: bytes) -> None:
    """The readers' process: prints a line when all listen, another when all have everything."""
    loop = asyncio.get_running_loop()
    counts: list[int] = []
    finished = loop.create_future()

    def done(n_bytes: int) -> None:
        counts.append(n_bytes)
        if len(counts) == n_readers:
            finished.set_result(None)

    readers = []
    for _ in range(n_readers):
        _, reader = await loop.create_connection(lambda: RawReader(token, end, done), "127.0.0.1", port)
        readers.append(reader)
    await asyncio.gather(*(reader.subscribed for reader in readers))
    print("ready", flush=True)
    await asyncio.wait_for(finished, 120)
    print(json.dumps({"n_bytes": counts[0], "is_same": len(set(counts)) == 1}), flush=True)


def naive(hub: Any) -> None:
    """Makes `hub` encode and frame every message for every reader."""

    def fan_out(item: Any, subscriptions: Any) -> None:
        for subscription in subscriptions:
            item.encoded = None
            frame = hub._frame(subscription, item)
            subscription.prev_seq = item.seq
            subscription.connection.push(frame, item.seq)

    hub._fan_out = fan_out


async def measure(kind: str, n_readers: int) -> dict[str, Any]:
    """One run in this process, readers in another."""
    story = Story(1, accounts=("desk",))
    engine = TestEngine(fold(story.facts))
    streams = Streams(engine, LogReader(story.facts))
    app = make_app(engine, streams, LadderReads(), LIMITS)
    options = uvicorn_options() | ({} if kind == "hub" else {"ws": "websockets-sansio"})
    server = StreamServer(uvicorn.Config(app, log_level="critical", lifespan="on", access_log=False, **options), 0.0)
    listener = free_socket(0)
    serving = asyncio.create_task(server._serve(sockets=[listener]))
    await eventually(lambda: server.started)
    token = make_key(story, engine)
    engine.ledger = fold(story.facts)  # what follows is written now and decided later
    hub = app.state.hub
    if kind == "naive":
        naive(hub)
    facts, n_messages, end = script(story, MESSAGES[n_readers])
    port = str(listener.getsockname()[1])
    command = [sys.executable, "-m", "loadtests.streams", "--read", port, str(n_readers), token, end.decode()]
    readers = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE)
    assert readers.stdout is not None
    assert (await readers.stdout.readline()).strip() == b"ready"
    began_s, cpu_s = time.perf_counter(), time.process_time()
    for start in range(0, len(facts), FACTS_A_BATCH):
        engine.commit(facts[start : start + FACTS_A_BATCH])
        await asyncio.sleep(0)
        if max(connection.n_bytes for connection in hub._connections) > 262_144:
            await eventually(lambda: max(connection.n_bytes for connection in hub._connections) < 131_072, 60)
    outcome = json.loads(await readers.stdout.readline())
    elapsed_s, cpu_s = time.perf_counter() - began_s, time.process_time() - cpu_s
    await readers.wait()
    server.should_exit = True
    await serving
    n_delivered = n_messages * n_readers
    return {
        "kind": kind,
        "readers": n_readers,
        "messages": n_messages,
        "delivered_per_s": round(n_delivered / elapsed_s),
        "server_cpu_us_per_delivered": round(cpu_s / n_delivered * 1e6, 3),
        "delivered_per_cpu_s": round(n_delivered / cpu_s),
        "all_readers_got_the_same_bytes": outcome["is_same"],
        "bytes_per_message": round(outcome["n_bytes"] / n_messages),
    }


def make_key(story: Story, engine: TestEngine) -> str:
    """A key of the account, durable."""
    from app.domain.enums import Mode, Scope
    from app.domain.events import KeyCreated
    from app.services.accounts import hash_token

    token = token_of("bench")
    engine.commit([story.tell(KeyCreated("desk", token[3:11], hash_token(token), (Scope.READ,), Mode.PAPER))])
    return token


def script(story: Story, n_messages: int) -> tuple[list[Any], int, bytes]:
    """Facts that make about `n_messages` on `orders`, their exact number, and what the last one holds."""
    begin = len(story.facts)
    engine = TestEngine(fold(story.facts))
    counted = Streams(engine, LogReader([]))
    items: list[Any] = []
    counted.listen(items.extend, lambda fact: None)
    counted.begin_live("desk")
    n_told = 0
    while n_told < n_messages:
        engine.commit(story.grow(500))
        n_told = sum(Channel.ORDERS in wire.channels_of(item) for item in items)
    while Channel.ORDERS not in wire.channels_of(items[-1]):
        engine.commit(story.grow(1))
    n_told = sum(Channel.ORDERS in wire.channels_of(item) for item in items)
    counted.close()
    return story.facts[begin:], n_told, b'"seq":%d,' % items[-1].seq


def run(kind: str, n_readers: int) -> dict[str, Any]:
    """A run in a process of its own, so that one does not warm or fill the other."""
    command = [sys.executable, "-m", "loadtests.streams", "--one", kind, str(n_readers)]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=300, check=True)
    row: dict[str, Any] = json.loads(ran.stdout.splitlines()[-1])
    return row


def bench_rows(*, is_quick: bool = False) -> list[dict[str, Any]]:
    """Server CPU of a delivery by number of readers, and how much more naive sends cost, run by run in turn."""
    rows = []
    for n_readers in READERS[:2] if is_quick else READERS:
        row: dict[str, Any] = {"readers": n_readers}
        for kind in ("hub", "naive"):
            one = run(kind, n_readers)
            row |= {f"{kind}_us": one["server_cpu_us_per_delivered"], f"{kind}_per_s": one["delivered_per_s"]}
        rows.append(row | {"naive_over_hub": round(row["naive_us"] / row["hub_us"], 2)})
    return rows


def main() -> None:
    """Runs all, prints a table or JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--one", nargs=2, metavar=("KIND", "READERS"))
    parser.add_argument("--read", nargs=4, metavar=("PORT", "READERS", "TOKEN", "END"))
    arguments = parser.parse_args()
    if arguments.read:
        port, n_readers, token, end = arguments.read
        uvloop.run(read(int(port), int(n_readers), token, end.encode()))
        return
    if arguments.one:
        kind, n_readers = arguments.one
        print(json.dumps(uvloop.run(measure(kind, int(n_readers)))))
        return
    seen = probe.look()
    rows = [run(kind, n_readers) for n_readers in READERS for kind in KINDS]
    if arguments.json:
        print(json.dumps({"rows": rows, "stretch_p50": seen.stretch_p50, "stretch_p99": seen.stretch_p99}))
        return
    print(f"contention probe: p50 {seen.stretch_p50}, p99 {seen.stretch_p99} (1.0 is undisturbed)")
    print(f"{'kind':6} {'readers':>7} {'delivered/s':>12} {'server CPU us each':>19} {'per CPU second':>15}")
    for row in rows:
        print(
            f"{row['kind']:6} {row['readers']:7} {row['delivered_per_s']:12,} "
            f"{row['server_cpu_us_per_delivered']:19} {row['delivered_per_cpu_s']:15,}"
        )


if __name__ == "__main__":
    main()
