"""The meter of queues: prints and books in, outflows out, for the engine's eyes."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from app.domain.book import BookSnapshot
from app.domain.enums import Side
from app.domain.trade import TradePrint
from app.services.outflow import EVERY_S, open_meter
from app.services.tape import Tape
from tests.api.gateway import open_gateway
from tests.worlds import flat_book

SYMBOL, MID = "BTC/USDT", 6_000_000
S = 1_000_000_000


def trade(venue: str, price_units: int, qty_units: int, aggressor: Side | None = Side.SELL) -> TradePrint:
    return TradePrint(venue, SYMBOL, price_units, qty_units, aggressor, 0, 0)


def with_bid(book: BookSnapshot, qty_units: int) -> BookSnapshot:
    (price_units, _), *deeper = book.bids
    return replace(book, bids=((price_units, qty_units), *deeper))


async def test_it_counts_trades_everywhere_and_cancels_where_they_move_a_queue_on() -> None:
    async with open_gateway() as gateway:
        engine, tape = gateway.engine, Tape()
        meter = open_meter(engine, tape, frozenset({"ven_a"}))
        assert engine.core.world.outflows is meter.outflows
        now_ns = engine.now_ns()
        losses = {venue: meter.outflows.queue(venue, SYMBOL, Side.BUY) for venue in ("ven_a", "ven_b")}
        for venue, bid_units in (("ven_a", MID - 1), ("ven_b", MID - 10)):
            book = flat_book(venue, MID, now_ns, book_seq=100)
            engine.on_book(with_bid(book, 1_000))
            meter.look()
            tape.take([trade(venue, bid_units, 100), trade(venue, bid_units, 50, None)])
            engine.on_book(with_bid(replace(book, book_seq=101), 700))
            meter.look()
            # 300 have left; 100 of them traded. What nobody tells the taker of says nothing.
            taken, n_trades = losses[venue].taken(engine.now_ns())
            assert (taken, n_trades) == (100, 1)
        assert losses["ven_a"]._losses.newest()[-1].tolist()[1:] == [MID - 1, 100, 1]
        assert losses["ven_b"]._losses.newest()[-1].tolist()[1:] == [MID - 10, 100, 0]


async def test_it_looks_by_itself_until_it_is_closed() -> None:
    async with open_gateway() as gateway:
        meter = open_meter(gateway.engine, Tape(), frozenset())
        gateway.engine.on_book(flat_book("ven_a", MID, gateway.engine.now_ns(), book_seq=100))
        await meter.open()
        await asyncio.sleep(2.5 * EVERY_S)
        await meter.close()
        queue = meter.outflows.queue("ven_a", SYMBOL, Side.SELL)
        n_marks = queue._marks.n
        assert n_marks >= 2
        await asyncio.sleep(2 * EVERY_S)
        assert queue._marks.n == n_marks
