"""One reader's connection: its subscriptions, what waits to be written to it, and when it is too slow.

Laws: what is sequenced is never dropped and never reordered within a subscription; a reader that lets too much wait is
closed with 4008 and loses nothing by resuming; books and heartbeats are made when they can be written, so a slow reader
gets the newest. Nothing here awaits between looking and acting, except the writer itself.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass, field
from enum import IntEnum, unique
from typing import Any, Final

from app.api.ws import wire
from app.api.ws.messages import Channel
from app.api.ws.protocol import ABORT, FRAMES, payload_of, text_frame
from app.services.accounts import Principal

Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

# One write takes at most this much, so that a reader is seen to be slow while little is out of our hands.
WRITE_BYTES: Final = 65_536
# A replay pauses while this part of what may wait does wait, so that it cannot be what makes its own reader slow.
REPLAY_PAUSE_FRACTION: Final = 4
CLOSE_TIMEOUT_S: Final = 2.0


@unique
class CloseCode(IntEnum):
    """Why the server ends a connection; the reason says it in words, with numbers where they help."""

    BAD_DATA = 1003
    BAD_JSON = 1007
    TOO_BIG = 1009
    BROKEN = 1011
    RESTART = 1012
    OVERLOADED = 1013
    UNAUTHENTICATED = 4001
    FORBIDDEN = 4003
    SLOW_CONSUMER = 4008
    RESUME_IMPOSSIBLE = 4009
    TOO_MANY = 4029


@dataclass(slots=True, eq=False)
class Subscription:
    """One channel of one connection. `prev_seq` is the seq of its last message, or where it began.

    `symbols` None means every one. `live_from_seq`: what is not newer was on disk when the subscription was made.
    `is_begun`: it counts as a listener of its account. `is_live`: its replay has reached the present.
    """

    connection: Connection
    sub: int
    channel: Channel
    symbols: frozenset[str] | None
    depth: int
    prev_seq: int = 0
    live_from_seq: int = 0
    is_begun: bool = False
    is_live: bool = False
    catching_up: asyncio.Task[None] | None = None

    @property
    def account(self) -> str:
        """Whose facts it is about, empty for everybody's."""
        return self.connection.account if self.channel.is_sequenced else ""

    @property
    def is_behind(self) -> bool:
        """Its replay has not reached the present."""
        return self.channel.is_sequenced and not self.is_live

    def wants(self, symbol: str) -> bool:
        """What concerns no symbol concerns everybody."""
        return self.symbols is None or not symbol or symbol in self.symbols


@dataclass(slots=True)
class PendingBook:
    """The newest book of one subscription and symbol, not yet written. The newest replaces the one before."""

    subscription: Subscription
    tail: bytes
    seq: int


