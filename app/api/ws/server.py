"""uvicorn as the streams want it: their protocol, no compression, a shutdown that is announced and drained first."""

from __future__ import annotations

import asyncio
import socket
from typing import Any, Final

import uvicorn

from app.api.ws.fanout import Hub
from app.api.ws.protocol import StreamProtocol

MAX_CLIENT_BYTES: Final = 65_536
POLL_S: Final = 0.02
# Readers hear of the end at least so long before it comes.
MIN_NOTICE_S: Final = 0.2


def uvicorn_options() -> dict[str, Any]:
    """Options of uvicorn.Config. Compression costs a context of up to a megabyte for each connection."""
    return {
        "ws": StreamProtocol,
        "ws_max_size": MAX_CLIENT_BYTES,
        "ws_per_message_deflate": False,
        "ws_ping_interval": 20.0,
        "ws_ping_timeout": 20.0,
        "timeout_graceful_shutdown": 2,
    }


class StreamServer(uvicorn.Server):
    """On the first signal: new orders are refused, readers are told, what is at venues gets `drain_s` to end and is
    still streamed; then every stream is closed with 1012 and uvicorn's own shutdown runs. A second signal hurries."""

    def __init__(self, config: uvicorn.Config, drain_s: float = 3.0) -> None:
        super().__init__(config)
        self._drain_s = drain_s

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        hub = self.lifespan.state.get("hub")
        if isinstance(hub, Hub):
            await self._drain(hub)
        await super().shutdown(sockets)

    async def _drain(self, hub: Hub) -> None:
        loop = asyncio.get_running_loop()
        begin_s = loop.time()
        engine = hub.services.engine
        engine.is_draining = True
        hub.announce_shutdown(round(self._drain_s * 1_000))
        notice_s = MIN_NOTICE_S if hub.n_connections else 0.0
        while not self.force_exit:
            elapsed_s = loop.time() - begin_s
            is_quiet = not engine.ledger.live_children and elapsed_s >= notice_s
            if is_quiet or elapsed_s >= self._drain_s:
                break
            await asyncio.sleep(POLL_S)
        await engine.durable()
        hub.close_all()
        await asyncio.sleep(POLL_S)
