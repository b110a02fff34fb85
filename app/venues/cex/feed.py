"""Public books of one venue through ccxt.pro: whole tops of book in the symbol's integers, gaps told at once.

ccxt keeps each book from snapshot and deltas and checks what it checks; sequences are checked here besides. A gap, a
bad checksum, a lost or silent connection bars the book at once, by a delta that fits nothing, and the next snapshot
frees it. Prices that the symbol cannot say exactly are moved against us, quantities are cut.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from functools import partial
from typing import Any, Final, TypeVar, cast
from weakref import WeakSet

from app import observe
from app.domain.book import BookDelta, BookSnapshot, Level
from app.domain.instrument import Instrument, Symbol
from app.domain.ports import BookSink, Clock
from app.venues.cex.checksums import ChecksumWatch
from app.venues.cex.exact import ceil_units, floor_units, places_of
from app.venues.cex.health import Health
from app.venues.cex.profile import BookSource, Continuity, VenueProfile
from app.venues.cex.sequences import SequenceWatch
from app.venues.cex.session import Call, calling
from app.venues.cex.streams import STREAM_ERRORS, Stream, Tasks, close_silent

_NS_PER_MS: Final = 1_000_000
_NS_PER_S: Final = 1_000_000_000
_MAX_KNOWN_PRICES: Final = 8_192
_WATCH_EVERY_S: Final = 0.5
# A resubscription takes some tenths of a second: books that are away for longer mean that the connection is.
_AWAY_NS: Final = 1 * _NS_PER_S


# Quantity by price, of bids and of asks; and (side, price, quantity) of one level of them.
Sides = tuple[Mapping[int, int], Mapping[int, int]]
Standing = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class RetakePace:
    """Each book every `every_s`, never two questions within `least_s`; a contradicted book again after `again_s`.

    `again_s` is longer than an exchange keeps an old answer for.
    """

    every_s: float = 5.0
    least_s: float = 1.0
    again_s: float = 2.0


@dataclass(slots=True)
class _Book:
    """One market's stream and what was last said of it."""

    symbol: Symbol
    book_seq: int
    is_gapped: bool = True
    heard_ns: int = 0
    gapped_ns: int = 0
    suspects: frozenset[Standing] = frozenset()
    said: tuple[tuple[Level, ...], tuple[Level, ...]] = ((), ())
    bid_units: dict[Any, int] = field(default_factory=dict)
    ask_units: dict[Any, int] = field(default_factory=dict)


