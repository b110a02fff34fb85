"""The burst's text says what the recorded event says: the direct parser makes the same book of it."""

from __future__ import annotations

import asyncio

from app.domain.book import BookDelta, BookSnapshot
from app.shm.books import BookBoard
from app.venues.cex.direct.binance import BinanceFeed
from app.venues.cex.direct.depth_book import DepthSpec
from app.venues.clock import SystemClock
from loadtests.feeds_burst import END, text_of
from tests.worlds import BTC_USDT

SYMBOL = BTC_USDT.name
MS = 1_000_000


async def test_text_makes_the_book_that_the_events_make() -> None:
    whole = BookSnapshot("v", SYMBOL, 7, 5 * MS, 1, ((6_000_000, 30), (5_999_900, 5)), ((6_000_100, 9),))
    changes = [
        BookDelta("v", SYMBOL, 7, 9, 6 * MS, 1, ((6_000_000, 0),), ((6_000_100, 4), (6_000_300, 11))),
        BookDelta("v", SYMBOL, 9, 10, 7 * MS, 1, ((5_999_950, 2),), ()),
    ]
    theirs, ours = BookBoard([("v", SYMBOL)]), BookBoard([("v", SYMBOL)])
    theirs.write_snapshot(whole)

    async def fetch(_url: str) -> bytes:
        return text_of(whole, BTC_USDT)

    scales = (BTC_USDT.price_scale, BTC_USDT.qty_scale)
    feed = BinanceFeed("v", [DepthSpec(SYMBOL, SYMBOL, *scales, *scales)], ours, SystemClock(), END, fetch=fetch)
    heard: list[str] = []
    feed.tell(heard.append)
    feed.on_open(lambda words: None)
    for change in changes:
        assert theirs.apply_delta(change)
        feed.on_message(text_of(change, BTC_USDT), 1)
    async with asyncio.timeout(30):
        while not feed.health().n_good:  # noqa: ASYNC110 - it joins by itself
            await asyncio.sleep(0.001)
    ours_now, theirs_now = ours.snapshot("v", SYMBOL), theirs.snapshot("v", SYMBOL)
    assert ours_now is not None
    assert theirs_now is not None
    assert (ours_now.book_seq, ours_now.bids, ours_now.asks, ours_now.venue_ts_ns) == (
        theirs_now.book_seq, theirs_now.bids, theirs_now.asks, theirs_now.venue_ts_ns,
    )  # fmt: skip
    assert heard == [SYMBOL] * 3
    await feed.stop()
