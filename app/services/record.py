"""`bestex record`: writes down what the gateway receives and sends, and where it has holes.

Callbacks only append to a list; a thread writes a segment every few seconds. When the disk cannot keep up, books and
raw frames are dropped and the gap is written; our own orders and reports are never dropped. A disk that fails ends
the recording, not the trading.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Final

from app import observe
from app.domain.book import BookDelta, BookSnapshot
from app.domain.events import ChildSending, Fact
from app.domain.fills import ExecutionReport
from app.domain.ports import Clock
from app.domain.recorded import RawFrame, RecordedBatch, RecordingGap, RecordingSink, SentChild

FLUSH_S: Final = 5.0
FLUSH_ITEMS: Final = 50_000  # a segment of a few megabytes, also in a burst
MAX_WAITING_ITEMS: Final = 400_000  # about a minute of four busy markets


class GapFinder:
    """Follows each market's sequence; a gap is open from the first lost message to the next snapshot."""

    def __init__(self) -> None:
        self._last_seq: dict[tuple[str, str], int] = {}
        self._open: dict[tuple[str, str], int] = {}
        self.gaps: list[RecordingGap] = []

    def see(self, event: BookSnapshot | BookDelta) -> None:
        """Takes one recorded book message."""
        key = event.venue, event.symbol
        if isinstance(event, BookSnapshot):
            self._close(key, event.received_ts_ns)
            self._last_seq[key] = event.book_seq
            return
        last_seq = self._last_seq.get(key)
        if last_seq is None:
            self._begin(key, event.received_ts_ns, "no_snapshot")
        elif event.book_seq > last_seq:
            if event.prev_book_seq != last_seq:
                self._begin(key, event.received_ts_ns, "sequence")
            self._last_seq[key] = event.book_seq

    def drop(self, event: BookSnapshot | BookDelta) -> None:
        """Takes one book message that was not recorded."""
        self._begin((event.venue, event.symbol), event.received_ts_ns, "overflow")

    def _begin(self, key: tuple[str, str], from_ns: int, reason: str) -> None:
        if key not in self._open:
            self._open[key] = len(self.gaps)
            self.gaps.append(RecordingGap(*key, from_ns, 0, reason))

    def _close(self, key: tuple[str, str], to_ns: int) -> None:
        gap_i = self._open.pop(key, None)
        if gap_i is not None:
            self.gaps[gap_i] = replace(self.gaps[gap_i], to_ns=to_ns)


@dataclass(slots=True)
class Recorder:
    """Takes everything on the loop's thread; `start` it on the loop, `close` it last."""

    sink: RecordingSink
    clock: Clock
    flush_s: float = FLUSH_S
    flush_items: int = FLUSH_ITEMS
    max_waiting_items: int = MAX_WAITING_ITEMS
    failure: str = ""
    n_dropped: int = 0
    _batch: RecordedBatch = field(default_factory=RecordedBatch)
    _found: GapFinder = field(default_factory=GapFinder)
    _n_flying: int = 0
    _due: asyncio.Event = field(default_factory=asyncio.Event)
    _is_closing: bool = False
    _task: asyncio.Task[None] | None = None

    def on_book(self, event: BookSnapshot | BookDelta) -> None:
        """A book message, as the venue's adapter gave it."""
        if self._has_room():
            self._found.see(event)
            self._batch.books.append(event)
            self._note()
        else:
            self._found.drop(event)

    def on_frame(self, frame: RawFrame) -> None:
        """Bytes of a venue with a wire, before parsing."""
        if self._has_room():
            self._batch.frames.append(frame)
            self._note()

    def on_report(self, report: ExecutionReport) -> None:
        """An acknowledgement, a fill, an end."""
        self._batch.reports.append(report)
        self._note()

    def on_facts(self, facts: Sequence[Fact]) -> None:
        """Durable facts: a child leaves in the instant of its own, whether it waits for the disk or not."""
        for fact in facts:
            if isinstance(fact.event, ChildSending):
                self._batch.sent.append(SentChild(fact.ts_ns, fact.event.child))
                self._note()

    async def start(self) -> None:
        self._task = asyncio.get_running_loop().create_task(self._flush_until_closing())

    async def close(self) -> None:
        """Writes what is left and ends the recording."""
        self._is_closing = True
        self._due.set()
        if self._task is not None:
            await self._task
        await self.flush()
        if not self.failure:
            await self._write(lambda: self.sink.close(tuple(self._found.gaps), self.clock.wall_ns()))

    async def flush(self) -> None:
        """Writes one segment of what has come so far; one at a time."""
        self._due.clear()
        batch, self._batch = self._batch, RecordedBatch()
        if self.failure or not batch.n_items:
            return
        self._n_flying = batch.n_items
        gaps, now_ns = tuple(self._found.gaps), self.clock.wall_ns()
        await self._write(lambda: self.sink.write(batch, gaps, now_ns))
        self._n_flying = 0

    async def _flush_until_closing(self) -> None:
        while not self.failure and not self._is_closing:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._due.wait(), self.flush_s)
            await self.flush()

    async def _write(self, work: Callable[[], None]) -> None:
        try:
            await asyncio.to_thread(work)
        except OSError as error:
            self.failure = str(error)
            self._batch = RecordedBatch()
            observe.recording_failed(self.failure)

    def _has_room(self) -> bool:
        if self._batch.n_items + self._n_flying < self.max_waiting_items and not self.failure:
            return True
        self.n_dropped += 1
        return False

    def _note(self) -> None:
        if self.failure:
            self._batch = RecordedBatch()
        elif self._batch.n_items >= self.flush_items:
            self._due.set()
