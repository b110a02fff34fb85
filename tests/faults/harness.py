"""A service that can be killed, venues that cannot, and clients that remember what they were told."""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import asyncpg
import httpx
import websockets

from app.store.migrate import plain_url
from app.store.statehash import StateHash, database_hash
from app.venues.clock import SystemClock
from app.venues.faults import Faults
from app.venues.registry import load_universe
from app.venues.remote import connect_venues

ROOT = Path(__file__).resolve().parents[2]


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


async def database_state(url: str) -> StateHash:
    """The state hash of what Postgres holds, at its watermark."""
    connection = await asyncpg.connect(plain_url(url))
    try:
        return await database_hash(connection, "s0")
    finally:
        await connection.close()


@dataclass
class Venues:
    """The simulated venues in their own process, never killed by a test; its ledgers are the oracle."""

    folder: Path
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[str] | None = None

    def start(self, *extra: str) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "app.venues.process", "--dir", str(self.folder), "--port", str(self.port)]
        self.process = subprocess.Popen([*command, "--seed", "7", *extra], cwd=ROOT, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line.startswith("ready"), line

    async def set_faults(self, faults: Faults, only: Sequence[str] = ()) -> None:
        """At every venue, or `only` at those; the process must have been started with --may-fail."""
        ports = connect_venues(load_universe(), SystemClock(), "127.0.0.1", self.port)
        for venue in [port for name, port in ports.items() if name in (only or ports)]:
            await venue.start(lambda report: None, lambda book: None)
            await venue.set_faults(faults)
            await asyncio.sleep(0.05)
            await venue.stop()

    def stop(self) -> None:
        if self.process is not None:
            self.process.send_signal(signal.SIGINT)
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
            assert self.process.stdout is not None
            self.process.stdout.close()


class Preloaded:
    """The process that has imported and compiled everything and forks gateways: one for all tests of this process."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None

    def say(self, line: str) -> str:
        """What it answers; it is started where there is none."""
        process = self._process
        if process is None:
            process = self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.faults.preloaded"],
                cwd=ROOT,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            atexit.register(self._end)
            assert process.stdout is not None and process.stdout.readline() == "ready\n"
        assert process.stdin is not None and process.stdout is not None
        process.stdin.write(line + "\n")
        process.stdin.flush()
        return process.stdout.readline().strip()

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.communicate()


PRELOADED: Final = Preloaded()


@dataclass
class Gateway:
    """A gateway forked from the preloaded process, with an environment of its own, and killed without a word."""

    home: Path
    venues: Venues
    database_url: str = ""
    port: int = field(default_factory=free_port)
    environment: dict[str, str] = field(default_factory=dict)
    pid: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def key(self) -> str:
        return (self.home / "demo.key").read_text().strip()

    @property
    def operator_key(self) -> str:
        return (self.home / "operator.key").read_text().strip()

    def start(self) -> None:
        environment = {
            **os.environ,
            "BESTEX_HOME": str(self.home),
            "BESTEX_PORT": str(self.port),
            "BESTEX_VENUES": f"tcp://127.0.0.1:{self.venues.port}",
            "BESTEX_DATABASE_URL": self.database_url,
            "BESTEX_LOG_LEVEL": "error",
            **self.environment,
        }
        self.pid = int(PRELOADED.say(f"start {json.dumps(environment)}").split()[1])

    def kill(self) -> None:
        """SIGKILL: no drain, no flush, no goodbye."""
        os.kill(self.pid, signal.SIGKILL)
        self.reap()

    def stop(self) -> None:
        os.kill(self.pid, signal.SIGTERM)
        self.reap()

    def reap(self) -> None:
        assert PRELOADED.say(f"reap {self.pid}") == f"gone {self.pid}"
        self.pid = 0

    def close(self) -> None:
        """Leaves none running, whatever a test came to."""
        if self.pid:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)
            self.reap()

    async def ready(self, timeout_s: float = 120) -> float:
        """Waits for /readyz; gives the seconds it took. One that never is shows where it stands, on stderr."""
        started, last = time.perf_counter(), "no answer"
        async with httpx.AsyncClient(base_url=self.url, timeout=2) as client:
            while time.perf_counter() - started < timeout_s:
                try:
                    answer = await client.get("/readyz")
                    if answer.status_code == 200:
                        return time.perf_counter() - started
                    last = answer.text
                except httpx.HTTPError as error:
                    last = repr(error)
                await asyncio.sleep(0.02)
        os.kill(self.pid, signal.SIGUSR1)
        raise TimeoutError(f"the gateway did not become ready: {last}")


def order_body(client_order_id: str, rng: random.Random) -> dict[str, object]:
    """A random small order: mostly immediate, sometimes held, buys and sells."""
    body: dict[str, object] = {
        "client_order_id": client_order_id,
        "symbol": "BTC/USDT",
        "side": rng.choice(["buy", "sell"]),
        "type": "market",
        "time_in_force": "ioc",
        "qty": f"{rng.randint(1, 200) / 100:.2f}",
    }
    if rng.random() < 0.2:
        body.update(type="market", time_in_force="gtc")
    return body


@dataclass
class Desk:
    """A client that posts, remembers acks, and asks again about what it was not told."""

    gateway: Gateway
    seed: int
    acks: dict[str, str] = field(default_factory=dict)
    bodies: dict[str, dict[str, object]] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)
    unsure: list[str] = field(default_factory=list)
    n_sent: int = 0

    async def post(self, client: httpx.AsyncClient, client_order_id: str) -> int:
        try:
            answer = await client.post("/v1/orders", json=self.bodies[client_order_id])
        except httpx.HTTPError:
            self.unsure.append(client_order_id)
            return 0
        if answer.status_code in (200, 201):
            told = answer.json()["order_id"]
            assert self.acks.setdefault(client_order_id, told) == told
        else:
            self.refused[client_order_id] = answer.text
        return answer.status_code

    def body(self, client_order_id: str, rng: random.Random) -> dict[str, object]:
        return order_body(client_order_id, rng)

    async def load(self, rate_per_s: float, stop: asyncio.Event) -> None:
        """Open loop at `rate_per_s` until `stop`; first asks again about every unsure order."""
        rng = random.Random(self.seed + self.n_sent)
        headers = {"Authorization": f"Bearer {self.gateway.key}"}
        async with httpx.AsyncClient(base_url=self.gateway.url, headers=headers, timeout=20) as client:
            unsure, self.unsure = self.unsure, []
            tasks = [asyncio.create_task(self.post(client, c)) for c in unsure]
            while not stop.is_set():
                self.n_sent += 1
                client_order_id = f"d{self.seed}-{self.n_sent}"
                self.bodies[client_order_id] = self.body(client_order_id, rng)
                tasks.append(asyncio.create_task(self.post(client, client_order_id)))
                await asyncio.sleep(rng.expovariate(rate_per_s))
            await asyncio.gather(*tasks)


@dataclass
class Listener:
    """A WebSocket subscriber that resumes with `after_seq` and keeps every message."""

    gateway: Gateway
    channel: str = "orders"
    messages: list[dict[str, object]] = field(default_factory=list)
    last_seq: int = 0
    n_connections: int = 0

    async def follow(self, stop: asyncio.Event) -> None:
        """Listens until `stop` or a cut; call it again to resume."""
        url = f"ws://127.0.0.1:{self.gateway.port}/v1/ws"
        while not stop.is_set():
            try:
                async with websockets.connect(url, open_timeout=2, close_timeout=1) as socket_:
                    self.n_connections += 1
                    async for message in self._session(socket_):
                        if message.get("channel") == self.channel and message.get("type") == "update":
                            self.messages.append(message)
                            self.last_seq = int(message["seq"])  # type: ignore[call-overload]
                        if stop.is_set():
                            return
            except (OSError, websockets.WebSocketException, TimeoutError):
                await asyncio.sleep(0.05)

    async def _session(self, socket_: websockets.ClientConnection) -> AsyncIterator[dict[str, object]]:
        await socket_.send(json.dumps({"op": "auth", "id": 1, "token": self.gateway.key}))
        subscribe = {"op": "subscribe", "id": 2, "channel": self.channel, "symbols": ["*"], "after_seq": self.last_seq}
        await socket_.send(json.dumps(subscribe))
        async for raw in socket_:
            yield json.loads(raw)
