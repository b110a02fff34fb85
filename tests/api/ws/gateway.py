"""A real uvicorn on loopback over a story's log: real sockets, real hub, an engine that commits on demand."""

from __future__ import annotations

import asyncio
import hashlib
import json
import socket
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import uvicorn
import websockets
from fastapi import FastAPI
from starlette.requests import Request
from starlette.routing import Route

from app.api.sse import resume_point, sse_response
from app.api.wire.event import event_json
from app.api.ws.fanout import HubLimits
from app.api.ws.hub import mount_streams
from app.api.ws.server import StreamServer, uvicorn_options
from app.domain.enums import Mode, Scope
from app.domain.events import Fact, KeyCreated
from app.execution.ledger import Ledger, fold
from app.services.accounts import Accounts, hash_token
from app.services.streams import Streams
from tests.services.fact_stories import SYMBOLS, UNIVERSE, FakeEngine, LogReader, Story

# A reader whose queue is full does not see the close it waits for, so ordinary ones have no bound.
READER_OPTIONS: dict[str, Any] = {"compression": None, "max_size": 2**24, "max_queue": None, "close_timeout": 0.5}
QUICK = HubLimits(auth_timeout_s=0.3, heartbeat_s=0.05, max_connections_per_key=100)


def token_of(name: str) -> str:
    digest = hashlib.sha256(name.encode()).hexdigest()
    return f"bx_{digest[:8]}_{digest[:43]}"


class LadderReads:
    """Books as the test sets them; symbols as Reads names them."""

    def __init__(self) -> None:
        self.mid_units = 6_400_000

    def symbol(self, text: str) -> Any:
        return SYMBOLS.get(text.replace("-", "/"))

    def known_symbol(self, text: str, pointer: str) -> Any:
        return SYMBOLS[text]

    def ladder(self, symbol: Any, n_levels: int, *, is_all_in: bool) -> Any:
        from app.services.ladder import BookUsed, Ladder, LadderLevel

        bids = [LadderLevel("alpha", self.mid_units - 100 * i - 50, 0, 1000) for i in range(n_levels)]
        asks = [LadderLevel("beta", self.mid_units + 100 * i + 50, 0, 2000) for i in range(n_levels)]
        return Ladder(symbol, 1_700_000_000_000_000_000, 2 * self.mid_units, bids, asks, [BookUsed("alpha", 7, 1)], {})


class TestEngine(FakeEngine):
    """What the hub and the server ask of an engine."""

    __test__ = False

    def __init__(self, ledger: Ledger) -> None:
        super().__init__(ledger)
        self.universe = UNIVERSE
        self.is_draining = False

    def now_ns(self) -> int:
        return 1_700_000_100_000_000_000

    async def durable(self) -> None:
        return None


@dataclass
class Gateway:
    """The server under test. `grow` writes lawful facts and makes them durable, in batches."""

    story: Story
    engine: TestEngine
    streams: Streams
    app: FastAPI
    reads: LadderReads
    server: StreamServer
    port: int
    serving: asyncio.Task[None]
    tokens: dict[str, str] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}/v1/ws"

    @property
    def hub(self) -> Any:
        return self.app.state.hub

    def key(self, account: str, scopes: Sequence[Scope] = (Scope.READ,), name: str = "") -> str:
        """A durable key of `account`; gives its token."""
        token = token_of(f"{account}{name}{scopes}")
        if token not in self.tokens.values():
            event = KeyCreated(account, token[3:11], hash_token(token), tuple(scopes), Mode.PAPER)
            self.commit([self.story.tell(event)])
            self.tokens[f"{account}{name}"] = token
        return token

    def commit(self, facts: Sequence[Fact], batch: int = 5) -> None:
        """The engine's ledger is the story's own: it has folded these already."""
        for start in range(0, len(facts), batch):
            self.engine.commit(facts[start : start + batch])

    def grow(self, n_facts: int, batch: int = 5) -> list[Fact]:
        facts = self.story.grow(n_facts)
        self.commit(facts, batch)
        return facts

    async def connect_slowly(self, token: str) -> Reader:
        """A reader with a small window that reads nothing it is not asked to."""
        sock = socket.socket()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        sock.setblocking(False)
        await asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", self.port))
        return await self.connect(token, sock=sock, max_queue=1)

    async def connect(self, token: str | None = None, **options: Any) -> Reader:
        socket_ = await websockets.connect(self.url, **(READER_OPTIONS | options))
        reader = Reader(socket_)
        if token is not None:
            await reader.say(op="auth", id="auth", token=token)
            assert (await reader.reply("auth"))["ok"]
        return reader

    async def stop(self) -> None:
        if not self.serving.done():
            self.server.should_exit = True
            await asyncio.wait_for(self.serving, 60)


