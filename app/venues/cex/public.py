"""Public books of one exchange without any key: its markets, its clock and the feed, for as long as it is started."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from app.domain.errors import Unavailable
from app.domain.instrument import Instrument, Symbol
from app.domain.ports import BookSink, Clock, TradesSink
from app.domain.statement import VenueHealth, VenueState
from app.venues.cex.books import BookFeed, FeedMaker
from app.venues.cex.budget import Budgets
from app.venues.cex.desk import Desk
from app.venues.cex.feed import CcxtFeed, aged
from app.venues.cex.health import Health
from app.venues.cex.profile import VenueProfile
from app.venues.cex.session import SessionSettings, make_session
from app.venues.cex.streams import Tasks
from app.venues.cex.tape import CcxtTape

_FIRST_BACKOFF_S: Final = 0.5
_MAX_BACKOFF_S: Final = 5.0
_CLOCK_EVERY_S: Final = 5.0
_MAX_REASON: Final = 200


class PublicBooks:
    """One venue's books; it connects by itself, and says in its health what is missing."""

    def __init__(
        self,
        profile: VenueProfile,
        listings: Mapping[str, tuple[Symbol, Instrument]],
        clock: Clock,
        settings: SessionSettings,
        budgets: Budgets,
        *,
        max_age_ns: int = 0,
        make_feed: FeedMaker = CcxtFeed,
    ) -> None:
        self._max_age_ns = max_age_ns
        self._profile = profile
        self._listings = listings
        self._clock = clock
        self._make_feed = make_feed
        kinds = frozenset(symbol.fungible.kind for symbol, _ in listings.values())
        self._settings = replace(settings, account="", kinds=kinds)
        self._budget = budgets.of(profile, key_id="", account="")
        self._health = Health(profile.venue_id, clock, self._budget)
        self._tasks = Tasks(profile.venue_id)
        self._feed: BookFeed | None = None
        self._exchange: Any = None
        self._missing: tuple[str, ...] = ()
        self._tape: CcxtTape | None = None

    shows_own_trades = False

    def watch_trades(self, on_trades: TradesSink) -> Sequence[str]:
        """Trades from the next start on; of what, shows once they come."""
        self._tape = CcxtTape(self._profile, self._listings, self._clock, on_trades)
        return ()

    async def start(self, on_book: BookSink) -> None:
        """Begins to connect and returns: a venue that is away joins when it is there."""
        self._tasks.start(self._connect(on_book), "connect")

    async def stop(self) -> None:
        await self._tasks.stop()
        await self._hang_up()

    def health(self) -> VenueHealth:
        """A listing that the venue does not have is named, and bars nothing but itself: it has no book."""
        health = self._health.report()
        if self._missing and health.state is VenueState.UP:
            return replace(health, reason=f"not listed there: {', '.join(self._missing)}")
        return health

    async def _connect(self, on_book: BookSink) -> None:
        backoff_s = _FIRST_BACKOFF_S
        while True:
            try:
                await self._prepare()
                break
            except Unavailable as error:
                cause = "" if error.__cause__ is None else f": {error.__cause__}"
                self._health.lacks("connect", f"{error.detail}{cause}"[:_MAX_REASON])
            await self._hang_up()
            await asyncio.sleep(backoff_s)
            backoff_s = min(2 * backoff_s, _MAX_BACKOFF_S)
        self._health.has("connect")
        assert self._feed is not None
        self._feed.start(self._exchange, on_book)
        self._tasks.start(self._watch_clock(), "clock")
        if self._tape is not None:
            await self._tape.open(self._settings, self._budget, self._exchange)

    async def _prepare(self) -> None:
        """Markets and the clock, on a new session; what ccxt parses from then on stays text."""
        found: list[BookFeed] = []
        self._exchange = make_session(
            self._profile,
            self._settings,
            self._budget,
            self._clock,
            on_wire=lambda client, message: found[0].on_wire(client, message) if found else True,
        )
        await self._desk().ask("markets", self._exchange.load_markets)
        self._exchange.number = str
        await self._read_clock()
        there = {name: listing for name, listing in self._listings.items() if name in self._exchange.markets}
        self._missing = tuple(name for name in self._listings if name not in there)
        if not there:
            raise Unavailable("venue_unavailable", f"not listed there: {', '.join(self._missing)}")
        self._feed = aged(self._make_feed, self._max_age_ns)(self._profile, there, self._clock, self._health)
        found.append(self._feed)

    def _desk(self) -> Desk:
        return Desk(self._profile, self._listings, self._exchange, self._clock, self._health)

    async def _read_clock(self) -> None:
        if self._exchange.has.get("fetchTime"):
            await self._desk().venue_time_ns()

    async def _watch_clock(self) -> None:
        while True:
            await asyncio.sleep(_CLOCK_EVERY_S)
            try:
                await self._read_clock()
            except Unavailable:
                continue  # told and counted where it happened

    async def _hang_up(self) -> None:
        if self._feed is not None:
            await self._feed.stop()
            self._feed = None
        if self._tape is not None:
            await self._tape.stop()
        if self._exchange is not None:
            await self._exchange.close()
            self._exchange = None
