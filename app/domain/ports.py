"""Doors with two real implementations behind each. Plain values pass through them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from app.domain.book import BookDelta, BookSnapshot
from app.domain.events import Fact
from app.domain.fills import ExecutionReport
from app.domain.orders import Approved, ChildOrder

ReportSink = Callable[[ExecutionReport], None]
BookSink = Callable[[BookSnapshot | BookDelta], None]


class Clock(Protocol):
    """UTC nanoseconds for stamps, monotonic nanoseconds for timers. System and virtual."""

    def wall_ns(self) -> int: ...

    def monotonic_ns(self) -> int: ...


class VenuePort(Protocol):
    """One venue. Reports and books come through the sinks given to `start`; calls never raise for venue answers.

    `send` transmits once and never again; an ambiguous outcome is an UNKNOWN report, never an exception.
    """

    @property
    def venue_id(self) -> str: ...

    async def start(self, on_report: ReportSink, on_book: BookSink) -> None: ...

    async def stop(self) -> None: ...

    async def send(self, approved: Approved[ChildOrder]) -> None: ...

    async def cancel(self, child: ChildOrder) -> None: ...

    async def query(self, child: ChildOrder) -> None:
        """Asks the venue what it knows of `child`; the answer comes as reports (fills, a state, or NOT_FOUND)."""
        ...

    async def open_client_ids(self) -> Sequence[str]:
        """Client ids that the venue itself holds open now; raises Unavailable when it cannot be asked."""
        ...


class Journal(Protocol):
    """The local log. `append` queues one turn's facts; `on_durable(last_seq)` runs on the loop once they are synced."""

    def append(self, facts: Sequence[Fact], receipts: Sequence[tuple[str, bytes]]) -> None:
        """`receipts`: (sha256 hex, bytes), stored beside the facts in the same commit. Raises Unavailable when full."""
        ...

    @property
    def durable_seq(self) -> int: ...

    def close(self) -> None: ...
