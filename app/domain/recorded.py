"""What a recording holds: markets with their books as they came, frames, our own traffic, and where it has holes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from app.domain.book import BookDelta, BookSnapshot
from app.domain.enums import Side
from app.domain.fees import FeeTier
from app.domain.fills import ExecutionReport
from app.domain.instrument import Instrument, Symbol
from app.domain.orders import ChildOrder
from app.domain.venue import Venue


@dataclass(frozen=True, slots=True)
class RecordedMarket:
    """One venue's listing whose book was recorded. `venue` and `fee` are None where the source does not tell."""

    symbol: Symbol
    instrument: Instrument
    source: str
    venue: Venue | None = None
    fee: FeeTier | None = None


@dataclass(frozen=True, slots=True)
class RecordingGap:
    """Nothing is known of this market's book between two receive times; `to_ns` 0 means until the end."""

    venue: str
    symbol: str
    from_ns: int
    to_ns: int
    reason: str


@dataclass(frozen=True, slots=True)
class RawFrame:
    """Bytes as a venue sent them, before any parsing."""

    venue: str
    channel: str
    received_ts_ns: int
    payload: bytes


@dataclass(frozen=True, slots=True)
class SentChild:
    """A child order at the moment it was handed to its venue."""

    sent_ts_ns: int
    child: ChildOrder


@dataclass(frozen=True, slots=True)
class RecordedTrade:
    """Somebody's trade as the venue published it: the taker's side and the gross quote notional."""

    received_ts_ns: int
    side: Side
    notional_nano: int


@dataclass(slots=True)
class RecordedBatch:
    """What came in between two flushes, each list in order of arrival."""

    books: list[BookSnapshot | BookDelta] = field(default_factory=list)
    frames: list[RawFrame] = field(default_factory=list)
    sent: list[SentChild] = field(default_factory=list)
    reports: list[ExecutionReport] = field(default_factory=list)

    @property
    def n_items(self) -> int:
        return len(self.books) + len(self.frames) + len(self.sent) + len(self.reports)


class RecordingSink(Protocol):
    """Where batches go: a Parquet folder, or memory."""

    def write(self, batch: RecordedBatch, gaps: Sequence[RecordingGap], flushed_ts_ns: int) -> None:
        """Durable on return; `gaps` is the whole list known so far."""
        ...

    def close(self, gaps: Sequence[RecordingGap], ended_ts_ns: int) -> None: ...


class Recording(Protocol):
    """A recording opened for reading. `digest` names its bytes: the same digest means the same input."""

    @property
    def name(self) -> str: ...

    @property
    def digest(self) -> str: ...

    @property
    def markets(self) -> tuple[RecordedMarket, ...]: ...

    @property
    def gaps(self) -> tuple[RecordingGap, ...]: ...

    def span_ns(self, market: RecordedMarket) -> tuple[int, int]:
        """Receive times of the market's first snapshot and last event."""
        ...

    def events(self, market: RecordedMarket) -> Iterator[BookSnapshot | BookDelta]:
        """The market's book events in order of receipt, starting with a snapshot."""
        ...

    def trades(self, market: RecordedMarket) -> Iterator[RecordedTrade]:
        """The market's published trades in order of receipt; none where the recording has no tape."""
        ...
