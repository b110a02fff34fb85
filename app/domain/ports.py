"""Doors with two real implementations behind each. Plain values pass through them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from app.domain.book import BookDelta, BookSnapshot
from app.domain.events import Fact
from app.domain.fills import ExecutionReport
from app.domain.orders import Approved, ChildOrder
from app.domain.quotes import Quote, QuoteRequest
from app.domain.statement import VenueHealth, VenueStatement
from app.domain.trade import MarkPrice, TradePrint

ReportSink = Callable[[ExecutionReport], None]
BooksSink = Callable[[Sequence[tuple[str, str]]], None]
BookSink = Callable[[BookSnapshot | BookDelta], None]
TradesSink = Callable[[Sequence[TradePrint]], None]
MarksSink = Callable[[Sequence[MarkPrice]], None]


class Clock(Protocol):
    """UTC nanoseconds for stamps, monotonic nanoseconds for timers. System and virtual."""

    def wall_ns(self) -> int: ...

    def monotonic_ns(self) -> int: ...


class VenueHost(Protocol):
    """Processes that own venues' connections and write books to the shared board themselves.

    `on_books` gets the (venue, symbol) whose books have changed, on the loop, some time after each change.
    """

    async def start(self, on_books: BooksSink) -> None: ...

    async def stop(self) -> None: ...


class VenuePort(Protocol):
    """One venue. Reports and books come through the sinks given to `start`; calls never raise for venue answers.

    `send` transmits once and never again; an ambiguous outcome is an UNKNOWN report, never an exception.
    """

    @property
    def venue_id(self) -> str: ...

    @property
    def is_prompt(self) -> bool:
        """Whether `send` hands over without ever waiting: then it is run whole the moment a child may leave."""
        ...

    async def start(self, on_report: ReportSink, on_book: BookSink) -> None: ...

    async def stop(self) -> None: ...

    async def send(self, approved: Approved[ChildOrder]) -> None: ...

    async def cancel(self, child: ChildOrder) -> None: ...

    async def query(self, child: ChildOrder) -> None:
        """Asks the venue what it knows of `child`; the answer comes as reports (fills, a state, or NOT_FOUND).

        A NOT_FOUND carries the venue's own time of looking in `venue_ts_ns`; without it, it proves nothing.
        """
        ...

    async def open_client_ids(self) -> Sequence[str]:
        """Client ids that the venue itself holds open now; raises Unavailable when it cannot be asked."""
        ...

    async def statement(self, account: str) -> VenueStatement:
        """What the venue says `account` has there; raises Unavailable when it cannot be asked."""
        ...

    def health(self) -> VenueHealth:
        """How the connections are at this moment; never waits."""
        ...


@runtime_checkable
class TradeFeed(Protocol):
    """A venue that also tells what is traded there. Not every venue does, nor for every symbol."""

    def watch_trades(self, on_trades: TradesSink) -> Sequence[str]:
        """Before `start`: public trades will come to `on_trades`. Gives the symbols that they will come for."""
        ...

    @property
    def shows_own_trades(self) -> bool:
        """Whether our own fills are on its tape too, as they are at real venues and not at simulated ones."""
        ...


@runtime_checkable
class MarkFeed(Protocol):
    """A venue that also tells what its perpetuals are worth to it."""

    def watch_marks(self, on_marks: MarksSink) -> Sequence[str]:
        """Before `start`: mark prices will come to `on_marks`. Gives the symbols that they will come for."""
        ...


@runtime_checkable
class DealerPort(Protocol):
    """A venue that quotes when it is asked."""

    async def quote(self, request: QuoteRequest) -> Quote:
        """The dealer's answer; raises Unavailable when he does not answer. Asked once, never again."""
        ...


@dataclass(frozen=True, slots=True)
class Prepared:
    """A problem worth sending away: int64 `words` for a search, and what its planner keeps to take the answer up."""

    search_number: int
    words: memoryview
    kept: object


@dataclass(frozen=True, slots=True)
class SearchJob:
    """One search that an order waits for."""

    order_id: str
    wave: int
    search_number: int
    words: memoryview


FoundSink = Callable[[str, int, memoryview | None], None]


class PlanQueue(Protocol):
    """Where searches go that are too heavy for a turn. In this process, and route workers behind rings.

    `on_found(order_id, wave, words)` comes exactly once for each job that `offer` took; None means that the search
    broke or found no worker alive, and the engine plans it itself.
    """

    async def start(self, on_found: FoundSink) -> None: ...

    async def stop(self) -> None: ...

    def offer(self, job: SearchJob) -> bool:
        """Takes the job, or says at once that it cannot."""
        ...


class Journal(Protocol):
    """The local log. `append` queues one turn's facts; `on_durable(last_seq)` runs on the loop once they are synced."""

    def append(self, facts: Sequence[Fact], receipts: Sequence[tuple[str, bytes]]) -> None:
        """`receipts`: (sha256 hex, bytes), stored beside the facts in the same commit. Raises Unavailable when full."""
        ...

    @property
    def durable_seq(self) -> int: ...

    @property
    def free_facts(self) -> int:
        """How many facts the queue still takes: ask before a turn, for a turn's facts have changed memory already."""
        ...

    def close(self) -> None: ...


class FactReader(Protocol):
    """What the log holds durably, in order; usable from another thread or process. The journal's file, and memory."""

    def read(self, after_seq: int, limit: int) -> list[Fact]: ...

    def read_account(self, account: str, after_account_seq: int, limit: int) -> list[Fact]: ...

    def receipts(self, named: Mapping[str, int]) -> dict[str, bytes]:
        """The receipts stored under these SHA-256 (hex), each with the seq of a fact that names it."""
        ...

    def head(self) -> tuple[int, bytes]:
        """The last durable seq and its chain hash; (0, genesis) of an empty log."""
        ...

    def hash_at(self, seq: int) -> bytes:
        """The chain hash of record `seq` (0: genesis); empty where the log does not hold it."""
        ...

    def replay(self) -> Iterator[Fact]: ...


class JournalReplica(Protocol):
    """A second copy of the log. It is told in order how far the first is durable, and never holds that one up.

    `receive` runs on the journal's writer thread and must only note the seq. `copied_seq` may lag.
    """

    def receive(self, durable_seq: int) -> None: ...

    @property
    def copied_seq(self) -> int: ...

    def close(self) -> None: ...