class CcxtFeed:
    """Books of every listing, for as long as it is started. Needs no key."""

    def __init__(
        self,
        profile: VenueProfile,
        listings: Mapping[str, tuple[Symbol, Instrument]],
        clock: Clock,
        health: Health,
        *,
        n_levels: int = 50,
        silence_s: float = 5.0,
        max_age_ns: int = 0,
        retake: RetakePace | None = None,
    ) -> None:
        """`max_age_ns`: nobody routes on an older book; 0: not known here. `retake`: for books that nothing proves."""
        self._profile = profile
        self._clock = clock
        self._health = health
        self._n_levels = n_levels
        self._silence_ns = int(silence_s * _NS_PER_S)
        self._max_age_ns = max_age_ns
        self._retake = retake or RetakePace()
        # Rises over restarts: no venue changes a book a billion times a second.
        self._books = {name: _Book(symbol, clock.wall_ns()) for name, (symbol, _) in listings.items()}
        self._sequence = SequenceWatch(profile.book)
        self._checksum = ChecksumWatch(profile.book, self._places)
        self._tasks = Tasks(profile.venue_id)
        # Connections that were given up. What they still bring is of a book that is gone: ccxt would lay it over the
        # next one, and takes some venues' snapshots for changes besides.
        self._given_up: WeakSet[Any] = WeakSet()
        self._connections: dict[str, Any] = {}
        self._exchange: Any = None
        self._on_book: BookSink | None = None
        self.n_gaps = 0

    def start(self, exchange: Any, on_book: BookSink) -> None:
        """Follows every market on `exchange`, whose markets are loaded and whose `on_wire` is this feed's."""
        self._exchange, self._on_book = exchange, on_book
        for name in [name for name in self._books if name not in exchange.markets]:
            del self._books[name]  # no book, so nothing is routed there
        if self._books:
            self._health.lacks("books", "none yet")
        for name in self._books:
            self._tasks.start(self._stream(name).run(), f"book {name}")
        self._tasks.start(self._listen_for_silence(), "book silence")
        if self._profile.book.continuity is Continuity.NONE:
            self._tasks.start(self._retake_for_ever(), "book retake")

    async def stop(self) -> None:
        await self._tasks.stop()

    def on_wire(self, client: Any, message: Any) -> bool:
        """Every raw message, before ccxt takes it; False keeps it from ccxt."""
        if client in self._given_up:
            return False
        before = self._connections.get(client.url)
        if before is not client:
            self._connections[client.url] = client
            if before is not None:
                self._replace(before)
        if not self._sequence.is_whole(client, message):
            self._resync(client, "sequence")
            return False
        if not self._checksum.is_right(client, message):
            self._resync(client, "checksum")
            return False
        return True

    def _places(self, name: str) -> tuple[int, int]:
        """Digits after the point of a market's prices and quantities, as the venue lists it."""
        precision = self._exchange.market(name)["precision"]
        return places_of(precision["price"]), places_of(precision["amount"])

    def _stream(self, name: str) -> Stream:
        async def watched() -> Any:
            return await self._exchange.watch_order_book(name)

        return Stream(
            self._profile.venue_id,
            f"book {name}",
            watched,
            lambda book: self._take_current(name, book),
            lambda why: self._lose(name, why),
        )

    def _lose(self, name: str, why: str) -> None:
        """A stream ended. A connection that goes on would make the next book of changes alone: all are given up."""
        lost = self._exchange.orderbooks.pop(name, None)
        # A book that was not told yet is lost too where it began with the stream's own snapshot.
        if self._books[name].is_gapped and (lost is None or self._profile.book.source is not BookSource.STREAM):
            return
        self._gap(name)
        for client in list(self._exchange.clients.values()):
            self._resync(client, why)

    def _replace(self, before: Any) -> None:
        """A new connection speaks. The one before may have ended between two awaits of its streams, unheard."""
        self._given_up.add(before)
        for name in self._books:
            self._gap(name)

    def _resync(self, client: Any, why: str) -> None:
        """Every book is barred and taken anew, from another connection."""
        self._given_up.add(client)
        for name in self._books:
            self._gap(name)
        close_silent(self._exchange, client.url, why)

    def _gap(self, name: str) -> None:
        book = self._books[name]
        self._exchange.orderbooks.pop(name, None)
        if book.is_gapped:
            return
        book.is_gapped = True
        book.said = ((), ())
        book.gapped_ns = self._clock.monotonic_ns()
        self.n_gaps += 1
        book.book_seq += 1
        now_ns = self._clock.wall_ns()
        # It follows nothing: the board bars the book until the next snapshot.
        gap = BookDelta(self._profile.venue_id, name, book.book_seq, book.book_seq + 1, 0, now_ns, (), ())
        book.book_seq += 1
        assert self._on_book is not None
        self._on_book(gap)

    def _take_current(self, name: str, raw: Any) -> None:
        """What a stream brings. It may have been given up since: the gap came behind it, before anybody looked."""
        if raw is self._exchange.orderbooks.get(name):
            self._take(name, raw)

    def _take(self, name: str, raw: Any, *, is_again: bool = False) -> None:
        """`is_again`: told even where nothing changed, for its age."""
        book = self._books[name]
        scale = (book.symbol.price_scale, book.symbol.qty_scale)
        book.heard_ns = self._clock.monotonic_ns()
        self._health.heard(f"book {name}")
        bids = levels_of(raw["bids"][: self._n_levels], scale, book.bid_units, is_bid=True)
        asks = levels_of(raw["asks"][: self._n_levels], scale, book.ask_units, is_bid=False)
        if (bids, asks) == book.said and not book.is_gapped and not is_again:
            return
        book.said = (bids, asks)
        book.book_seq += 1
        ts_ms = raw.get("timestamp")
        snapshot = BookSnapshot(
            self._profile.venue_id,
            name,
            book.book_seq,
            int(ts_ms) * _NS_PER_MS if ts_ms else 0,
            self._clock.wall_ns(),
            bids,
            asks,
        )
        assert self._on_book is not None
        self._on_book(snapshot)
        if book.is_gapped:
            book.is_gapped = False
            self._health.has("books")

    async def _listen_for_silence(self) -> None:
        """A book that says nothing for too long is taken for dead, with its connection."""
        while True:
            await asyncio.sleep(_WATCH_EVERY_S)
            now_ns = self._clock.monotonic_ns()
            horizon_ns = now_ns - self._silence_ns
            silent = [name for name, book in self._books.items() if not book.is_gapped and book.heard_ns < horizon_ns]
            if silent:
                for client in list(self._exchange.clients.values()):
                    heard_ms = client.last_message_at
                    if (
                        heard_ms is None
                        or heard_ms < self._clock.wall_ns() // _NS_PER_MS - self._silence_ns // _NS_PER_MS
                    ):
                        self._resync(client, "silence")
            if self._max_age_ns and self._profile.book.continuity is Continuity.NONE:
                for name, book in self._books.items():
                    if book.heard_ns < now_ns - self._max_age_ns:
                        self._gap(name)
            if self._books and all(b.is_gapped and b.gapped_ns < now_ns - _AWAY_NS for b in self._books.values()):
                self._health.lacks("books", "all are barred")

    # books that nothing proves whole

    async def _retake_for_ever(self) -> None:
        """Asks for each such book over REST in its turn, often enough for its age where the venue's budget lasts.

        Where the answer contradicts levels that stand still here, twice in a row, deltas were lost: all is taken anew.
        """
        pace, every_s = self._retake, self._retake.every_s
        if self._max_age_ns:
            every_s = min(every_s, self._max_age_ns / _NS_PER_S / 2)
        while True:
            await asyncio.sleep(0 if self._books else pace.least_s)
            for name in list(self._books):
                await asyncio.sleep(max(pace.least_s, every_s / len(self._books)))
                await self._retake_one(name)
                if self._books[name].suspects:
                    await asyncio.sleep(pace.again_s)
                    await self._retake_one(name)

    async def _retake_one(self, name: str) -> None:
        book = self._books[name]
        before = self._standing(name, self._exchange.orderbooks.get(name))
        try:
            with calling(Call("book")):
                raw = await self._exchange.fetch_order_book(name)
        except STREAM_ERRORS as error:
            observe.venue_call_failed(self._profile.venue_id, "book", error)
            return
        wrong = contradicted(
            before, self._standing(name, self._exchange.orderbooks.get(name)), self._standing(name, raw)
        )
        if wrong & book.suspects:
            book.suspects = frozenset()
            for client in list(self._exchange.clients.values()):
                self._resync(client, "contradicted")
            return
        book.suspects = wrong
        if not wrong:
            self._take(name, raw, is_again=True)

    def _standing(self, name: str, raw: Any) -> Sides:
        """Its best levels in the symbol's units, bids and asks by price."""
        book = self._books[name]
        scale, raw = (book.symbol.price_scale, book.symbol.qty_scale), raw or {"bids": (), "asks": ()}
        bids = levels_of(raw["bids"][: self._n_levels], scale, book.bid_units, is_bid=True)
        return dict(bids), dict(levels_of(raw["asks"][: self._n_levels], scale, book.ask_units, is_bid=False))


