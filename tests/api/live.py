"""The test gateway behind a real HTTP server on a free loopback port, in its own thread."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import uvicorn

from app.domain.enums import Mode, Scope
from tests.api.gateway import Gateway, open_gateway


@dataclass
class Live:
    """A server that is up; `gateway` belongs to its thread and is only looked at from here."""

    url: str = ""
    tokens: dict[str, str] = field(default_factory=dict)
    gateway: Gateway | None = None


@contextmanager
def live_server() -> Iterator[Live]:
    """Starts, waits until it answers, and stops it at the end. `tokens["all"]` is a key of `desk` with every scope."""
    live = Live()
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    live.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    is_up = threading.Event()
    servers: list[uvicorn.Server] = []

    async def serve() -> None:
        async with open_gateway() as gateway:
            token, _ = await gateway.services.accounts.create("desk", list(Scope), Mode.PAPER)
            live.gateway = gateway
            live.tokens = gateway.tokens | {"all": token}
            config = uvicorn.Config(
                gateway.app, log_level="critical", access_log=False, lifespan="off", ws="none", timeout_keep_alive=2
            )
            server = uvicorn.Server(config)
            servers.append(server)
            is_up.set()
            await server.serve(sockets=[listener])

    thread = threading.Thread(target=lambda: asyncio.run(serve()), daemon=True)
    thread.start()
    assert is_up.wait(30)
    try:
        yield live
    finally:
        servers[0].should_exit = True
        thread.join(15)
        listener.close()
        assert not thread.is_alive()
