"""Perpetuals through the same adapter: contracts, positions and settlement fees as the exchange has them."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from app.domain.enums import Side
from tests.venues.cex.conformance.desks import Desk, Place, nano
from tests.venues.cex.conformance.suite import spoken
from tests.venues.exchange.server import LocalExchange

PLACES = [
    Place("okx", "BTC/USDT:USDT", "BTC-USDT-SWAP", "0.1", "0.01", passphrase="phrase", multiplier="0.01"),
    Place("bybit", "BTC/USDT:USDT", "BTCUSDT.linear", "0.1", "0.001"),
]


@pytest.fixture(params=[place for place in PLACES if place.venue in spoken()], ids=lambda place: place.venue)
async def desk(request: pytest.FixtureRequest) -> AsyncIterator[Desk]:
    with LocalExchange([request.param.venue]) as server:
        made = await Desk(server, request.param).open()
        await made.settle()
        yield made
        await made.close()


async def test_a_position_is_opened_told_and_closed(desk: Desk) -> None:
    bought = await desk.sent("100.60", "2.5")
    await desk.ended(bought)
    desk.agrees_with_ledger(bought)
    (position,) = (await desk.venue.statement()).positions
    assert (position.symbol, position.qty_lots) == (desk.place.symbol, bought.qty_lots)
    sold = await desk.sent("99.90", "2.5", Side.SELL)
    await desk.ended(sold)
    desk.agrees_with_ledger(sold)
    statement = await desk.venue.statement()
    assert statement.positions == ()
    ours = {balance.currency: balance.total_nano for balance in statement.balances}
    theirs = desk.server.control.balances(desk.name, desk.account)
    assert ours["USDT"] == nano(theirs["USDT"])
