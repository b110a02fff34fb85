"""The book's part of the contract over the direct feeds: what conformance asks of ccxt's path, asked of these."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial

import pytest
import pytest_asyncio

from app.venues.cex.books import DirectBooks
from tests.venues.cex.conformance import streams
from tests.venues.cex.conformance.desks import Desk, Place
from tests.venues.cex.conformance.suite import PLACES, Check, assert_passed, desks_at, errors_of

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


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def desks() -> AsyncIterator[dict[str, Desk]]:
    async with desks_at(TRADED, partial(Desk, make_feed=DirectBooks)) as found:
        yield found


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
async def test_conformance(desks: dict[str, Desk], check: Check) -> None:
    assert_passed(await errors_of(desks, check))