Maker = TypeVar("Maker", bound=Callable[..., Any])


def aged(maker: Maker, max_age_ns: int) -> Maker:
    """`maker` with its venue's book age, where it makes this feed: others' books say by themselves what is lost."""
    return cast(Maker, partial(CcxtFeed, max_age_ns=max_age_ns)) if maker is CcxtFeed else maker


def contradicted(before: Sides, after: Sides, theirs: Sides) -> frozenset[Standing]:
    """Levels that stood still here around a question and that the answer has otherwise.

    Only where both sides of the comparison reach: an answer of few levels says nothing of deeper ones.
    """
    wrong = set()
    for side, sign in ((0, -1), (1, 1)):
        ours, asked = (before[side], after[side]), theirs[side]
        if not all(ours) or not asked:
            continue
        reach = min(max(sign * price for price in levels) for levels in (*ours, asked))
        for price in {*ours[0], *ours[1], *asked}:
            was, is_now, is_there = ours[0].get(price, 0), ours[1].get(price, 0), asked.get(price, 0)
            if sign * price <= reach and was == is_now != is_there:
                wrong.add((side, price, was))
    return frozenset(wrong)


def levels_of(
    raw: Iterable[Any], scale: tuple[int, int], known_units: dict[Any, int], *, is_bid: bool
) -> tuple[Level, ...]:
    """Levels in integer units, best first: bids floored, asks ceiled, quantities cut; what becomes 0 is left out.

    Levels that fall together become one. `known_units` remembers prices that were seen before.
    """
    price_scale, qty_scale = scale
    found: dict[int, int] = {}
    for level in raw:
        price, qty = level[0], level[1]
        price_units = known_units.get(price)
        if price_units is None:
            if len(known_units) >= _MAX_KNOWN_PRICES:
                known_units.clear()
            exact = Decimal(str(price))
            price_units = floor_units(exact, price_scale) if is_bid else ceil_units(exact, price_scale)
            known_units[price] = price_units
        qty_units = floor_units(Decimal(str(qty)), qty_scale)
        if price_units > 0 and qty_units > 0:
            found[price_units] = found.get(price_units, 0) + qty_units
    return tuple(found.items())
