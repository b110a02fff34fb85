"""Perpetuals through the same adapter: contracts, positions and settlement fees as the exchange has them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial

import pytest
import pytest_asyncio

from app.domain.enums import Side
from tests.venues.cex.conformance.desks import Desk, Place, nano
from tests.venues.cex.conformance.streams import filled_through
from tests.venues.cex.conformance.suite import Check, assert_passed, desks_at, errors_of, spoken

BIDS, ASKS = [("100.0", "5"), ("99.5", "20")], [("100.5", "2"), ("101.0", "20")]
PLACES = [
    Place("okx", "BTC/USDT:USDT", "BTC-USDT-SWAP", "0.1", "0.01", passphrase="phrase", multiplier="0.01"),
    Place("bybit", "BTC/USDT:USDT", "BTCUSDT.linear", "0.1", "0.001"),
    Place("bybit", "BTC/USD:BTC", "BTCUSD", "0.1", "1"),
    Place("bitget", "BTC/USDT:USDT", "BTCUSDT.mix", "0.1", "0.0001", passphrase="phrase"),
    Place("deribit", "BTC/USDC:USDC", "BTC_USDC-PERPETUAL", "0.5", "0.001"),
]


async def a_position_is_opened_told_and_closed(desk: Desk) -> None:
    bought = await desk.sent("101.00", "5")
    await desk.ended(bought)
    desk.agrees_with_ledger(bought)
    (position,) = (await desk.venue.statement(desk.account)).positions
    assert (position.symbol, position.qty_lots) == (desk.place.symbol, bought.qty_lots)
    sold = await desk.sent("99.50", "5", Side.SELL)
    await desk.ended(sold)
    desk.agrees_with_ledger(sold)
    statement = await desk.venue.statement(desk.account)
    assert statement.positions == ()
    ours = {balance.currency: balance.total_nano for balance in statement.balances}
    theirs = desk.server.control.balances(desk.name, desk.account)
    settle = desk.listing()[0].money_currency
    assert ours[settle] == nano(theirs[settle])


async def the_last_word_waits_for_every_fill_that_the_stream_left_out(desk: Desk) -> None:
    await filled_through(desk, [("100.5", "2"), ("101.0", "8"), ("101.5", "20")])


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def desks() -> AsyncIterator[dict[str, Desk]]:
    places = {f"{place.venue}-{place.market}": place for place in PLACES if place.venue in spoken()}
    async with desks_at(places, partial(Desk, bids=BIDS, asks=ASKS)) as found:
        yield found


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize(
    "check", [a_position_is_opened_told_and_closed, the_last_word_waits_for_every_fill_that_the_stream_left_out]
)
async def test_perpetuals(desks: dict[str, Desk], check: Check) -> None:
    assert_passed(await errors_of(desks, check))
