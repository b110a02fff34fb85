"""OKX's books (v5), straight from the socket's bytes.

Laws: an update follows the book if its prevSeqId is the book's seqId. seqId may stay (nothing changed) or fall (the
venue counts anew after maintenance). Every message's checksum must be the book's. What breaks a law gaps the row and
asks for the channel again, whose first message is a whole book.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from app.domain.ports import Clock
from app.kernels import depth, jit, status, text
from app.shm.books import BookBoard
from app.venues.cex.direct.depth_book import DepthBook, DepthSpec, Int64Array, Uint8Array, is_good
from app.venues.cex.direct.feed import FeedCounts, FeedHealth, OnBook
from app.venues.cex.direct.line import STEADY_S, Line, LineRule, Say

OUTER: Final = np.array([text.word_of(name) for name in ("arg", "action", "data", "event")])
ARG, ACTION, DATA, EVENT = range(4)
ARGUMENT: Final = np.array([text.word_of(name) for name in ("instId", "channel")])
INNER: Final = np.array([text.word_of(name) for name in ("bids", "asks", "ts", "checksum", "seqId", "prevSeqId")])
BIDS, ASKS, TS, CHECKSUM, SEQ, PREV_SEQ = range(6)
HEAD_END: Final = b'"data":['
MS_NS: Final = 1_000_000
# The venue closes a socket that is quiet for 30 s, and takes 480 subscriptions an hour on one.
RULE: Final = LineRule(silent_s=15.0, ask_s=10.0, ask="ping")
AGAIN_S: Final = (0.0, 0.1, 0.3, 1.0, 5.0, 30.0)


@dataclass(slots=True)
class _Channel:
    """One instrument's channel: its book, and where it stands."""

    spec: DepthSpec
    book: DepthBook
    seq: int = 0
    is_good: bool = False
    is_asked: bool = False
    n_failures: int = 0
    good_s: float = 0.0  # the loop's time of the last whole book


