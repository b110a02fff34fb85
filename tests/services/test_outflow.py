"""The meter of queues: prints and books in, outflows out, for the engine's eyes."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from itertools import count

from app.api.wire.text import time_text
from app.domain.book import BookSnapshot
from app.domain.enums import Side
from app.domain.posting import Posting
from app.domain.trade import TradePrint
from app.services.outflow import EVERY_S, LINGER_NS, open_meter
from app.services.tape import Tape
from tests.api.gateway import Gateway, open_gateway, settle
from tests.worlds import VENUES, flat_book

SYMBOL, MID = "BTC/USDT", 6_000_000
S = 1_000_000_000


def trade(venue: str, price_units: int, qty_units: int, aggressor: Side | None = Side.SELL) -> TradePrint:
    return TradePrint(venue, SYMBOL, price_units, qty_units, aggressor, 0, 0)


def with_bid(book: BookSnapshot, qty_units: int) -> BookSnapshot:
    (price_units, _), *deeper = book.bids
    return replace(book, bids=((price_units, qty_units), *deeper))


def let_rest(gateway: Gateway, *, is_on: bool) -> None:
    """Children may rest; without an order's own word they do where `is_on`."""
    core = gateway.engine.core
    core.world = replace(core.world, posting=Posting(frozenset(VENUES), is_on=is_on))


async def test_it_hears_trades_and_sees_what_leaves_a_queue_where_cancels_move_it_on() -> None:
    async with open_gateway() as gateway:
        let_rest(gateway, is_on=True)
        engine, tape = gateway.engine, Tape()
        meter = open_meter(engine, tape, frozenset({"ven_a"}))
        assert engine.core.world.outflows is meter.outflows
        seqs = count(1_000)
        for i in range(60):
            for venue, bid_units in (("ven_a", MID - 1), ("ven_b", MID - 10)):
                book = flat_book(venue, MID, engine.now_ns(), book_seq=next(seqs))
                engine.on_book(with_bid(book, 1_000 if i % 2 == 0 else 500))
                # What nobody tells the taker of says nothing.
                tape.take([trade(venue, bid_units, 10), trade(venue, bid_units, 50, None)])
            meter.look()
            gateway.clock.advance(S)
        found = {venue: meter.outflows.quantiles_units(venue, SYMBOL, Side.BUY, S, 100) for venue in ("ven_a", "ven_b")}
        # 10 trade each second. Every other second half of a queue is gone, which moves an order on at ven_a alone.
        assert set(found["ven_b"]) == {10}
        assert set(found["ven_a"]) == {10, 50}
        assert meter.outflows.queue("ven_a", SYMBOL, Side.BUY).taken(engine.now_ns()) == (90, 9)  # of the last 10 s


async def test_it_looks_by_itself_until_it_is_closed() -> None:
    async with open_gateway() as gateway:
        let_rest(gateway, is_on=True)
        meter = open_meter(gateway.engine, Tape(), frozenset())
        gateway.engine.on_book(flat_book("ven_a", MID, gateway.engine.now_ns(), book_seq=100))
        await meter.open()
        await asyncio.sleep(2.5 * EVERY_S)
        await meter.close()
        queue = meter.outflows.queue("ven_a", SYMBOL, Side.SELL)
        n_looks = queue.n_looks
        assert n_looks >= 2
        await asyncio.sleep(2 * EVERY_S)
        assert queue.n_looks == n_looks


async def test_where_nothing_rests_unless_an_order_says_so_only_its_symbol_is_looked_at_and_only_for_a_while() -> None:
    async with open_gateway() as gateway:
        let_rest(gateway, is_on=False)
        engine = gateway.engine
        meter = open_meter(engine, Tape(), frozenset())
        engine.on_book(flat_book("ven_a", MID, engine.now_ns(), book_seq=1_000))
        queue = meter.outflows.queue("ven_a", SYMBOL, Side.BUY)
        params = {"end_at": time_text(engine.now_ns() + 60 * S), "slice": "10"}
        body = {"symbol": SYMBOL, "side": "buy", "type": "market", "qty": "0.01", "strategy": "twap"}
        ids = []
        for own_word in ({}, {"posting": "on"}):
            meter.look()
            assert not queue.n_looks
            async with gateway.client("desk") as client:
                answer = await client.post("/v1/orders", json=body | {"strategy_params": params | own_word})
            ids.append(answer.json()["order_id"])
            await settle()
        meter.look()
        assert queue.n_looks == 1
        async with gateway.client("desk") as client:
            for order_id in ids:
                await client.delete(f"/v1/orders/{order_id}")
        await settle()
        assert not engine.ledger.open_parents
        gateway.clock.advance(LINGER_NS)
        meter.look()
        assert queue.n_looks == 2
        gateway.clock.advance(1)
        meter.look()
        assert not queue.n_looks
