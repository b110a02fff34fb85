"""Frames however they are cut, split or mixed with control frames; handshakes and frames that break the rules."""

import asyncio
import contextlib
import random

import pytest
from websockets.asyncio.server import serve

from app.venues.cex.direct.wire import Wire

from .following import until


def frame(payload, first=0x81, masked=0):
    n = len(payload)
    if n < 126:
        return bytes([first, n | masked]) + payload
    mark, wide = (126, 2) if n < 65_536 else (127, 8)
    return bytes([first, mark | masked]) + n.to_bytes(wide, "big") + payload


@contextlib.asynccontextmanager
async def opened(script):
    """A wire to a server that runs `script(socket)`; yields the wire and what it heard."""
    heard = []
    async with serve(script, "127.0.0.1", 0, compression=None) as server:
        port = server.sockets[0].getsockname()[1]
        wire = await Wire.connect(f"ws://127.0.0.1:{port}/stream?streams=a", heard.append)
        try:
            yield wire, heard
        finally:
            wire.abort()
            await wire.closed


async def stay(socket):
    with contextlib.suppress(Exception):
        await socket.wait_closed()


async def test_texts_of_every_length_arrive_in_order():
    texts = ["", "a", "b" * 125, "c" * 126, "d" * 65_535, "e" * 65_536, "f" * 300_000, "g"]

    async def script(socket):
        for text in texts:
            await socket.send(text)
        await stay(socket)

    async with opened(script) as (_, heard):
        await until(lambda: len(heard) == len(texts))
        assert [one.decode() for one in heard] == texts


async def test_frames_cut_anywhere_are_whole_again():
    dice = random.Random(5)
    payloads = [bytes([65 + i % 26]) * dice.choice([0, 3, 125, 126, 400, 70_000]) for i in range(40)]
    async with opened(stay) as (wire, heard):
        stream = b"".join(frame(one) for one in payloads)
        while stream:
            n = dice.choice([1, 2, 3, 7, 1_000, 50_000])
            wire.data_received(stream[:n])
            stream = stream[n:]
        assert heard == payloads


async def test_a_split_text_is_joined_with_a_ping_in_between():
    async with opened(stay) as (wire, heard):
        parts = frame(b"ab", 0x01) + frame(b"?", 0x89) + frame(b"cd", 0x00) + frame(b"ef", 0x80) + frame(b"next")
        wire.data_received(parts)
        assert heard == [b"abcdef", b"next"]
        assert not wire.closed.done()


async def test_it_answers_and_says():
    echoes = []

    async def script(socket):
        async for said in socket:
            echoes.append(said)
            await socket.send(said)

    async with opened(script) as (wire, heard):
        wire.say("hello")
        wire.ping()
        await until(lambda: heard == [b"hello"])
        assert echoes == ["hello"]


@pytest.mark.parametrize(
    "broken",
    [frame(b"x", masked=0x80), bytes([0x81, 127]) + (1 << 40).to_bytes(8, "big"), frame(b"x", 0x80), frame(b"x", 0x8F)],
)
async def test_frames_that_break_the_rules_end_the_socket(broken):
    async with opened(stay) as (wire, heard):
        wire.data_received(broken)
        await asyncio.wait_for(wire.closed, 20)
        assert heard in ([], [b"x"])


async def test_a_listener_that_breaks_ends_the_socket_and_says_why():
    def break_down(_text):
        raise ZeroDivisionError("listener")

    async with opened(stay) as (wire, _):
        wire._on_text = break_down
        wire.data_received(frame(b"x"))
        assert "ZeroDivisionError" in await wire.closed


async def test_a_server_that_closes_is_told():
    async def script(socket):
        await socket.close(1012, "restart")

    async with opened(script) as (wire, _):
        assert "1012" in await asyncio.wait_for(wire.closed, 20)


async def test_a_refused_handshake_and_a_closed_port_are_errors():
    async with serve(
        stay, "127.0.0.1", 0, process_request=lambda connection, _: connection.respond(503, "no")
    ) as server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(OSError, match="503"):
            await asyncio.wait_for(Wire.connect(f"ws://127.0.0.1:{port}/", print), 2)
    with pytest.raises(OSError):
        await Wire.connect(f"ws://127.0.0.1:{port}/", print)