class OkxFeed:
    """The DirectFeed of OKX."""

    def __init__(
        self,
        venue: str,
        specs: Sequence[DepthSpec],
        board: BookBoard,
        clock: Clock,
        ws_url: str,
        *,
        rule: LineRule = RULE,
    ) -> None:
        self._channels = {
            spec.venue_symbol.encode(): _Channel(spec, DepthBook(spec, board.row_of(venue, spec.symbol)))
            for spec in specs
        }
        # How the venue begins its messages; one that begins otherwise is read member by member.
        self._heads = {
            b'{"arg":{"channel":"books","instId":"%s"},"action":"%s",%s' % (name, action, HEAD_END): (channel, is_whole)
            for name, channel in self._channels.items()
            for action, is_whole in ((b"snapshot", True), (b"update", False))
        }
        self._longest = max(map(len, self._heads), default=0)
        self._line = Line(ws_url, self, clock, rule)
        self._on_book: OnBook | None = None
        self._say: Say | None = None
        self._asking: set[asyncio.Task[None]] = set()
        self.counts = FeedCounts()
        self._outer, self._argument, self._inner = _two(OUTER.size), _two(ARGUMENT.size), _two(INNER.size)

    async def start(self, on_book: OnBook | None = None) -> None:
        self._on_book = on_book
        await asyncio.to_thread(jit.warm_imported)  # the first message must not wait for a compiler
        await self._line.start()

    async def stop(self) -> None:
        await self._line.stop()
        for task in list(self._asking):
            task.cancel()
        await asyncio.gather(*self._asking, return_exceptions=True)

    def health(self) -> FeedHealth:
        n_good = sum(channel.is_good for channel in self._channels.values())
        line = self._line
        return FeedHealth(len(self._channels), n_good, line.n_opened, line.heard_ns, line.last_error, self.counts)

    def on_open(self, say: Say) -> None:
        self._say = say
        for channel in self._channels.values():
            channel.is_asked = True
        say(_words("subscribe", list(self._channels)))

    def on_lost(self) -> None:
        self._say = None
        for channel in self._channels.values():
            channel.is_asked = False
            if channel.is_good:
                channel.is_good = False
                channel.book.gap()
                self._tell(channel)

    def on_message(self, text_bytes: bytes, received_ns: int) -> None:
        self.counts.n_messages += 1
        if text_bytes == b"pong":
            return
        raw = np.frombuffer(text_bytes, np.uint8)
        head_end = text_bytes.find(HEAD_END, 0, self._longest) + len(HEAD_END)
        known = self._heads.get(text_bytes[:head_end])
        if known is not None and text_bytes.endswith(b"}]}"):
            self._take(known[0], raw, head_end, received_ns, is_whole=known[1])
            return
        places, numbers = self._outer
        if text.find_members(raw, 0, OUTER, places, numbers) < 0:
            self._bar_all()
            return
        argument_at, action_at, data_at, _ = places.tolist()
        if data_at < 0:
            self._event(text_bytes)
            return
        places, numbers = self._argument
        text.find_members(raw, argument_at, ARGUMENT, places, numbers)
        name_at, channel_at = places.tolist()
        channel = self._channels.get(text_bytes[name_at + 1 : text_bytes.find(b'"', name_at + 1)])
        if channel is not None and text_bytes.startswith(b'"books"', channel_at):
            is_whole = text_bytes.startswith(b'"snapshot"', action_at)
            self._take(channel, raw, data_at + 1, received_ns, is_whole=is_whole)

    def _take(self, channel: _Channel, raw: Uint8Array, data_at: int, received_ns: int, *, is_whole: bool) -> None:
        places, numbers = self._inner
        end = text.find_members(raw, data_at, INNER, places, numbers)
        bids_at, asks_at, *_ = places.tolist()
        _, _, ts_ms, checksum, seq, prev_seq = numbers.tolist()
        counts = self.counts
        if is_whole:
            channel.is_asked = False
        if end < 0 or min(bids_at, asks_at) < 0 or text.NO_NUMBER in {ts_ms, checksum, seq, prev_seq}:
            counts.n_bad_texts += 1
            self._bar(channel)
            return
        if is_whole:
            counts.n_snapshots += 1
        elif not channel.is_good:
            return  # of the channel that was given up
        elif prev_seq != channel.seq:
            counts.n_gaps += 1
            self._bar(channel)
            return
        stamps = (max(seq, 1), received_ns, ts_ms * MS_NS)
        code = channel.book.take(raw, (bids_at, asks_at), stamps, checksum, is_whole=is_whole)
        if not is_good(code):
            if code == status.BAD_CHECKSUM:
                counts.n_bad_sums += 1
            else:
                counts.n_bad_texts += 1
            self._bar(channel)
            return
        counts.n_updates += 1
        if is_whole:
            channel.good_s = asyncio.get_running_loop().time()
        channel.seq, channel.is_good = seq, True
        self._tell(channel)

    def _tell(self, channel: _Channel) -> None:
        if self._on_book is not None:
            self._on_book(channel.spec.symbol)

    def _event(self, text_bytes: bytes) -> None:
        try:
            event = json.loads(text_bytes)
        except ValueError:
            self._bar_all()
            return
        if event.get("event") == "error":
            self.counts.n_refused += 1
            self._line.last_error = f"{event.get('code')} {event.get('msg')}"[:200]
            for channel in self._channels.values():
                if not channel.is_good:
                    channel.is_asked = False
                    self._bar(channel)

    def _bar_all(self) -> None:
        """A message that cannot be read may have been any book's."""
        self.counts.n_bad_texts += 1
        for channel in self._channels.values():
            self._bar(channel)

    def _bar(self, channel: _Channel) -> None:
        """Gaps the row and asks for a whole book, later each time it fails at once."""
        if channel.is_good and asyncio.get_running_loop().time() - channel.good_s > STEADY_S:
            channel.n_failures = 0
        channel.book.gap()
        if channel.is_good:
            channel.is_good = False
            self._tell(channel)
        if channel.is_asked or self._say is None:
            return
        channel.is_asked = True
        pause_s = AGAIN_S[min(channel.n_failures, len(AGAIN_S) - 1)]
        channel.n_failures += 1
        task = asyncio.get_running_loop().create_task(self._ask(channel, self._say, pause_s))
        self._asking.add(task)
        task.add_done_callback(self._asking.discard)

    async def _ask(self, channel: _Channel, say: Say, pause_s: float) -> None:
        if pause_s:
            await asyncio.sleep(pause_s)
        if self._say is say:
            name = [channel.spec.venue_symbol.encode()]
            say(_words("unsubscribe", name))
            say(_words("subscribe", name))


def _two(n: int) -> Int64Array:
    """Room for the places and the numbers of n members."""
    return np.zeros((2, n), np.int64)


def _words(word: str, names: Sequence[bytes]) -> str:
    return json.dumps({"op": word, "args": [{"channel": "books", "instId": name.decode()} for name in names]})


def spec(symbol: str, instrument_id: str, venue_scales: tuple[int, int], scales: tuple[int, int]) -> DepthSpec:
    """The DepthSpec of an OKX instrument: decimals of its tick and lot, then the symbol's price and quantity scale."""
    return DepthSpec(symbol, instrument_id, *venue_scales, *scales, sum_kind=depth.SHORT_SUM)
