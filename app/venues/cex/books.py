"""Where a venue's books come from: ccxt's path, or a direct feed for venues that have one; one contract for both.

A feed needs no key. It follows every listing that its session knows, gaps a book at once, and says in the venue's
health what it lacks. A direct feed writes the board that is decided on where its process holds it; elsewhere its rows
are told as values. Its whole books are asked for through the session: counted in the venue's budget as all requests.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final, NamedTuple, Protocol
from urllib.parse import parse_qsl, urlsplit

from app import observe
from app.domain.errors import Unavailable
from app.domain.instrument import Instrument, Symbol
from app.domain.ports import BookSink, Clock
from app.shm.books import BookBoard
from app.venues.cex.direct import okx
from app.venues.cex.direct.binance import BinanceEnd, BinanceFeed
from app.venues.cex.direct.depth_book import DepthSpec
from app.venues.cex.direct.feed import DirectFeed, OnBook, Rows
from app.venues.cex.direct.line import LineRule
from app.venues.cex.direct.okx import OkxFeed
from app.venues.cex.direct.retold import Retold
from app.venues.cex.exact import places_of
from app.venues.cex.feed import CcxtFeed
from app.venues.cex.health import Health
from app.venues.cex.profile import VenueProfile
from app.venues.cex.session import Call, calling
from app.venues.cex.streams import STREAM_ERRORS, Tasks

Listings = Mapping[str, tuple[Symbol, Instrument]]

CCXT: Final = "ccxt"
DIRECT: Final = "direct"
# As long as ccxt's path waits before it takes a connection for dead.
_SILENT_S: Final = 5.0
_ASK_S: Final = 2.0
_WATCH_EVERY_S: Final = 0.25
_MAX_REASON: Final = 200


class BookFeed(Protocol):
    """Public books of one venue, for as long as it is started."""

    def start(self, exchange: Any, on_book: BookSink) -> None:
        """Follows every market of the listings on `exchange`, whose markets are loaded."""
        ...

    async def stop(self) -> None: ...

    def on_wire(self, client: Any, message: Any) -> bool:
        """Every raw message of the session; False keeps it from ccxt."""
        ...


FeedMaker = Callable[[VenueProfile, Listings, Clock, Health], BookFeed]


class _Words(NamedTuple):
    """How ccxt names the addresses of one Binance, and which law of sequence it keeps."""

    stream: str
    api: str
    is_futures: bool


_BINANCE: Final = {
    "binance": _Words("spot", "public", is_futures=False),
    "binanceusdm": _Words("linear", "fapiPublic", is_futures=True),
    "binancecoinm": _Words("inverse", "dapiPublic", is_futures=True),
}
HAVE_DIRECT: Final = frozenset({*_BINANCE, "okx"})


def feed_maker(feeds: str, profile: VenueProfile, rows: Rows | None = None) -> FeedMaker:
    """What makes the books of a venue where `feeds` is asked for: ccxt's path where there is no direct one."""
    if feeds == DIRECT and profile.ccxt_id in HAVE_DIRECT:
        return partial(DirectBooks, rows=rows)
    return CcxtFeed


