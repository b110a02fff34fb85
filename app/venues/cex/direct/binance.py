"""Binance's diff depth (spot, USD-M and COIN-M), straight from the socket's bytes, over a whole book from REST.

Laws: a diff covers the updates U..u. Spot: it follows the book at n if U <= n + 1 <= u for the first after a whole
book, and U = n + 1 from then on. Contracts: pu = n, or U <= n <= u for the first. A diff that is older than
the book is nothing new. What breaks a law gaps the row at once; diffs wait while a whole book is fetched.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from app.domain.errors import Unavailable
from app.domain.ports import Clock
from app.kernels import jit, text
from app.shm.books import BookBoard
from app.venues.cex.direct.depth_book import DepthBook, DepthSpec, Uint8Array, is_good
from app.venues.cex.direct.feed import FeedCounts, FeedHealth, OnBook
from app.venues.cex.direct.fetch import fetch
from app.venues.cex.direct.line import STEADY_S, Line, LineRule, Say

Fetch = Callable[[str], Awaitable[bytes]]  # the body of a GET of this URL; raises Unavailable

DATA: Final = text.word_of("data")
INNER: Final = np.array([text.word_of(name) for name in ("s", "b", "a", "E", "U", "u", "pu")])
WHOLE: Final = np.array([text.word_of(name) for name in ("bids", "asks", "lastUpdateId", "E")])
MS_NS: Final = 1_000_000
WAITING: Final = 2_000  # diffs kept while a whole book is on its way: 200 s of them
AT_ONCE: Final = 4  # whole books fetched together: each weighs 50 of the 6,000 a minute
AGAIN_S: Final = (0.0, 0.1, 0.3, 0.5, 1.0, 3.0, 10.0, 30.0)
RULE: Final = LineRule(silent_s=10.0, ask_s=5.0)


@dataclass(frozen=True, slots=True)
class BinanceEnd:
    """Where a Binance is and which of its two laws of sequence it keeps."""

    ws_url: str  # of combined streams, without the query
    depth_url: str
    is_futures: bool = False
    depth_limit: int = 1_000
    stream: str = "depth@100ms"


SPOT: Final = BinanceEnd("wss://stream.binance.com:9443/stream", "https://api.binance.com/api/v3/depth")
USD_M: Final = BinanceEnd("wss://fstream.binance.com/stream", "https://fapi.binance.com/fapi/v1/depth", is_futures=True)
COIN_M: Final = BinanceEnd(
    "wss://dstream.binance.com/stream", "https://dapi.binance.com/dapi/v1/depth", is_futures=True
)


@dataclass(slots=True)
class _Stream:
    """One symbol's stream: its book at `seq`, and the diffs that wait for a whole book."""

    spec: DepthSpec
    book: DepthBook
    seq: int = 0
    is_good: bool = False
    is_first: bool = False  # no diff yet since the whole book
    is_fetching: bool = False
    n_failures: int = 0
    good_s: float = 0.0  # the loop's time of the last whole book
    waiting: deque[tuple[bytes, int]] = field(default_factory=lambda: deque(maxlen=WAITING))


