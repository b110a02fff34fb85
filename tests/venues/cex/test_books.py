"""Which path a venue's books take, and what the direct one owes its adapter: rows, health, and whole books counted."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterator
from functools import partial

import pytest

from app.domain.book import BookDelta, BookSnapshot
from app.domain.statement import VenueState
from app.shm.books import BookBoard
from app.venues.cex.books import DirectBooks, feed_maker
from app.venues.cex.budget import Budgets
from app.venues.cex.direct.feed import Rows
from app.venues.cex.feed import CcxtFeed
from app.venues.cex.profile_table import profile_of
from app.venues.cex.public import PublicBooks
from app.venues.cex.session import SessionSettings
from app.venues.clock import SystemClock
from tests.venues.cex.conformance.desks import ASKS, BIDS, Desk
from tests.venues.cex.conformance.streams import theirs
from tests.venues.cex.conformance.suite import PLACES
from tests.venues.cex.markets import universe_of
from tests.venues.exchange.server import LocalExchange

PERPETUAL, MARKET = "BTC/USDT:USDT", "BTCUSDT_PERP"
Heard = BookSnapshot | BookDelta


@pytest.fixture(scope="module")
def server() -> Iterator[LocalExchange]:
    with LocalExchange(["binance", "okx"]) as running:
        yield running


@pytest.mark.parametrize("venue", ["binance", "binanceusdm", "binancecoinm", "okx"])
def test_a_venue_with_a_direct_feed_takes_it_unless_told_otherwise(venue: str) -> None:
    made = feed_maker("direct", profile_of(venue))
    assert isinstance(made, partial)
    assert made.func is DirectBooks
    assert feed_maker("ccxt", profile_of(venue)) is CcxtFeed


@pytest.mark.parametrize("venue", ["kraken", "bybit", "binanceus"])
def test_every_other_venue_goes_through_ccxt(venue: str) -> None:
    assert feed_maker("direct", profile_of(venue)) is CcxtFeed


@pytest.mark.parametrize("venue", ["binance", "okx"])
async def test_rows_are_written_to_the_board_at_hand_and_nothing_else_is_told(
    server: LocalExchange, venue: str
) -> None:
    place = PLACES[venue]
    board, changed = BookBoard([(venue, place.symbol)], 20), list[str]()
    desk = Desk(server, place, make_feed=partial(DirectBooks, rows=Rows(board, changed.append)))
    await desk.open()

    def is_same() -> bool:
        book = board.snapshot(venue, place.symbol)
        return book is not None and (book.bids, book.asks) == theirs(desk)

    try:
        await desk.settle()
        await desk.quoted(is_same, BIDS, ASKS)
        n_changed = len(changed)
        server.control.switch("book_gap", venue=venue, route="book", times=1)
        assert await desk.quoted(lambda: is_same() and len(changed) > n_changed + 2, BIDS, ASKS) < 1.5
        assert set(changed) == {place.symbol}
        assert desk.books == []
        assert "book BTC/USDT" in desk.venue.health().heard_ts_ns
        server.control.switch("refuse_connection", venue=venue)
        server.control.drop(venue)
        await desk.until(lambda: board.is_gapped(venue, place.symbol))
    finally:
        server.control.clear()
        await desk.close()
    assert board.is_gapped(venue, place.symbol)


@contextlib.asynccontextmanager
async def contracts(server: LocalExchange, budgets: Budgets) -> AsyncIterator[tuple[PublicBooks, list[Heard]]]:
    """Public books of Binance USD-M through the direct feed, and what was heard of them."""
    venue = "binanceusdm"
    universe = universe_of(venue, {PERPETUAL: ("0.1", "0.001")})
    listings = {PERPETUAL: (universe.symbols[PERPETUAL], universe.instruments[(venue, PERPETUAL)])}
    heard: list[Heard] = []
    settings = SessionSettings(base_url=f"http://127.0.0.1:{server.port}")
    books = PublicBooks(profile_of(venue), listings, SystemClock(), settings, budgets, make_feed=DirectBooks)
    await books.start(heard.append)
    try:
        yield books, heard
    finally:
        await books.stop()


async def test_contracts_are_followed_without_a_key_and_whole_books_are_counted(server: LocalExchange) -> None:
    budgets = Budgets()
    async with contracts(server, budgets) as (books, heard):
        async with asyncio.timeout(10):
            while books.health().state is not VenueState.UP or len(heard) < 10:
                server.control.step("binance", MARKET, 3)
                await asyncio.sleep(0.05)
        assert all(isinstance(book, BookSnapshot) and book.bids and book.asks for book in heard)
        spent = budgets.of(profile_of("binanceusdm"), key_id="", account="")
        assert spent.left_ppm(SystemClock().monotonic_ns()) <= 1_000_000 - 20 * 1_000_000 // 2_400
    assert isinstance(heard[-1], BookDelta), "a feed that stopped bars its book"
    seqs = [book.book_seq for book in heard]
    assert seqs == sorted(set(seqs))


async def test_health_says_why_there_are_no_books_and_that_they_are_back(server: LocalExchange) -> None:
    async with contracts(server, Budgets()) as (books, heard):

        async def until(is_true: Callable[[], bool]) -> None:
            async with asyncio.timeout(10):
                while not is_true():
                    server.control.step("binance", MARKET)
                    await asyncio.sleep(0.05)

        await until(lambda: books.health().state is VenueState.UP)
        refused = server.control.switch("refuse_connection", venue="binance")
        server.control.drop("binance")
        await until(lambda: books.health().state is VenueState.DEGRADED)
        await until(lambda: "503" in books.health().reason)
        assert books.health().reason.startswith("books: ")
        assert isinstance(heard[-1], BookDelta)
        server.control.clear(refused)
        await until(lambda: books.health().state is VenueState.UP)
        assert isinstance(heard[-1], BookSnapshot)
