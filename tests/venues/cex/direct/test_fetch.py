"""A GET of a public address: its body, or Unavailable that says what happened."""

import contextlib

import pytest
from websockets.asyncio.server import serve
from websockets.datastructures import Headers
from websockets.http11 import Response

from app.domain.errors import Unavailable
from app.venues.cex.direct.fetch import fetch


@contextlib.asynccontextmanager
async def answering(status, body):
    def answer(_connection, _request):
        return Response(status, "", Headers({"Content-Length": str(len(body)), "Connection": "close"}), body)

    async def never(_socket):
        raise AssertionError("nobody opens a socket here")

    async with serve(never, "127.0.0.1", 0, process_request=answer) as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/depth"


async def test_a_body_comes_as_it_is():
    async with answering(200, b"[1]") as url:
        assert await fetch(url) == b"[1]"


async def test_another_status_is_unavailable():
    async with answering(429, b"slow down") as url:
        with pytest.raises(Unavailable, match="429"):
            await fetch(url)


async def test_a_closed_port_and_another_scheme_are_unavailable():
    async with answering(200, b"") as url:
        pass
    for gone in (url, "file:///etc/hostname"):
        with pytest.raises(Unavailable):
            await fetch(gone)
