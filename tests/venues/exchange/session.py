"""One WebSocket connection: what leaves passes the faults of streams, what asks passes those of requests."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qsl

from aiohttp import WSMsgType, web

from .faults import Fault
from .markets import Refused
from .protocols.base import Answer, Protocol, Refusal

MALFORMED = (KeyError, ValueError, TypeError, AttributeError, ArithmeticError)


async def perform(protocol: Protocol, kind: str, account: str, act: Callable[[], Answer]) -> Answer | None:
    """The answer to a request that met the faults on its way; None when nobody will ever hear one."""
    faults, venue = protocol.faults, protocol.venue

    def strike(fault: Fault) -> float | None:
        value = faults.strike(fault, venue, account, kind)
        if value is not None:
            exchange = protocol.exchange
            exchange.ledger.append(exchange.now_ns(), venue, "fault", account, fault=fault.value, route=kind)
        return value

    if strike(Fault.LOST_REQUEST) is not None:
        return None
    for fault in (Fault.RATE_LIMIT, Fault.BANNED):
        if (retry_s := strike(fault)) is not None:
            return protocol.too_many(fault is Fault.BANNED, retry_s)
    if (status := strike(Fault.ERROR_BEFORE)) is not None:
        return protocol.broken(int(status))
    if (wait_s := strike(Fault.SLOW_REQUEST)) is not None:
        await asyncio.sleep(wait_s)
    if kind == "place" and (wait_s := strike(Fault.REFUSED_BUT_TAKEN)) is not None:
        asyncio.get_running_loop().call_later(wait_s, answered, protocol, kind, act)
        return protocol.lie()
    if kind == "place" and (wait_s := strike(Fault.LOST_BUT_TAKEN)) is not None:
        asyncio.get_running_loop().call_later(wait_s, answered, protocol, kind, act)
        return None
    answer: Answer | None = answered(protocol, kind, act)
    wait_s = strike(Fault.SLOW_ANSWER)
    if strike(Fault.LOST_ACK) is not None:  # now: what is switched on while it waits is meant for another request
        answer = None
    elif (status := strike(Fault.ERROR_AFTER)) is not None:
        answer = protocol.broken(int(status))
    if wait_s is not None:
        await asyncio.sleep(wait_s)
    return answer


def answered(protocol: Protocol, kind: str, act: Callable[[], Answer]) -> Answer:
    """The handler's answer, or the venue's words for its refusal."""
    try:
        return act()
    except Refusal as refusal:
        return refusal.answer
    except Refused as refused:
        return protocol.refused(refused.code, refused.detail, kind)
    except MALFORMED as error:
        return protocol.malformed(note(protocol, kind, error))


def note(protocol: Protocol, where: str, error: Exception) -> str:
    """What was wrong with a message that could not be read; kept in the ledger, where who sent none may look."""
    exchange, words = protocol.exchange, repr(error)
    exchange.ledger.append(exchange.now_ns(), protocol.venue, "malformed", "", where=where, error=words)
    return words


class Session:
    """A client's connection. `state` is the protocol's own; `account` is set once it has logged in."""

    def __init__(self, protocol: Protocol, host: str, path: str, raw_query: str) -> None:
        self.protocol, self.host, self.path = protocol, host, path
        self.query = dict(parse_qsl(raw_query))
        self.address = ""  # host and port as the client wrote them
        self.headers: Mapping[str, str] = {}  # of the handshake
        self.account = ""
        self.state: dict[str, Any] = {}
        self.is_silent = False
        self._socket = web.WebSocketResponse(autoping=False, max_msg_size=0)
        self._out: asyncio.Queue[str | bytes | None] = asyncio.Queue()
        self._tasks: set[asyncio.Task[None]] = set()
        self._login: asyncio.Task[None] | None = None

    def push(self, message: Any, route: str = "") -> None:
        """Send a message. `route` is "book", "trades", "order", "fill" or "balance" where faults may meet it."""
        protocol, who = self.protocol, self.account
        if self._is_dead():
            return
        strike = protocol.faults.strike
        if route == "book":
            if strike(Fault.BOOK_GAP, protocol.venue, who, route) is not None:
                return
            if strike(Fault.BAD_CHECKSUM, protocol.venue, who, route) is not None:
                message = protocol.spoil(message)
        elif route == "order" and strike(Fault.MISSING_ORDER, protocol.venue, who, route) is not None:
            return
        frame = protocol.encode(self, message)
        if route == "fill":
            if strike(Fault.MISSING_FILL, protocol.venue, who, route) is not None:
                return
            if (late_s := strike(Fault.LATE_FILL, protocol.venue, who, route)) is not None:
                asyncio.get_running_loop().call_later(late_s, self._out.put_nowait, frame)
                return
            if strike(Fault.DUPLICATE_FILL, protocol.venue, who, route) is not None:
                self._out.put_nowait(frame)
        self._out.put_nowait(frame)

    def request(self, kind: str, act: Callable[[], Answer], reply: Callable[[Answer], Any]) -> None:
        """Answer a request that came over this socket; a lost request or ack is an answer that never comes."""
        task = asyncio.get_running_loop().create_task(self._request(kind, act, reply))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        if kind == "auth":
            self._login = task

    def disconnect(self) -> None:
        self._out.put_nowait(None)

    async def serve(self, request: web.Request) -> web.WebSocketResponse:
        """Run the connection to its end."""
        self.address, self.headers = request.host, request.headers
        await self._socket.prepare(request)
        self.protocol.sessions.append(self)
        writer = asyncio.get_running_loop().create_task(self._write())
        try:
            self.protocol.on_open(self)
            await self._read()
        finally:
            self.protocol.sessions.remove(self)
            self.protocol.on_close(self)
            for task in (writer, *self._tasks):
                task.cancel()
            await asyncio.gather(writer, *self._tasks, return_exceptions=True)
        return self._socket

    async def _read(self) -> None:
        async for message in self._socket:
            if self._is_dead():
                continue
            if message.type is WSMsgType.PING:
                await self._socket.pong(message.data)
            elif message.type is WSMsgType.TEXT:
                self._hear(message.data)
                if self._login is not None:  # what comes behind a log-in finds it done
                    login, self._login = self._login, None
                    await login

    def _hear(self, text: str) -> None:
        try:
            self.protocol.on_text(self, text)
        except MALFORMED as error:
            self.push(self.protocol.malformed(note(self.protocol, "socket", error)).body)

    async def _write(self) -> None:
        while (frame := await self._out.get()) is not None:
            try:
                if isinstance(frame, bytes):
                    await self._socket.send_bytes(frame)
                else:
                    await self._socket.send_str(frame)
            except ConnectionError:  # the client has gone: the reader sees it too and ends the session
                return
        await self._socket.close(code=1001)

    async def _request(self, kind: str, act: Callable[[], Answer], reply: Callable[[Answer], Any]) -> None:
        answer = await perform(self.protocol, kind, self.account, act)
        if answer is not None:
            self.push(reply(answer))

    def _is_dead(self) -> bool:
        """Mute for ever once silence struck; a disconnect ends it properly."""
        faults, venue = self.protocol.faults, self.protocol.venue
        route = "private" if self.account else "public"
        if not self.is_silent and faults.strike(Fault.SILENCE, venue, self.account, route) is not None:
            self.is_silent = True
        if not self.is_silent and faults.strike(Fault.DISCONNECT, venue, self.account, route) is not None:
            self.is_silent = True  # nothing more after the close frame
            self._out.put_nowait(None)
        return self.is_silent

    async def close(self) -> None:
        await self._socket.close(code=1001)
