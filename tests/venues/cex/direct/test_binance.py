"""The direct Binance feed against a venue on real sockets: its books are the venue's, or they are barred."""

import contextlib

import pytest

from app.venues.cex.direct.binance import BinanceEnd, BinanceFeed
from app.venues.cex.direct.depth_book import DepthSpec
from app.venues.cex.direct.line import LineRule
from app.venues.clock import SystemClock

from .following import PRICE_SCALE, QTY_SCALE, holds, new_board, row, until
from .scripted import ScriptedBinance

SYMBOLS = {"BTC/USDT": "BTCUSDT", "ETH/USDT": "ETHUSDT"}


@contextlib.asynccontextmanager
async def following(*, is_futures=False, rule=LineRule(silent_s=5, ask_s=2)):
    venue = ScriptedBinance(SYMBOLS.values(), is_futures=is_futures)
    async with venue.open():
        board = new_board("binance", SYMBOLS)
        specs = [DepthSpec(ours, theirs, 2, 3, PRICE_SCALE, QTY_SCALE) for ours, theirs in SYMBOLS.items()]
        url = f"127.0.0.1:{venue.port}"
        end = BinanceEnd(f"ws://{url}/stream", f"http://{url}/depth", is_futures=is_futures)
        feed = BinanceFeed("binance", specs, board, SystemClock(), end, rule=rule)
        await feed.start()
        try:
            await until(lambda: bool(venue.sockets))
            yield venue, board, feed
        finally:
            await feed.stop()


def all_hold(venue, board):
    return all(holds(board, ours, venue.books[theirs]) for ours, theirs in SYMBOLS.items())


@pytest.mark.parametrize("is_futures", [False, True])
async def test_books_are_the_venues_after_every_diff(is_futures):
    async with following(is_futures=is_futures) as (venue, board, feed):
        for n in range(300):
            for name in venue.books:
                await venue.push(name)
            if n % 20 == 0:
                await until(lambda: all_hold(venue, board))
        await until(lambda: all_hold(venue, board))
        health = feed.health()
        assert health.n_good == health.n_books == 2
        assert health.counts.n_gaps + health.counts.n_bad_texts + health.counts.n_refused == 0
        assert health.counts.n_updates > 550


@pytest.mark.parametrize("is_futures", [False, True])
async def test_a_lost_diff_bars_the_book_at_once_and_it_is_back_within_a_second(is_futures):
    async with following(is_futures=is_futures) as (venue, board, feed):
        await venue.push("BTCUSDT")
        await until(lambda: all_hold(venue, board))
        venue.drop_next, venue.rest_delay_s = True, 0.1
        await venue.push("BTCUSDT")
        await venue.push("BTCUSDT")
        assert await until(lambda: row(board, "BTC/USDT")[1]) < 0.1
        assert not row(board, "ETH/USDT")[1], "the other book goes on"
        for _ in range(10):
            await venue.push("BTCUSDT")
        await until(lambda: all_hold(venue, board), within_s=1.0)
        assert feed.counts.n_gaps == 1


async def test_a_whole_book_older_than_the_diffs_is_asked_for_again():
    async with following() as (venue, board, feed):
        await until(lambda: all_hold(venue, board))
        await venue.cut()
        await until(lambda: not venue.sockets)
        venue.rest_delay_s = 0.05
        await until(lambda: bool(venue.sockets))
        for _ in range(30):
            await venue.push("BTCUSDT")
        await until(lambda: all_hold(venue, board), within_s=2.0)
        assert feed.health().n_opened == 2


async def test_a_cut_socket_bars_every_book_and_reconnects():
    async with following() as (venue, board, feed):
        await until(lambda: all_hold(venue, board))
        venue.rest_delay_s = 0.2
        await venue.cut()
        await until(lambda: row(board, "BTC/USDT")[1] and row(board, "ETH/USDT")[1], within_s=0.2)
        await until(lambda: all_hold(venue, board), within_s=1.0)
        assert feed.health().last_error


async def test_a_text_that_cannot_be_read_bars_the_book():
    async with following() as (venue, board, feed):
        await until(lambda: all_hold(venue, board))
        venue.spoil_text = True
        await venue.push("BTCUSDT")
        await until(lambda: feed.counts.n_bad_texts == 1)
        await venue.push("BTCUSDT")
        await until(lambda: all_hold(venue, board), within_s=1.0)


async def test_a_venue_that_refuses_whole_books_is_asked_later_and_stays_barred():
    async with following() as (venue, board, feed):
        await until(lambda: all_hold(venue, board))
        venue.refuse_rest = True
        await venue.cut()
        await until(lambda: feed.counts.n_refused >= 2)
        assert row(board, "BTC/USDT")[1]
        assert feed.health().n_good == 0
        venue.refuse_rest = False
        await until(lambda: all_hold(venue, board), within_s=3.0)
        assert "429" in feed.health().last_error


async def test_a_silent_socket_is_given_up():
    async with following(rule=LineRule(silent_s=0.2, ask_s=0.1)) as (venue, board, feed):
        await until(lambda: all_hold(venue, board))
        for _ in range(5):
            await venue.push("BTCUSDT")
        await until(lambda: feed.health().n_opened >= 2, within_s=2.0)
        assert feed.health().n_opened >= 2
