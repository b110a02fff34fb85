"""What is written now is in the kernel before the loop goes on, in order, whatever the socket's state."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import Any

import pytest
import uvloop

from app.venues.outgoing import write_now

Ends = tuple[asyncio.StreamWriter, socket.socket]


async def ends() -> Ends:
    ours, theirs = socket.socketpair()
    theirs.setblocking(False)
    _, writer = await asyncio.open_connection(sock=ours)
    return writer, theirs


def on(run: Callable[..., Any], story: Callable[[Ends], Any]) -> None:
    async def played() -> None:
        writer, theirs = await ends()
        try:
            await story((writer, theirs))
        finally:
            writer.close()
            theirs.close()

    run(played())


@pytest.fixture(params=[asyncio.run, uvloop.run], ids=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Callable[..., Any]:
    return request.param  # type: ignore[no-any-return]


def test_the_bytes_are_at_the_far_end_before_the_loop_goes_on(run: Callable[..., Any]) -> None:
    async def story(both: Ends) -> None:
        writer, theirs = both
        write_now(writer, b"one\n")
        assert theirs.recv(100) == b"one\n"

    on(run, story)


def test_what_a_transport_holds_goes_first(run: Callable[..., Any]) -> None:
    async def story(both: Ends) -> None:
        writer, theirs = both
        writer.write(b"hello\n")
        write_now(writer, b"one\n")
        write_now(writer, b"two\n")
        await asyncio.sleep(0.01)
        write_now(writer, b"three\n")
        assert theirs.recv(100) == b"hello\none\ntwo\nthree\n"

    on(run, story)


def test_a_full_socket_loses_and_reorders_nothing(run: Callable[..., Any]) -> None:
    async def story(both: Ends) -> None:
        writer, theirs = both
        lines = [b"%07d" % n + b"x" * 60_000 + b"\n" for n in range(40)]
        for line in lines:
            write_now(writer, line)
        assert writer.transport.get_write_buffer_size() > 0
        found = b""
        while len(found) < sum(map(len, lines)):
            try:
                found += theirs.recv(1 << 20)
            except BlockingIOError:
                await asyncio.sleep(0.001)
        assert found == b"".join(lines)

    on(run, story)


def test_a_line_that_is_gone_raises_nothing_and_is_told_by_its_transport(run: Callable[..., Any]) -> None:
    async def story(both: Ends) -> None:
        writer, theirs = both
        theirs.close()
        write_now(writer, b"one\n")
        for _ in range(100):
            if writer.transport.is_closing():
                break
            write_now(writer, b"two\n")
            await asyncio.sleep(0.005)
        assert writer.transport.is_closing()

    on(run, story)