class DirectBooks:
    """A direct feed as the adapters know feeds. With `rows`, what is told is the rows themselves."""

    def __init__(
        self,
        profile: VenueProfile,
        listings: Listings,
        clock: Clock,
        health: Health,
        *,
        rows: Rows | None = None,
        n_levels: int = 50,
        silence_s: float = _SILENT_S,
    ) -> None:
        self._profile, self._venue_id = profile, profile.venue_id
        self._listings = listings
        self._clock = clock
        self._health = health
        self._rows = rows
        self._n_levels = n_levels
        self._silence_s = silence_s
        self._streams = {name: f"book {name}" for name in listings}
        self._tasks = Tasks(profile.venue_id)
        self._feed: DirectFeed | None = None
        self._board: BookBoard | None = None
        self._tell: OnBook = lambda symbol: None
        self._is_lacking = False

    def start(self, exchange: Any, on_book: BookSink) -> None:
        there = {name: listing for name, listing in self._listings.items() if name in exchange.markets}
        if not there:
            return  # no book, so nothing is routed there
        self._lack("none yet")
        if self._rows is None:
            board = BookBoard([(self._venue_id, name) for name in there], self._n_levels)
            self._tell = Retold(self._venue_id, board, on_book)
        else:
            board, self._tell = self._rows
        self._board = board
        specs = [_spec(exchange, name, symbol) for name, (symbol, _) in there.items()]
        self._feed = self._make(exchange, specs, board)
        self._tasks.start(self._watch(self._feed), "books")

    async def stop(self) -> None:
        """Every row is gapped, and told so."""
        await self._tasks.stop()
        if self._feed is not None:
            await self._feed.stop()
            self._feed = None

    def on_wire(self, client: Any, message: Any) -> bool:
        """The session's sockets, if it has any, are not this feed's."""
        return True

    def _make(self, exchange: Any, specs: list[DepthSpec], board: BookBoard) -> DirectFeed:
        urls = exchange.urls["api"]
        words = _BINANCE.get(self._profile.ccxt_id)
        if words is None:
            rule = LineRule(self._silence_s, min(_ASK_S, self._silence_s / 2), ask="ping")
            return OkxFeed(self._venue_id, specs, board, self._clock, exchange.local(f"{urls['ws']}/public"), rule=rule)
        stream_url = exchange.local(urls["ws"][words.stream]).removesuffix("/ws") + "/stream"
        end = BinanceEnd(stream_url, f"{urls[words.api]}/depth", words.is_futures)
        rule = LineRule(self._silence_s, min(_ASK_S, self._silence_s / 2))
        fetch = partial(_whole_book, exchange, words.api)
        return BinanceFeed(self._venue_id, specs, board, self._clock, end, fetch=fetch, rule=rule)

    def _on_row(self, symbol: str) -> None:
        """After each row that was written or gapped."""
        assert self._board is not None
        if not self._board.is_gapped(self._venue_id, symbol):
            self._health.heard(self._streams[symbol])
            self._tell(symbol)
            if self._is_lacking:
                self._is_lacking = False
                self._health.has("books")
            return
        if self._feed is not None and not self._feed.health().n_good:
            self._lack("all are barred")
        self._tell(symbol)

    def _lack(self, why: str) -> None:
        self._is_lacking = True
        self._health.lacks("books", why[:_MAX_REASON])

    async def _watch(self, feed: DirectFeed) -> None:
        """Says why there are no books, and tells of each new way in which the connection fails."""
        await feed.start(self._on_row)
        told = ""
        while True:
            await asyncio.sleep(_WATCH_EVERY_S)
            health = feed.health()
            if health.last_error and not health.n_good:
                self._lack(health.last_error)
            if health.last_error != told:
                told = health.last_error
                observe.venue_call_failed(self._venue_id, "books", ConnectionError(told))


def _spec(exchange: Any, name: str, symbol: Symbol) -> DepthSpec:
    """A market as ccxt lists it, kept at the venue's own decimals."""
    market = exchange.markets[name]
    places = places_of(market["precision"]["price"]), places_of(market["precision"]["amount"])
    scales = symbol.price_scale, symbol.qty_scale
    if exchange.profile.ccxt_id in _BINANCE:
        return DepthSpec(name, market["id"], *places, *scales)
    return okx.spec(name, market["id"], places, scales)


async def _whole_book(exchange: Any, api: str, url: str) -> bytes:
    """The text of a book that `url` names, as one request of the session. Raises Unavailable where there is none."""
    call = Call("book")
    try:
        with calling(call):
            await getattr(exchange, f"{api}GetDepth")(dict(parse_qsl(urlsplit(url).query)))
    except STREAM_ERRORS as error:
        raise Unavailable("venue_unavailable", f"depth: {type(error).__name__}: {error}"[:_MAX_REASON]) from error
    return call.body.encode()
