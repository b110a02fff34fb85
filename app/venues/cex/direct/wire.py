"""A websocket as a protocol: whole text frames go to one callback in the read's own call, with no task in between.

The handshake, closing, pings and every rule of them are the `websockets` library's, without its I/O. Only what a venue
sends ten thousand times a second is read here: a text frame that is whole and unmasked is its length and its bytes.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from typing import Final, cast

from websockets.client import ClientProtocol
from websockets.exceptions import ProtocolError
from websockets.http11 import Response
from websockets.protocol import State
from websockets.uri import parse_uri

MOST_BYTES: Final = 1 << 24  # a whole book of 5,000 levels is about 300 kB
HEAD_END: Final = b"\r\n\r\n"
SWITCHING: Final = b"HTTP/1.1 101 "
WHOLE_TEXT, WHOLE_BYTES = 0x81, 0x82
FIN, OPCODE, MASKED, LENGTH = 0x80, 0x0F, 0x80, 0x7F


class Wire(asyncio.Protocol):
    """One connection. `opened` and `closed` are done when that happened; `closed` holds why."""

    def __init__(self, url: str, on_text: Callable[[bytes], None]) -> None:
        loop = asyncio.get_running_loop()
        self.opened: asyncio.Future[None] = loop.create_future()
        self.closed: asyncio.Future[str] = loop.create_future()
        self._rules = ClientProtocol(parse_uri(url), max_size=MOST_BYTES)
        self._on_text = on_text
        self._transport: asyncio.Transport | None = None
        self._rest = b""
        self._parts: list[bytes] = []
        self._is_split = False

    @classmethod
    async def connect(cls, url: str, on_text: Callable[[bytes], None]) -> Wire:
        """An open socket. Raises OSError, or ProtocolError where the venue refuses the handshake."""
        uri = parse_uri(url)
        context = ssl.create_default_context() if uri.secure else None
        loop = asyncio.get_running_loop()
        _, wire = await loop.create_connection(lambda: cls(url, on_text), uri.host, uri.port, ssl=context)
        try:
            await wire.opened
        except BaseException:
            wire.abort()
            raise
        return wire

    def say(self, text: str) -> None:
        """Sends a text; on a socket that is closing it is lost, as it would be on its way."""
        if self._rules.state is State.OPEN:
            self._rules.send_text(text.encode())
            self._flush()

    def ping(self) -> None:
        """Asks the other side for a word."""
        if self._rules.state is State.OPEN:
            self._rules.send_ping(b"")
            self._flush()

    def abort(self) -> None:
        """Closes without a word."""
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's own is no subclass
        self._rules.send_request(self._rules.connect())
        self._flush()

    def connection_lost(self, lost: Exception | None) -> None:
        self._rules.receive_eof()
        why = f"{type(lost).__name__}: {lost}" if lost is not None else f"closed {self._rules.close_code or ''}".strip()
        if not self.opened.done():
            self.opened.set_exception(ConnectionError(why))
        if not self.closed.done():
            self.closed.set_result(why)

    def data_received(self, data: bytes) -> None:
        data = self._rest + data if self._rest else data
        try:
            at = 0 if self._rules.state is State.OPEN else self._shake(data)
            at = self._frames(data, at) if self._rules.state is State.OPEN else at
        except Exception as broken:  # noqa: BLE001 - a reader's rim: the socket ends, its books with it
            self._end(f"{type(broken).__name__}: {broken}")
            return
        self._rest = data[at:]

    def _shake(self, data: bytes) -> int:
        """Reads the answer to the handshake, once it is whole; returns what of `data` is used."""
        head = data.find(HEAD_END)
        if head < 0 or self._rules.state is not State.CONNECTING:
            return 0 if head < 0 else len(data)
        used = head + len(HEAD_END)
        if not data.startswith(SWITCHING):
            raise ConnectionError(f"the venue answers {data[:60].partition(HEAD_END[:2])[0].decode(errors='replace')}")
        self._rules.receive_data(data[:used])
        for event in self._rules.events_received():
            if isinstance(event, Response) and self._rules.handshake_exc is None:
                self.opened.set_result(None)
        if self._rules.handshake_exc is not None:
            raise ConnectionError(str(self._rules.handshake_exc))
        return used

    def _frames(self, data: bytes, at: int) -> int:
        """Reads whole frames from `at` on; returns where the first unfinished one begins."""
        n = len(data)
        while n - at >= 2:
            first, length = data[at], data[at + 1]
            start = at + 2
            if length > 125:
                wide = 2 if length & LENGTH == 126 else 8
                if length & MASKED or n - start < wide:
                    break
                length = int.from_bytes(data[start : start + wide], "big")
                start += wide
            end = start + length
            if length > MOST_BYTES:
                raise ProtocolError(f"a frame of {length} bytes")
            if end > n:
                break
            if first in {WHOLE_TEXT, WHOLE_BYTES} and not self._is_split:
                self._on_text(data[start:end])
            else:
                self._other(first, data[start:end], data[at:end])
            at = end
        if n - at >= 2 and data[at + 1] & MASKED:
            raise ProtocolError("a masked frame from a server")
        return at

    def _other(self, first: int, payload: bytes, frame: bytes) -> None:
        """A part of a message is kept until it is whole; control frames go by the library's rules."""
        if first & OPCODE <= 2:
            if (first & OPCODE == 0) != self._is_split:
                raise ProtocolError("a part of no message")
            self._parts.append(payload)
            if sum(map(len, self._parts)) > MOST_BYTES:
                raise ProtocolError("a message without end")
            self._is_split = not first & FIN
            if not self._is_split:
                whole, self._parts = b"".join(self._parts), []
                self._on_text(whole)
            return
        self._rules.receive_data(frame)
        self._rules.events_received()
        self._flush()

    def _flush(self) -> None:
        assert self._transport is not None
        for words in self._rules.data_to_send():
            if words:
                self._transport.write(words)
            else:
                self._transport.close()

    def _end(self, why: str) -> None:
        if not self.opened.done():
            self.opened.set_exception(ConnectionError(why))
        if not self.closed.done():
            self.closed.set_result(why)
        self.abort()
