"""The burst as text: every recorded change in a venue's words, through the direct parser, into the board decided on.

As a socket would hand it over, without the socket: the text is made before the clock runs, then each message is read by
its venue's own BinanceFeed, which writes its row, and the engine is told which row it was, as a venue process tells it.
Here both are one process, so the engine has less of its core than in production.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from app.domain.book import BookSnapshot, Level
from app.domain.instrument import Symbol
from app.domain.universe import Universe
from app.kernels import jit
from app.venues.cex.direct.binance import BinanceEnd, BinanceFeed
from app.venues.cex.direct.depth_book import DepthSpec
from app.venues.clock import SystemClock
from loadtests.feed import BookEvent, Run
from loadtests.feeds_source import decimal

MS_NS = 1_000_000
# Whole books come from `fetch`, and nobody dials these.
END = BinanceEnd("ws://burst/stream", "http://burst/depth", is_futures=True)


class Said(NamedTuple):
    """One message of one book, whole or a diff."""

    venue: str
    symbol: str
    text: bytes
    is_whole: bool


@dataclass(slots=True)
class DirectRun(Run):
    """A run whose events are text."""

    feeds: dict[str, BinanceFeed] = field(default_factory=dict)
    wholes: dict[str, bytes] = field(default_factory=dict)

    @classmethod
    def prepared(cls, events: list[tuple[int, list[BookEvent]]], universe: Universe) -> Iterator[tuple[int, list[Any]]]:
        """Venues with equal shares say the same: their text is kept once."""
        known: dict[bytes, bytes] = {}
        found = []
        while events:
            at_ns, parts = events.pop()
            said = []
            for part in parts:
                text = text_of(part, universe.symbols[part.symbol])
                is_whole = isinstance(part, BookSnapshot)
                said.append(Said(part.venue, part.symbol, known.setdefault(text, text), is_whole))
            found.append((at_ns, said))
        return reversed(found)

    def open(self) -> None:
        jit.warm_imported()
        universe = self.engine.universe
        for venue, symbol in self.board.listings:
            scales = (universe.symbols[symbol].price_scale, universe.symbols[symbol].qty_scale)

            async def whole(_url: str, venue: str = venue) -> bytes:
                return self.wholes[venue]

            def on_row(symbol: str, venue: str = venue) -> None:
                self.engine.on_books([(venue, symbol)])

            spec = DepthSpec(symbol, symbol, *scales, *scales)
            self.feeds[venue] = BinanceFeed(venue, [spec], self.board, SystemClock(), END, fetch=whole)
            self.feeds[venue].tell(on_row)

    async def play(self, seconds: float) -> None:
        await Run.play(self, seconds)
        counts = [each.counts for each in self.feeds.values()]
        assert sum(each.n_updates for each in counts) > self.watch.n_events * 9 // 10, counts
        assert not any(each.n_gaps or each.n_bad_texts for each in counts), counts

    def _take(self, events: list[Any]) -> None:
        said: Said
        for said in events:
            feed, now_ns = self.feeds[said.venue], self.engine.clock.wall_ns()
            if said.is_whole:
                self.wholes[said.venue] = said.text
                feed.on_lost()
                feed.on_open(lambda _words: None)
            else:
                feed.on_message(said.text, now_ns)
            touch = self.board.touch(said.venue, said.symbol)
            self.watch.on_touch(said.symbol, *touch, now_ns)
            self.watch.n_events += 1


def text_of(event: BookEvent, symbol: Symbol) -> bytes:
    """A recorded event as Binance's contracts say it."""

    def said(levels: tuple[Level, ...]) -> list[list[str]]:
        return [[decimal(price, symbol.price_scale), decimal(qty, symbol.qty_scale)] for price, qty in levels]

    at_ms = event.venue_ts_ns // MS_NS
    if isinstance(event, BookSnapshot):
        body: dict[str, Any] = {"lastUpdateId": event.book_seq, "E": at_ms}
        return json.dumps(body | {"bids": said(event.bids), "asks": said(event.asks)}, separators=(",", ":")).encode()
    data: dict[str, Any] = {"e": "depthUpdate", "E": at_ms, "s": event.symbol}
    data |= {"U": event.prev_book_seq + 1, "u": event.book_seq, "pu": event.prev_book_seq}
    data |= {"b": said(event.bids), "a": said(event.asks)}
    return json.dumps({"stream": "depth", "data": data}, separators=(",", ":")).encode()