@dataclass(slots=True, eq=False)
class Connection:
    """A reader. `principal` is None until its first message proved who it is.

    `frames`: (seq, finished frame) in order, seq 0 for what is not sequenced; `n_bytes` wait, `max_bytes` bounds them.
    `writing_seq` is the first seq of the piece that is being written, 0 if none.
    """

    send: Send
    is_framed: bool
    max_bytes: int
    last_seq_of: Callable[[str], int]
    now_ns: Callable[[], int]
    principal: Principal | None = None
    account: str = ""
    subscriptions: dict[int, Subscription] = field(default_factory=dict)
    n_subscribed: int = 0
    frames: deque[tuple[int, bytes]] = field(default_factory=deque)
    n_bytes: int = 0
    writing_seq: int = 0
    books: dict[tuple[int, str], PendingBook] = field(default_factory=dict)
    book_seqs: dict[tuple[int, str], int] = field(default_factory=dict)
    is_heartbeat_due: bool = False
    closing: tuple[CloseCode, str] | None = None
    is_cut: bool = False
    _wake: asyncio.Event = field(default_factory=asyncio.Event)
    _room: asyncio.Event = field(default_factory=asyncio.Event)
    _writer: asyncio.Task[None] | None = None

    # what waits

    def push(self, frame: bytes, seq: int = 0) -> None:
        """Queues a frame of `text_frame`; a reader that has too much waiting is cut off."""
        if self.closing is not None:
            return
        self.frames.append((seq, frame))
        self.n_bytes += len(frame)
        if self.n_bytes > self.max_bytes:
            self._cut_off()
        else:
            self._wake.set()

    def tell(self, message: object) -> None:
        """Queues a message that is only for this reader."""
        self.push(text_frame(wire.encode(message)))

    def offer_book(self, book: PendingBook, symbol: str) -> None:
        """Puts `book` in the place of the one that still waits."""
        self.books[(book.subscription.sub, symbol)] = book
        self._wake.set()

    def beat(self) -> None:
        """Asks for a heartbeat behind everything that waits now."""
        self.is_heartbeat_due = True
        self._wake.set()

    def close(self, code: CloseCode, reason: str) -> None:
        """Ends the connection once what waits has been written, or CLOSE_TIMEOUT_S have passed."""
        if self.closing is None:
            self.closing = (code, reason)
            self._wake.set()
            self._room.set()
            asyncio.get_running_loop().call_later(CLOSE_TIMEOUT_S, self._stop_writing)

    async def room(self) -> None:
        """Waits until little enough is waiting for a replay to go on, or the end has come."""
        while self.n_bytes > self.max_bytes // REPLAY_PAUSE_FRACTION and self.closing is None:
            self._room.clear()
            await self._room.wait()

    def forget(self, subscription: Subscription) -> None:
        """Ends a subscription: its replay, and what waits of its books."""
        del self.subscriptions[subscription.sub]
        if subscription.catching_up is not None:
            subscription.catching_up.cancel()
        for key in [key for key in self.books if key[0] == subscription.sub]:
            del self.books[key]
        for key in [key for key in self.book_seqs if key[0] == subscription.sub]:
            del self.book_seqs[key]

    # the writer

    async def write_for_ever(self) -> None:
        """Writes what waits, as fast as the reader takes it, until the end."""
        self._writer = asyncio.current_task()
        try:
            while True:
                await self._wake.wait()
                self._wake.clear()
                while piece := self._take():
                    await self._write(piece)
                    self.writing_seq = 0
                if self.closing is not None:
                    await self._say_goodbye()
                    return
        except asyncio.CancelledError:
            if not self.is_cut:
                raise
        if self.is_cut:
            await self._say_goodbye()

    def _take(self) -> list[bytes]:
        """The next frames, about WRITE_BYTES of them. Books and the heartbeat come when nothing else waits."""
        piece: list[bytes] = []
        n_bytes = 0
        while self.frames and n_bytes < WRITE_BYTES:
            seq, frame = self.frames.popleft()
            n_bytes += len(frame)
            piece.append(frame)
            self.writing_seq = self.writing_seq or seq
        self.n_bytes -= n_bytes
        if self.n_bytes <= self.max_bytes // REPLAY_PAUSE_FRACTION:
            self._room.set()
        while self.books and n_bytes < WRITE_BYTES and self.closing is None:
            key = next(iter(self.books))
            frame = self._book_frame(key, self.books.pop(key))
            n_bytes += len(frame)
            piece.append(frame)
        if self.is_heartbeat_due and not self.frames and self.closing is None:
            self.is_heartbeat_due = False
            piece.append(self._heartbeat_frame())
        return piece

    def _book_frame(self, key: tuple[int, str], book: PendingBook) -> bytes:
        prev_seq = self.book_seqs.get(key, 0)
        self.book_seqs[key] = book.seq
        return text_frame(wire.book_head(book.subscription.sub, book.seq, prev_seq) + book.tail)

    def _heartbeat_frame(self) -> bytes:
        sequenced = {sub: s for sub, s in self.subscriptions.items() if s.channel.is_sequenced}
        sub_seqs = {sub: subscription.prev_seq for sub, subscription in sequenced.items()}
        replaying = [sub for sub, subscription in sequenced.items() if not subscription.is_live]
        return text_frame(wire.heartbeat(self.last_seq_of(self.account), sub_seqs, replaying, self.now_ns()))

    async def _write(self, piece: list[bytes]) -> None:
        if self.is_framed:
            await self.send({"type": FRAMES, "data": piece[0] if len(piece) == 1 else b"".join(piece)})
            return
        for frame in piece:
            await self.send({"type": "websocket.send", "text": payload_of(frame).decode()})

    # the end

    def _cut_off(self) -> None:
        """Too much waits. It is let go, because all of it can be resumed; the writer may be stuck, so it goes too."""
        self.close(CloseCode.SLOW_CONSUMER, f"slow_consumer last_seq={self._written_seq()}")
        self._stop_writing()

    def _stop_writing(self) -> None:
        """Whatever still waits is not written any more; a writer that is stuck is freed to say goodbye."""
        self.is_cut = True
        self.frames.clear()
        self.books.clear()
        self.n_bytes = 0
        if self._writer is not None:
            self._writer.cancel()

    def _written_seq(self) -> int:
        """Everything up to this seq was written, on every subscription."""
        waiting = [seq - 1 for seq, _ in self.frames if seq]
        if self.writing_seq:
            waiting.append(self.writing_seq - 1)
        if not waiting:
            return self.last_seq_of(self.account)
        return min(waiting + [s.prev_seq for s in self.subscriptions.values() if s.is_behind])

    async def _say_goodbye(self) -> None:
        assert self.closing is not None
        code, reason = self.closing
        message: dict[str, Any] = {"code": int(code), "reason": reason}
        if self.is_cut and self.is_framed:
            await self.send({"type": ABORT, **message})
            return
        try:
            async with asyncio.timeout(CLOSE_TIMEOUT_S):
                await self.send({"type": "websocket.close", **message})
        except TimeoutError:
            return
