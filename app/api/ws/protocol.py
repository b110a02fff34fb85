"""uvicorn's WebSocket protocol with two ASGI extensions: frames that are ready to be written, and an end that is final.

`bestex.frames`: one write of many finished frames, so that a message that goes to many readers is framed once and a
burst costs one system call a reader. `bestex.abort`: closes a reader that does not read, which a plain close cannot do,
because it waits behind what the reader does not take. Without this protocol the streams work, message by message.
"""

from __future__ import annotations

from typing import Any, Final

from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.protocol import State

FRAMES: Final = "bestex.frames"
ABORT: Final = "bestex.abort"
# A slow reader gets so long to take what was already written, and the reason; then the connection is cut.
ABORT_AFTER_S: Final = 2.0
SHUTDOWN_AFTER_S: Final = 1.0
_TEXT: Final = 0x81


def text_frame(payload: bytes) -> bytes:
    """`payload` as one unmasked, uncompressed text frame (RFC 6455, 5.2): the same bytes for every reader."""
    n_bytes = len(payload)
    if n_bytes < 126:
        return bytes((_TEXT, n_bytes)) + payload
    if n_bytes < 65_536:
        return bytes((_TEXT, 126)) + n_bytes.to_bytes(2, "big") + payload
    return bytes((_TEXT, 127)) + n_bytes.to_bytes(8, "big") + payload


def payload_of(frame: bytes) -> bytes:
    """The payload of a frame that `text_frame` made."""
    n_header = {126: 4, 127: 10}.get(frame[1], 2)
    return frame[n_header:]


class StreamProtocol(WebSocketsSansIOProtocol):
    """Give it to uvicorn as `ws="app.api.ws.protocol:StreamProtocol"`."""

    def handle_connect(self, event: Any) -> None:
        super().handle_connect(event)
        if hasattr(self, "scope"):
            extensions: Any = self.scope["extensions"]
            extensions |= {FRAMES: {}, ABORT: {}}

    async def send(self, message: Any) -> None:
        """ASGI `send`, with the two extensions."""
        kind = message["type"]
        if kind == FRAMES:
            await self.writable.wait()
            if self.disconnected or self.close_sent or self.conn.state is not State.OPEN:
                raise ClientDisconnected
            self.transport.write(message["data"])
        elif kind == ABORT:
            self._abort(message["code"], message["reason"])
        else:
            await super().send(message)

    def shutdown(self) -> None:
        """The server stops: a reader that takes nothing more must not keep it alive."""
        super().shutdown()
        self.loop.call_later(SHUTDOWN_AFTER_S, self.transport.abort)

    def _abort(self, code: int, reason: str) -> None:
        """Says why behind what is already written, waits a little for it to be taken, then cuts."""
        if self.disconnected or self.close_sent:
            return
        self.stop_keepalive()
        self.conn.send_close(code, reason)
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.close_sent = True
        if self.read_paused:
            self.read_paused = False
            self.transport.resume_reading()
        self.close_timer = self.loop.call_later(ABORT_AFTER_S, self._cut)

    def _cut(self) -> None:
        self.close_timer = None
        self.transport.abort()