class Reader:
    """A client that keeps what it was told."""

    def __init__(self, socket_: websockets.ClientConnection) -> None:
        self.socket = socket_
        self.messages: list[dict[str, Any]] = []

    async def say(self, **message: Any) -> None:
        await self.socket.send(json.dumps(message))

    async def receive(self, timeout_s: float = 20.0) -> dict[str, Any]:
        message: dict[str, Any] = json.loads(await asyncio.wait_for(self.socket.recv(), timeout_s))
        self.messages.append(message)
        return message

    async def reply(self, op: str, timeout_s: float = 20.0) -> dict[str, Any]:
        """The next answer to `op`, or the error."""
        return await self.until(lambda m: m.get("op") in (op, "error"), timeout_s)

    async def until(self, wanted: Callable[[dict[str, Any]], bool], timeout_s: float = 20.0) -> dict[str, Any]:
        async with asyncio.timeout(timeout_s):
            while True:
                message = await self.receive(timeout_s)
                if wanted(message):
                    return message

    async def until_seq(self, channel: str, seq: int, timeout_s: float = 30.0) -> list[dict[str, Any]]:
        """Updates of `channel` until a heartbeat says that the account is at `seq` and no replay is under way."""
        while True:
            message = await self.receive(timeout_s)
            if message.get("channel") == "heartbeat" and message["last_seq"] >= seq and not message["replaying"]:
                return self.updates(channel)

    def updates(self, channel: str) -> list[dict[str, Any]]:
        return [m for m in self.messages if m.get("channel") == channel and m.get("type") == "update"]

    async def subscribe(self, channel: str, **members: Any) -> dict[str, Any]:
        await self.say(op="subscribe", id=channel, channel=channel, **members)
        return await self.reply("subscribe")

    async def closed(self, timeout_s: float = 20.0) -> tuple[int, str]:
        """(code, reason) once the server has closed; 1006 if it said nothing that could be read."""
        async with asyncio.timeout(timeout_s):
            try:
                while True:
                    await self.receive(timeout_s)
            except websockets.ConnectionClosed as end:
                return (end.rcvd.code, end.rcvd.reason) if end.rcvd is not None else (1006, "")

    async def close(self) -> None:
        await self.socket.close()


async def eventually(condition: Callable[[], bool], timeout_s: float = 20.0) -> None:
    for _ in range(int(timeout_s / 0.01)):
        if condition():
            return
        await asyncio.sleep(0.01)
    assert condition()


class QuickServer(StreamServer):
    """Looks ten times as often as uvicorn whether it shall end."""

    async def main_loop(self) -> None:
        counter = 0
        while not await self.on_tick(counter):
            counter += 1
            await asyncio.sleep(0.01)


def free_socket(send_buffer_bytes: int) -> socket.socket:
    listener = socket.socket()
    if send_buffer_bytes:  # connections inherit it; the kernel would otherwise hold megabytes for a slow reader
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, send_buffer_bytes)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", 0))
    return listener


def make_app(engine: TestEngine, streams: Streams, reads: LadderReads, limits: HubLimits) -> FastAPI:
    accounts = Accounts(engine)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        app.state.services = SimpleNamespace(engine=engine, streams=streams, reads=reads, accounts=accounts)
        yield
        streams.close()

    async def events(request: Request) -> Any:
        principal = accounts.authenticate(request.headers["authorization"].removeprefix("Bearer "))
        assert principal is not None
        after_seq = int(request.query_params.get("after_seq", "0"))
        return sse_response(
            streams,
            principal.account,
            resume_point(request.headers.get("last-event-id"), after_seq),
            render=lambda item: json.dumps(event_json(item, engine.universe)).encode(),
            is_allowed=lambda: principal.prefix in engine.ledger.keys,
            heartbeat_s=0.05,
        )

    app = FastAPI(lifespan=lifespan, version="test")
    app.router.routes.append(Route("/v1/events", events))
    mount_streams(app, limits)
    return app


@asynccontextmanager
async def running(
    story: Story,
    *,
    limits: HubLimits = QUICK,
    ring_facts: int = 65_536,
    options: dict[str, Any] | None = None,
    send_buffer_bytes: int = 0,
) -> AsyncIterator[Gateway]:
    """A gateway over `story` as it stands: what is in it now is history."""
    engine = TestEngine(fold(story.facts))
    streams = Streams(engine, LogReader(story.facts), ring_facts=ring_facts)
    engine.ledger = story.ledger
    reads = LadderReads()
    app = make_app(engine, streams, reads, limits)
    config = uvicorn.Config(
        app, log_level="critical", lifespan="on", access_log=False, **(uvicorn_options() | (options or {}))
    )
    server = QuickServer(config, drain_s=0.3)
    listener = free_socket(send_buffer_bytes)
    # `_serve` and not `serve`: the test's process keeps its own signal handlers.
    serving = asyncio.create_task(server._serve(sockets=[listener]))
    while not server.started:
        await asyncio.sleep(0.005)
        if serving.done():
            serving.result()
    gateway = Gateway(story, engine, streams, app, reads, server, listener.getsockname()[1], serving)
    for account in story.accounts:
        gateway.key(account)
    try:
        yield gateway
    finally:
        server._drain_s = 0.0  # whoever looks at a shutdown has stopped it by itself
        await gateway.stop()