class BinanceFeed:
    """The DirectFeed of one Binance."""

    def __init__(
        self,
        venue: str,
        specs: Sequence[DepthSpec],
        board: BookBoard,
        clock: Clock,
        end: BinanceEnd,
        *,
        fetch: Fetch = fetch,
        rule: LineRule = RULE,
    ) -> None:
        self._end, self._fetch, self._clock = end, fetch, clock
        self._streams = {
            spec.venue_symbol.encode(): _Stream(spec, DepthBook(spec, board.row_of(venue, spec.symbol)))
            for spec in specs
        }
        names = "/".join(f"{spec.venue_symbol.lower()}@{end.stream}" for spec in specs)
        self._line = Line(f"{end.ws_url}?streams={names}", self, clock, rule)
        self._on_book: OnBook | None = None
        self._is_open = False
        self._fetching: set[asyncio.Task[None]] = set()
        self._doors = asyncio.Semaphore(AT_ONCE)
        self.counts = FeedCounts()
        self._inner, self._numbers = np.zeros((2, INNER.size), np.int64)
        self._whole, self._stamps = np.zeros((2, WHOLE.size), np.int64)

    def tell(self, on_book: OnBook) -> None:
        """Who hears of rows; `start` says it too. What has no socket (a replay) calls the listener's methods itself."""
        self._on_book = on_book

    async def start(self, on_book: OnBook | None = None) -> None:
        self._on_book = on_book
        await asyncio.to_thread(jit.warm_imported)  # the first message must not wait for a compiler
        await self._line.start()

    async def stop(self) -> None:
        await self._line.stop()
        for task in list(self._fetching):
            task.cancel()
        await asyncio.gather(*self._fetching, return_exceptions=True)

    def health(self) -> FeedHealth:
        n_good = sum(stream.is_good for stream in self._streams.values())
        line = self._line
        return FeedHealth(len(self._streams), n_good, line.n_opened, line.heard_ns, line.last_error, self.counts)

    def on_open(self, say: Say) -> None:
        """The streams are named in the URL: nothing to say, but every book is wanted whole."""
        del say
        self._is_open = True
        for stream in self._streams.values():
            self._want_whole(stream)

    def on_lost(self) -> None:
        self._is_open = False
        for stream in self._streams.values():
            stream.waiting.clear()
            if stream.is_good:
                stream.is_good = False
                stream.book.gap()
                self._tell(stream)

    def on_message(self, text_bytes: bytes, received_ns: int) -> None:
        self.counts.n_messages += 1
        raw = np.frombuffer(text_bytes, np.uint8)
        start = text.find_member(raw, 0, DATA)
        if start < 0 or text.find_members(raw, start, INNER, self._inner, self._numbers) < 0:
            self._bar_all()
            return
        name_at = int(self._inner[0]) + 1
        stream = self._streams.get(text_bytes[name_at : text_bytes.find(b'"', name_at)]) if name_at > 0 else None
        if stream is None:
            return
        if stream.is_good:
            self._take(stream, raw, received_ns)
        else:
            stream.waiting.append((text_bytes, received_ns))
        if not stream.is_good:
            if not stream.waiting:
                stream.waiting.append((text_bytes, received_ns))
            self._want_whole(stream)

    def _take(self, stream: _Stream, raw: Uint8Array, received_ns: int) -> bool:
        """One diff whose members are in `_inner` and `_numbers`; afterwards the stream is good or its row is gapped.

        False: the text is bad, and reading it again would not make it better.
        """
        _, bids_at, asks_at, *_ = self._inner.tolist()
        _, _, _, event_ms, first, last, prev = self._numbers.tolist()
        counts = self.counts
        if text.NO_NUMBER in {event_ms, first, last} or min(bids_at, asks_at) < 0:
            counts.n_bad_texts += 1
            self._bar(stream)
            return False
        if last <= stream.seq and not (stream.is_first and self._end.is_futures and last == stream.seq):
            return True
        if not self._follows(stream, first, last, prev):
            counts.n_gaps += 1
            self._bar(stream)
            return True
        stamps = (last, received_ns, event_ms * MS_NS)
        if not is_good(stream.book.take(raw, (bids_at, asks_at), stamps, None, is_whole=False)):
            counts.n_bad_texts += 1
            self._bar(stream)
            return False
        counts.n_updates += 1
        stream.seq, stream.is_first = last, False
        self._tell(stream)
        return True

    def _follows(self, stream: _Stream, first: int, last: int, prev: int) -> bool:
        if self._end.is_futures:
            return prev == stream.seq or (stream.is_first and first <= stream.seq <= last)
        return first <= stream.seq + 1 <= last if stream.is_first else first == stream.seq + 1

    def _bar_all(self) -> None:
        """A message that cannot be read may have been any book's."""
        self.counts.n_bad_texts += 1
        for stream in self._streams.values():
            self._bar(stream)
            self._want_whole(stream)

    def _bar(self, stream: _Stream) -> None:
        if stream.is_good and asyncio.get_running_loop().time() - stream.good_s > STEADY_S:
            stream.n_failures = 0
        stream.waiting.clear()
        stream.book.gap()
        if stream.is_good:
            stream.is_good = False
            self._tell(stream)

    def _want_whole(self, stream: _Stream) -> None:
        if stream.is_fetching or not self._is_open:
            return
        stream.is_fetching = True
        task = asyncio.get_running_loop().create_task(self._fetch_whole(stream))
        self._fetching.add(task)
        task.add_done_callback(self._fetching.discard)

    async def _fetch_whole(self, stream: _Stream) -> None:
        """Fetches until a whole book joins the diffs that wait; later each time it does not."""
        try:
            while self._is_open and not stream.is_good:
                await asyncio.sleep(AGAIN_S[min(stream.n_failures, len(AGAIN_S) - 1)])
                stream.n_failures += 1
                url = f"{self._end.depth_url}?symbol={stream.spec.venue_symbol}&limit={self._end.depth_limit}"
                try:
                    async with self._doors:
                        body = await self._fetch(url)
                except Unavailable as refused:
                    self.counts.n_refused += 1
                    self._line.last_error = str(refused)[:200]
                    continue
                if self._is_open:
                    self._join(stream, body)
        finally:
            stream.is_fetching = False

    def _join(self, stream: _Stream, body: bytes) -> None:
        """Takes the whole book, then the diffs that waited for it."""
        self.counts.n_snapshots += 1
        raw = np.frombuffer(body, np.uint8)
        end = text.find_members(raw, 0, WHOLE, self._whole, self._stamps)
        bids_at, asks_at, *_ = self._whole.tolist()
        _, _, seq, event_ms = self._stamps.tolist()
        now_ns = self._clock.wall_ns()
        stamps = (seq, now_ns, now_ns if event_ms == text.NO_NUMBER else event_ms * MS_NS)
        if end < 0 or min(bids_at, asks_at) < 0 or seq < 1:
            self.counts.n_bad_texts += 1
            return
        waiting = list(stream.waiting)
        stream.waiting.clear()
        if not is_good(stream.book.take(raw, (bids_at, asks_at), stamps, None, is_whole=True)):
            self.counts.n_bad_texts += 1
            return
        stream.seq, stream.is_first, stream.is_good = seq, True, True
        stream.good_s = asyncio.get_running_loop().time()
        for i, (text_bytes, received_ns) in enumerate(waiting):
            diff = np.frombuffer(text_bytes, np.uint8)
            text.find_members(diff, text.find_member(diff, 0, DATA), INNER, self._inner, self._numbers)
            is_text = self._take(stream, diff, received_ns)
            if not stream.is_good:
                # The whole book is older than the diffs: they wait on for the next one.
                stream.waiting.extend(waiting[i if is_text else i + 1 :])
                return
        self._tell(stream)

    def _tell(self, stream: _Stream) -> None:
        if self._on_book is not None:
            self._on_book(stream.spec.symbol)
