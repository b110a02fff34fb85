"""A connection's queue: order kept, bytes bounded, and an honest last_seq when it is cut."""

from __future__ import annotations

import asyncio
from collections.abc import MutableMapping
from typing import Any

import msgspec

from app.api.ws.messages import Channel
from app.api.ws.protocol import payload_of, text_frame
from app.api.ws.streams import CloseCode, Connection, Subscription


class Socket:
    """Takes frames while `is_open`."""

    def __init__(self) -> None:
        self.is_open = asyncio.Event()
        self.is_open.set()
        self.said: list[MutableMapping[str, Any]] = []

    async def send(self, message: MutableMapping[str, Any]) -> None:
        if message["type"] != "bestex.abort":
            await self.is_open.wait()
        self.said.append(message)


def make(socket: Socket, max_bytes: int = 1_000, *, is_framed: bool = True) -> Connection:
    return Connection(socket.send, is_framed, max_bytes, last_seq_of=lambda account: 99, now_ns=lambda: 10**18)


def subscribe(connection: Connection, sub: int, prev_seq: int, *, is_live: bool = True) -> Subscription:
    subscription = Subscription(connection, sub, Channel.ORDERS, None, 10, prev_seq=prev_seq, is_live=is_live)
    connection.subscriptions[sub] = subscription
    return subscription


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_what_waits_in_one_tick_leaves_in_one_write_and_in_order() -> None:
    socket = Socket()
    connection = make(socket)
    writer = asyncio.create_task(connection.write_for_ever())
    await settle()
    for i in range(10):
        connection.push(text_frame(b"%d" % i), i + 1)
    await settle()
    assert [m["type"] for m in socket.said] == ["bestex.frames"]
    assert socket.said[0]["data"] == b"".join(text_frame(b"%d" % i) for i in range(10))
    assert connection.n_bytes == 0
    writer.cancel()


async def test_without_the_framing_protocol_messages_leave_one_by_one() -> None:
    socket = Socket()
    connection = make(socket, is_framed=False)
    writer = asyncio.create_task(connection.write_for_ever())
    connection.push(text_frame(b"a"))
    connection.push(text_frame(b"b"))
    await settle()
    assert [m["text"] for m in socket.said] == ["a", "b"]
    writer.cancel()


async def test_the_bound_holds_at_the_limit_and_cuts_beyond_it() -> None:
    for n_excess, is_cut in ((0, False), (1, True)):
        socket = Socket()
        connection = make(socket, max_bytes=100)
        subscribe(connection, 1, 7)
        connection.push(text_frame(b"x" * (98 + n_excess)), 8)
        assert connection.is_cut is is_cut
        assert (connection.closing is not None) is is_cut


async def test_the_reason_names_the_last_seq_that_was_written_on_every_subscription() -> None:
    socket = Socket()
    connection = make(socket, max_bytes=100)
    subscribe(connection, 1, 12)
    writer = asyncio.create_task(connection.write_for_ever())
    connection.push(text_frame(b"x" * 40), 9)
    await settle()  # 9 is written
    socket.is_open.clear()
    connection.push(text_frame(b"x" * 40), 10)
    await settle()  # 10 is stuck in the write
    connection.push(text_frame(b"x" * 40), 11)
    connection.push(text_frame(b"x" * 90), 12)
    assert connection.closing == (CloseCode.SLOW_CONSUMER, "slow_consumer last_seq=9")
    await asyncio.wait_for(writer, 20)
    assert socket.said[-1] == {"type": "bestex.abort", "code": 4008, "reason": "slow_consumer last_seq=9"}
    assert len(socket.said) == 2
    connection.push(text_frame(b"late"), 13)
    assert not connection.frames


async def test_a_replay_that_lags_lowers_the_named_seq() -> None:
    connection = make(Socket(), max_bytes=100)
    subscribe(connection, 1, 50)
    subscribe(connection, 2, 30, is_live=False)
    connection.push(text_frame(b"x" * 101), 51)
    assert connection.closing == (CloseCode.SLOW_CONSUMER, "slow_consumer last_seq=30")


async def test_a_close_waits_for_what_was_said_before_it() -> None:
    socket = Socket()
    connection = make(socket)
    connection.push(text_frame(b"last words"))
    connection.close(CloseCode.UNAUTHENTICATED, "key_revoked")
    connection.close(CloseCode.RESTART, "ignored")
    await asyncio.wait_for(connection.write_for_ever(), 1)
    assert [m["type"] for m in socket.said] == ["bestex.frames", "websocket.close"]
    assert (socket.said[1]["code"], socket.said[1]["reason"]) == (4001, "key_revoked")


async def test_a_heartbeat_comes_behind_what_waits_and_never_piles_up() -> None:
    socket = Socket()
    connection = make(socket)
    subscribe(connection, 1, 5)
    subscribe(connection, 2, 3, is_live=False)
    connection.beat()
    connection.push(text_frame(b"first"), 5)
    connection.beat()
    writer = asyncio.create_task(connection.write_for_ever())
    await settle()
    data = socket.said[0]["data"]
    first = text_frame(b"first")
    assert data.startswith(first)
    beat = msgspec.json.decode(payload_of(data[len(first) :]))
    assert (beat["last_seq"], beat["sub_seq"], beat["replaying"]) == (99, {"1": 5, "2": 3}, [2])
    assert len(socket.said) == 1
    writer.cancel()


async def test_room_is_waited_for_until_the_reader_took_enough() -> None:
    socket = Socket()
    connection = make(socket, max_bytes=400)
    socket.is_open.clear()
    writer = asyncio.create_task(connection.write_for_ever())
    for i in range(3):
        connection.push(text_frame(b"x" * 60), i + 1)
    waiting = asyncio.create_task(connection.room())
    await settle()
    # The whole queue went into one write that is stuck, so there is room in the queue itself.
    assert waiting.done()
    for i in range(3):
        connection.push(text_frame(b"x" * 60), i + 4)
    waiting = asyncio.create_task(connection.room())
    await settle()
    assert not waiting.done()
    socket.is_open.set()
    await asyncio.wait_for(waiting, 1)
    writer.cancel()


async def test_the_end_frees_whoever_waits_for_room() -> None:
    connection = make(Socket(), max_bytes=400)
    connection.push(text_frame(b"x" * 200))
    waiting = asyncio.create_task(connection.room())
    await settle()
    assert not waiting.done()
    connection.close(CloseCode.RESTART, "server_shutdown")
    await asyncio.wait_for(waiting, 1)


def test_a_filter_lets_through_what_concerns_no_symbol() -> None:
    connection = Connection(Socket.__new__(Socket).send, True, 1, lambda account: 0, lambda: 0)
    some = Subscription(connection, 1, Channel.RISK, frozenset({"BTC/USDT"}), 10)
    every = Subscription(connection, 2, Channel.RISK, None, 10)
    assert [some.wants(symbol) for symbol in ("BTC/USDT", "ETH/USDT", "")] == [True, False, True]
    assert every.wants("ETH/USDT")
