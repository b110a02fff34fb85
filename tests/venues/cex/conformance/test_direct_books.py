"""The book's part of the contract over the direct feeds: what conformance asks of ccxt's path, asked of these."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from functools import partial

import pytest
import pytest_asyncio

from app.venues.cex.books import DirectBooks
from tests.venues.cex.conformance import streams
from tests.venues.cex.conformance.desks import Desk, Place
from tests.venues.cex.conformance.suite import PLACES, Check
from tests.venues.exchange.server import LocalExchange

TRADED = {
    "binance": PLACES["binance"],
    "okx": PLACES["okx"],
    "okx swap": Place("okx", "BTC/USDT:USDT", "BTC-USDT-SWAP", "0.1", "0.01", passphrase="phrase", multiplier="0.01"),
}
CHECKS: tuple[Check, ...] = (
    streams.books_equal_the_exchanges_own,
    streams.a_book_gap_bars_the_book_and_is_mended_within_a_second,
    streams.a_bad_checksum_bars_the_book,
    streams.a_dropped_connection_bars_the_book_and_comes_back,
    streams.silence_is_death_and_rest_goes_on,
)


@pytest.fixture(scope="module")
def server() -> Iterator[LocalExchange]:
    with LocalExchange(["binance", "okx"]) as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=TRADED)
async def shared_desk(request: pytest.FixtureRequest, server: LocalExchange) -> AsyncIterator[Desk]:
    desk = await Desk(server, TRADED[request.param], make_feed=partial(DirectBooks)).open()
    yield desk
    await desk.close()


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
async def test_conformance(shared_desk: Desk, check: Check) -> None:
    await shared_desk.settle()
    shared_desk.reports.clear()
    await check(shared_desk)
