"""Makers of sizes finer than our lot: quantities, fees and money come out exact against the exchange's own ledger."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from decimal import Decimal

import pytest

from app.domain.enums import Side
from tests.venues.cex.conformance.desks import Desk, nano
from tests.venues.cex.conformance.suite import PLACES
from tests.venues.exchange.server import LocalExchange

# Coarser than the venues' own, as where another venue's scales bind the symbol. Fees: Coinbase, Kraken in the quote.
LOTS = {"coinbase": "0.0000001", "kraken": "0.00001", "okx": "0.00001"}
BIDS = [("100.5", "0.10000003"), ("100.4", "0.20000009"), ("100.3", "5")]
ASKS = [("100.6", "0.10000003"), ("100.7", "0.20000009"), ("100.8", "5")]


@pytest.fixture(params=list(LOTS))
async def desk(request: pytest.FixtureRequest) -> AsyncIterator[Desk]:
    venue = request.param
    with LocalExchange([venue]) as server:
        made = await Desk(server, replace(PLACES[venue], lot=LOTS[venue])).open(has_feed=False)
        yield made
        await made.close()


@pytest.mark.parametrize("side", list(Side))
async def test_parts_of_lots_add_up(desk: Desk, side: Side) -> None:
    desk.server.control.set_book(desk.name, desk.place.market, BIDS, ASKS)
    child = await desk.sent("110.0" if side is Side.BUY else "90.0", "0.5", side)
    await desk.ended(child)
    theirs, ours = desk.ledger_fills(child), desk.fills(child)
    symbol, instrument = desk.listing()
    assert len(theirs) == 3
    assert sum(fill.qty_lots for fill in ours) == child.qty_lots
    told = [
        (symbol.money_nano(f.price_ticks * instrument.tick_units, f.qty_lots * instrument.lot_units), f.fee_nano)
        for f in ours
    ]
    moved = nano(str(sum(Decimal(f["price"]) * Decimal(f["qty"]) for f in theirs)))
    fees = nano(str(sum(Decimal(f["fee"]) for f in theirs)))
    (currency,) = {f.fee_currency for f in ours}
    assert {currency} == {f["fee_currency"] for f in theirs}
    if currency == symbol.money_currency:
        assert sum(money * side.sign + fee for money, fee in told) == moved * side.sign + fees
    else:
        # The fee cannot carry it: each lot made of several trades is told at the price of the last of them.
        assert sum(fee for _, fee in told) == fees
        off = abs(sum(money for money, _ in told) - moved)
        assert off <= 2 * symbol.money_nano(3 * 10**symbol.price_scale // 10, instrument.lot_units)


async def test_an_end_within_a_lot_leaves_less_than_a_lot_untold(desk: Desk) -> None:
    desk.server.control.set_book(desk.name, desk.place.market, BIDS[:2], ASKS[:2])
    child = await desk.sent("110.0", "0.5")
    await desk.ended(child)
    symbol, instrument = desk.listing()
    theirs = sum(Decimal(f["qty"]) for f in desk.ledger_fills(child)).scaleb(symbol.qty_scale) / instrument.lot_units
    assert sum(fill.qty_lots for fill in desk.fills(child)) == int(theirs) < theirs < int(theirs) + 1
    end = desk.of(child)[-1]
    assert end.cum_qty_lots == int(theirs)
