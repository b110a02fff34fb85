"""/v1/ws and /asyncapi.json as routes of the application, and one connection from handshake to end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, WebSocketRoute
from starlette.types import Receive, Scope, Send

from app.api.ws import wire
from app.api.ws.asyncapi import asyncapi_document
from app.api.ws.fanout import Hub, HubLimits
from app.api.ws.protocol import FRAMES
from app.api.ws.session import Session

PATH: Final = "/v1/ws"
DOCUMENT_PATH: Final = "/asyncapi.json"


async def serve(hub: Hub, scope: Scope, receive: Receive, send: Send) -> None:
    """One connection: a reader of what the client says, a writer of what waits for it; the end of one ends both."""
    await receive()
    await send({"type": "websocket.accept"})
    connection = hub.enter(send, is_framed=FRAMES in scope.get("extensions", {}))
    reader = asyncio.create_task(Session(hub, connection).read_for_ever(receive))
    writer = asyncio.create_task(connection.write_for_ever())
    try:
        await asyncio.wait({reader, writer}, return_when=asyncio.FIRST_COMPLETED)
        if connection.closing is not None and not writer.done():
            await asyncio.wait({writer})
    finally:
        hub.leave(connection)
        for task in (reader, writer):
            task.cancel()
        results = await asyncio.gather(reader, writer, return_exceptions=True)
    for result in results:
        # A client that is gone shows as OSError in whoever wrote to it.
        if isinstance(result, Exception) and not isinstance(result, OSError):
            raise result


class _Endpoint:
    """The ASGI application behind PATH."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await serve(scope["app"].state.hub, scope, receive, send)


def mount_streams(app: FastAPI, limits: HubLimits | None = None) -> None:
    """Adds /v1/ws and /asyncapi.json to `app`; the hub lives inside the app's lifespan, once services are there.

    `app.state.stream_limits`, if the lifespan sets it, wins over `limits`. The lifespan's state gets
    `hub`, so that the server can announce its end (server.py).
    """
    document = wire.encode(asyncapi_document(app.version))
    inner = app.router.lifespan_context

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[dict[str, Any]]:
        async with inner(app) as state:
            chosen = getattr(app.state, "stream_limits", None) or limits or HubLimits()
            hub = app.state.hub = Hub(app.state.services, chosen)
            try:
                yield {**(state or {}), "hub": hub}
            finally:
                await hub.close()

    async def asyncapi(request: Request) -> Response:
        return Response(document, media_type="application/json")

    app.router.lifespan_context = lifespan
    app.router.routes.append(WebSocketRoute(PATH, _Endpoint()))
    app.router.routes.append(Route(DOCUMENT_PATH, asyncapi, methods=["GET"], include_in_schema=False))
