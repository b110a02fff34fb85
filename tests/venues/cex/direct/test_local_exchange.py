"""The direct feeds against the local exchange: its own books through gaps, bad checksums, lost and mute sockets."""

import contextlib
from dataclasses import dataclass
from decimal import ROUND_FLOOR, Decimal

import pytest

from app.shm.books import BookBoard
from app.venues.cex.direct import okx
from app.venues.cex.direct.binance import SPOT, USD_M, BinanceEnd, BinanceFeed
from app.venues.cex.direct.depth_book import DepthSpec
from app.venues.cex.direct.line import LineRule
from app.venues.cex.direct.okx import OkxFeed
from app.venues.clock import SystemClock
from tests.venues.exchange.server import LocalExchange

from .following import row, until

DEPTH = 10
RULE = LineRule(silent_s=0.5, ask_s=0.1)


@dataclass(frozen=True)
class Case:
    """A market of the local exchange, and the symbol's scales on our board."""

    venue: str
    market: str
    venue_symbol: str
    scales: tuple[int, int]
    end: BinanceEnd | None = None


CASES = {
    "binance spot": Case("binance", "BTCUSDT", "BTCUSDT", (2, 5), SPOT),
    "binance usd-m": Case("binance", "BTCUSDT_PERP", "BTCUSDT", (1, 3), USD_M),
    "okx": Case("okx", "BTC-USDT", "BTC-USDT", (1, 6)),
    "okx swap": Case("okx", "BTC-USDT-SWAP", "BTC-USDT-SWAP", (1, 2)),
}


@dataclass
class Followed:
    case: Case
    exchange: LocalExchange
    board: BookBoard
    feed: BinanceFeed | OkxFeed

    def step(self, times=1):
        self.exchange.control.step(self.case.venue, self.case.market, times)

    def switch(self, fault, **where):
        self.exchange.control.switch(fault, venue=self.case.venue, **where)

    def holds(self):
        """Whether the row is the exchange's own book, to the unit of the board."""
        book = self.exchange.control.book(self.case.venue, self.case.market)
        wanted = []
        for side in ("bids", "asks"):
            levels = [
                tuple(units(text, scale) for text, scale in zip(level, self.case.scales, strict=True))
                for level in book[side]
            ]
            wanted.append([level for level in levels if level[1]][:DEPTH])
        _, is_gapped, bids, asks = row(self.board, "BTC/USDT")
        return not is_gapped and [bids, asks] == wanted

    def is_barred(self):
        return row(self.board, "BTC/USDT")[1]


def units(text, scale):
    return int(Decimal(text).scaleb(scale).to_integral_value(ROUND_FLOOR))


@pytest.fixture(scope="module")
def exchange():
    with LocalExchange(["binance", "okx"], seed=11) as served:
        yield served


@contextlib.asynccontextmanager
async def following(exchange, case):
    exchange.control.clear()
    board = BookBoard([(case.venue, "BTC/USDT")], DEPTH)

    def local(url):
        scheme, _, rest = url.partition("://")
        return f"{'ws' if scheme == 'wss' else 'http'}://127.0.0.1:{exchange.port}/{rest}"

    if case.end is not None:
        end = BinanceEnd(local(case.end.ws_url), local(case.end.depth_url), case.end.is_futures)
        spec = DepthSpec("BTC/USDT", case.venue_symbol, 8, 8, *case.scales)
        feed = BinanceFeed(case.venue, [spec], board, SystemClock(), end, rule=RULE)
    else:
        spec = okx.spec("BTC/USDT", case.venue_symbol, (1, 8), case.scales)
        rule = LineRule(silent_s=0.5, ask_s=0.1, ask="ping")
        feed = OkxFeed(case.venue, [spec], board, SystemClock(), local("wss://ws.okx.com:8443/ws/v5/public"), rule=rule)
    followed = Followed(case, exchange, board, feed)
    await feed.start()
    try:
        await until(followed.holds, within_s=3.0)
        yield followed
    finally:
        await feed.stop()
        exchange.control.clear()


every_market = pytest.mark.parametrize("case", CASES.values(), ids=CASES)


@every_market
async def test_books_are_the_exchanges_own_after_random_diffs(exchange, case):
    async with following(exchange, case) as followed:
        for _ in range(40):
            followed.step(5)
            await until(followed.holds)
        counts = followed.feed.health().counts
        assert counts.n_updates > 100
        assert counts.n_gaps + counts.n_bad_sums + counts.n_bad_texts + counts.n_refused == 0


@every_market
async def test_a_gap_bars_the_book_at_once_and_it_is_back_within_a_second(exchange, case):
    async with following(exchange, case) as followed:
        for n in range(1, 4):
            followed.switch("book_gap", times=1)
            followed.step(4)
            await until(lambda n=n: followed.feed.counts.n_gaps >= n)
            await until(followed.holds, within_s=1.0)


async def test_a_bad_checksum_bars_the_book_and_it_is_back_within_a_second(exchange):
    async with following(exchange, CASES["okx"]) as followed:
        followed.switch("bad_checksum", times=1, route="book")
        followed.step(2)
        await until(lambda: followed.feed.counts.n_bad_sums == 1)
        await until(followed.holds, within_s=1.0)


@every_market
async def test_a_dropped_connection_bars_the_book_and_it_is_back_within_a_second(exchange, case):
    async with following(exchange, case) as followed:
        exchange.control.drop(case.venue)
        await until(lambda: followed.feed.health().n_opened == 2)
        followed.step(3)
        await until(followed.holds, within_s=1.0)


@every_market
async def test_a_mute_socket_is_given_up(exchange, case):
    async with following(exchange, case) as followed:
        followed.switch("silence", times=1)
        followed.step(3)
        await until(followed.is_barred, within_s=2.0)
        await until(followed.holds, within_s=2.0)
