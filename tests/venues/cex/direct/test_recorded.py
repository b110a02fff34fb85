"""The Binance feed on recorded streams, without a socket: no gap in what was recorded, and each made one is seen."""

import asyncio
import json

import pytest

from app.shm.books import BookBoard
from app.venues.cex.direct.binance import BinanceEnd, BinanceFeed
from app.venues.cex.direct.depth_book import DepthSpec
from app.venues.clock import SystemClock
from loadtests.wire_recorded import messages

from .following import until

CASES = {"BINANCE_FUTURES": True, "BINANCE_DELIVERY": True, "BINANCE": False, "BINANCE_US": False}


def capture(shared, venue):
    """Whole books by symbol, and the depth messages in order."""
    folder = shared / "data" / "public" / "wire" / venue
    wholes, diffs = {}, []
    for path in sorted(folder.glob("*.http.*")):
        for one in messages(path):
            wholes[one.url.partition("symbol=")[2].partition("&")[0]] = one.text.encode()
    for path in sorted(folder.glob("*.ws.*")):
        diffs += [one.text.encode() for one in messages(path) if '"depthUpdate"' in one.text]
    return wholes, diffs


async def followed(wholes, diffs, *, is_futures):
    """A feed that has heard every diff; whole books come once they are asked for."""
    board = BookBoard([("v", name) for name in wholes], 50)
    specs = [DepthSpec(name, name, 9, 9, 4, 4) for name in wholes]

    async def fetch(url):
        return wholes[url.partition("symbol=")[2].partition("&")[0]]

    end = BinanceEnd("ws://venue.test/stream", "http://venue.test/depth", is_futures)
    feed = BinanceFeed("v", specs, board, SystemClock(), end, fetch=fetch)
    for diff in diffs[: len(diffs) // 50]:
        feed.on_message(diff, 1)  # before the socket's books are there: kept
    feed.on_open(lambda _: None)
    await until(lambda: feed.health().n_good == len(wholes))
    for diff in diffs[len(diffs) // 50 :]:
        feed.on_message(diff, 1)
    return feed


@pytest.mark.shared_data
@pytest.mark.parametrize("venue", CASES)
async def test_recorded_streams_have_no_gap_and_each_made_one_is_seen(shared, venue):
    wholes, diffs = capture(shared, venue)
    # From the first diff on that the recorded whole book does not hold: the recorder asked for books one after another.
    diffs = [diff for diff in diffs if newer(diff, wholes)]
    feed = await followed(wholes, diffs, is_futures=CASES[venue])
    assert feed.counts.n_gaps + feed.counts.n_bad_texts == 0
    assert feed.counts.n_updates > len(diffs) * 0.8
    await feed.stop()
    by_symbol = {}
    for diff in diffs:
        by_symbol.setdefault(json.loads(diff)["data"]["s"], []).append(diff)
    longest = max(by_symbol.values(), key=len)
    lost = longest[len(longest) // 2]
    feed = await followed(wholes, [diff for diff in diffs if diff is not lost], is_futures=CASES[venue])
    assert feed.counts.n_gaps >= 1
    assert feed.health().n_good < len(wholes)
    await feed.stop()
    await asyncio.sleep(0)


def newer(diff, wholes):
    data = json.loads(diff)["data"]
    return data["s"] in wholes and data["u"] > json.loads(wholes[data["s"]])["lastUpdateId"]
