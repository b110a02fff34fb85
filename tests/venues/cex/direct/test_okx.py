"""The direct OKX feed against a venue on real sockets: its books are the venue's, or they are barred."""

import contextlib

from app.venues.cex.direct.line import LineRule
from app.venues.cex.direct.okx import OkxFeed, spec
from app.venues.clock import SystemClock

from .following import PRICE_SCALE, QTY_SCALE, holds, new_board, row, until
from .scripted import ScriptedOkx

SYMBOLS = {"BTC/USDT": "BTC-USDT", "ETH/USDT": "ETH-USDT"}


@contextlib.asynccontextmanager
async def following():
    venue = ScriptedOkx(SYMBOLS.values())
    async with venue.open():
        board = new_board("okx", SYMBOLS)
        specs = [spec(ours, theirs, (2, 3), (PRICE_SCALE, QTY_SCALE)) for ours, theirs in SYMBOLS.items()]
        rule = LineRule(silent_s=5, ask_s=0.05, ask="ping")
        feed = OkxFeed("okx", specs, board, SystemClock(), f"ws://127.0.0.1:{venue.port}/ws/v5/public", rule=rule)
        seen = []
        await feed.start(seen.append)
        try:
            await until(lambda: all_hold(venue, board))
            yield venue, board, feed
        finally:
            await feed.stop()
        assert set(seen) == set(SYMBOLS)


def all_hold(venue, board):
    return all(holds(board, ours, venue.books[theirs]) for ours, theirs in SYMBOLS.items())


async def test_books_are_the_venues_and_every_checksum_is_right():
    async with following() as (venue, board, feed):
        for n in range(300):
            for name in venue.books:
                await venue.push(name)
            if n % 20 == 0:
                await until(lambda: all_hold(venue, board))
        await until(lambda: all_hold(venue, board))
        counts = feed.health().counts
        assert (counts.n_updates, counts.n_snapshots) == (602, 2)
        assert counts.n_gaps + counts.n_bad_sums + counts.n_bad_texts + counts.n_refused == 0


async def test_a_lost_update_bars_the_book_at_once_and_it_is_back_within_a_second():
    async with following() as (venue, board, feed):
        venue.drop_next, venue.rest_delay_s = True, 0.1
        await venue.push("BTC-USDT")
        # The venue's own count went on, so the next one does not follow.
        await venue.push("BTC-USDT")
        assert await until(lambda: row(board, "BTC/USDT")[1]) < 0.1
        assert not row(board, "ETH/USDT")[1]
        await until(lambda: all_hold(venue, board), within_s=1.0)
        assert feed.counts.n_gaps == 1
        assert venue.n_whole == 3


async def test_a_wrong_checksum_bars_the_book():
    async with following() as (venue, board, feed):
        venue.spoil_sum, venue.rest_delay_s = True, 0.1
        await venue.push("BTC-USDT")
        await until(lambda: row(board, "BTC/USDT")[1], within_s=0.2)
        await until(lambda: all_hold(venue, board), within_s=1.0)
        assert feed.counts.n_bad_sums == 1


async def test_a_cut_socket_bars_every_book_and_reconnects():
    async with following() as (venue, board, feed):
        venue.rest_delay_s = 0.2
        await venue.cut()
        await until(lambda: row(board, "BTC/USDT")[1] and row(board, "ETH/USDT")[1], within_s=0.2)
        await until(lambda: all_hold(venue, board), within_s=2.0)
        assert feed.health().n_opened == 2


async def test_a_text_that_cannot_be_read_bars_the_book_and_a_quiet_line_is_asked():
    async with following() as (venue, board, feed):
        venue.spoil_text = True
        await venue.push("BTC-USDT")
        await until(lambda: feed.counts.n_bad_texts == 1)
        await until(lambda: all_hold(venue, board), within_s=1.0)
        heard = feed.health().heard_ts_ns
        await until(lambda: feed.health().heard_ts_ns > heard, within_s=1.0)
