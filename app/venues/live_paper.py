"""Paper orders on live public books: a paper venue whose market is another venue's feed.

A child waits as long as the real one would, is matched against the book as it is then, pays the real venue's fee, and
what we took stays missing from what is shown until it could have come back. No key, and no order leaves. Children are
ioc or fok, so none ever rests in a queue; what a queue costs a taker is that others come first: that is the delay.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Protocol

from app.domain.book import BookDelta, BookSnapshot, Level
from app.domain.fills import ExecutionReport
from app.domain.instrument import Instrument
from app.domain.orders import ChildOrder
from app.domain.ports import BookSink, Clock, ReportSink, TradeFeed, TradesSink
from app.domain.statement import VenueHealth, VenueState, VenueStatement
from app.venues.base import VenueBase
from app.venues.exchange import PaperExchange
from app.venues.exchange_spec import ExchangeSpec
from app.venues.retelling import received
from app.venues.simulated_market import Sides

_NEVER_NS: Final = 3_600_000_000_000
_NOTHING: Final = Sides(0, (), ())


class Books(Protocol):
    """A venue's public books: ccxt's feed, and the tests' own."""

    async def start(self, on_book: BookSink) -> None: ...

    async def stop(self) -> None: ...

    def health(self) -> VenueHealth: ...


@dataclass(slots=True)
class LiveMarket:
    """The last good book of each market. One older than `max_age_ns` is none: nothing is filled against it.

    `refills_ns`: what we took is missing from it for so long.
    """

    instruments: Mapping[str, Instrument]
    max_age_ns: int
    refills_ns: int
    _sides: dict[str, tuple[int, Sides]] = field(default_factory=dict)
    _n_updates: int = 0

    def take(self, book: BookSnapshot | BookDelta) -> BookSnapshot | BookDelta:
        """Keeps a snapshot, on the instrument's own ticks and lots; a delta is a gap: then there is none."""
        if isinstance(book, BookDelta):
            self._sides.pop(book.symbol, None)
            return book
        self._n_updates += 1
        instrument = self.instruments[book.symbol]
        bids = on_grid(book.bids, instrument, is_bid=True)
        asks = on_grid(book.asks, instrument, is_bid=False)
        self._sides[book.symbol] = book.received_ts_ns, Sides(self._n_updates, bids, asks)
        return replace(book, bids=bids, asks=asks)

    def sides(self, venue: str, symbol: str, now_ns: int) -> Sides:
        received_ts_ns, sides = self._sides.get(symbol, (0, _NOTHING))
        return sides if now_ns - received_ts_ns <= self.max_age_ns else _NOTHING

    def refill_ns(self, venue: str, symbol: str) -> int:
        return self.refills_ns

    def next_move_ns(self, venue: str, now_ns: int) -> int:
        """Books are told when they come, not by the paper venue's own clock."""
        return now_ns + _NEVER_NS


class LivePaperVenue(VenueBase):
    """One real venue's books with a paper exchange in front of them."""

    is_prompt = True

    def __init__(self, spec: ExchangeSpec, books: Books, clock: Clock, refills_ns: int) -> None:
        super().__init__(spec.venue.venue_id, clock)
        instruments = {name: listing.instrument for name, listing in spec.listings.items()}
        self.market = LiveMarket(instruments, spec.venue.max_book_age_ns, refills_ns)
        self.exchange = PaperExchange(spec, self.market, clock)
        self._books = books
        self._detach: Callable[[], None] | None = None

    shows_own_trades = False

    def watch_trades(self, on_trades: TradesSink) -> Sequence[str]:
        """The real venue's trades, if its feed tells them: others' all of them, for a paper order is on no tape."""
        return self._books.watch_trades(on_trades) if isinstance(self._books, TradeFeed) else ()

    async def start(self, on_report: ReportSink, on_book: BookSink) -> None:
        """Opens the paper side, then lets books come. Raises Unavailable where another process holds its ledger."""

        def stamped(report: ExecutionReport) -> None:
            on_report(received(report, self._clock.wall_ns()))

        def told(book: BookSnapshot | BookDelta) -> None:
            taken = self.market.take(book)
            if isinstance(taken, BookSnapshot):
                bids, asks = self.exchange.shown(taken.symbol, self._clock.wall_ns())
                taken = replace(taken, bids=bids, asks=asks)
            on_book(taken)

        self._detach = self.exchange.attach(stamped, lambda _: None)
        self.exchange.open()
        await self._books.start(told)

    async def stop(self) -> None:
        await self._books.stop()
        if self._detach is not None:
            self._detach()
            self._detach = None
        await self.exchange.close()

    async def _transmit(self, child: ChildOrder, limits_version: int, decision_seq: int) -> None:
        self.exchange.submit(child, limits_version, decision_seq)

    async def cancel(self, child: ChildOrder) -> None:
        self.exchange.cancel(child)

    async def query(self, child: ChildOrder) -> None:
        self.exchange.query(child)

    async def open_client_ids(self) -> Sequence[str]:
        return await self.exchange.open_client_ids()

    async def statement(self, account: str) -> VenueStatement:
        return await self.exchange.statement(account)

    def health(self) -> VenueHealth:
        """That of the books: without them there is nothing to trade against."""
        if not self.exchange.is_running:
            return VenueHealth(self.venue_id, VenueState.DOWN, "not started")
        return self._books.health()


def on_grid(levels: Sequence[Level], instrument: Instrument, *, is_bid: bool) -> tuple[Level, ...]:
    """Levels on the instrument's ticks and whole lots, best first: prices move against us, levels that fall together
    become one, what is less than a lot is left out."""
    tick, lot = instrument.tick_units, instrument.lot_units
    found: dict[int, int] = {}
    for price_units, qty_units in levels:
        on_tick = price_units // tick * tick if is_bid else -(-price_units // tick) * tick
        found[on_tick] = found.get(on_tick, 0) + qty_units
    whole = ((price_units, qty_units // lot * lot) for price_units, qty_units in found.items())
    return tuple(level for level in whole if level[0] > 0 and level[1] > 0)
