"""Public trades through ccxt: exact, once, and none from before the watch."""

from __future__ import annotations

import asyncio
from typing import Any

from app.domain.enums import Side
from app.domain.instrument import Instrument
from app.domain.trade import TradePrint
from app.venues.cex.budget import Budgets
from app.venues.cex.profile_table import profile_of
from app.venues.cex.session import SessionSettings, make_session
from app.venues.cex.tape import CcxtTape
from app.venues.clock import VirtualClock
from tests.worlds import BTC_USDT, T0_NS

T0_MS = T0_NS // 1_000_000
NAME = BTC_USDT.name
LISTINGS = {NAME: (BTC_USDT, Instrument("binance", NAME, "BTCUSDT", BTC_USDT.fungible, 1, 1))}


class Exchange:
    """Tells one batch after the other, then is silent."""

    def __init__(self, *batches: list[dict[str, Any]], streams: bool = True) -> None:
        self.has = {"watchTrades": streams}
        self.markets: dict[str, Any] = {NAME: {}}
        self.batches = list(batches)
        self.n_asked = 0
        self.is_closed = False

    async def watch_trades(self, name: str) -> list[dict[str, Any]]:
        self.n_asked += 1
        if not self.batches:
            await asyncio.Event().wait()
        batch = self.batches.pop(0)
        if not batch:
            raise ConnectionResetError
        return batch

    async def close(self) -> None:
        self.is_closed = True


def row(trade_id: str, price: str | None = "60000.129", amount: str = "0.0100059", **more: Any) -> dict[str, Any]:
    return {"id": trade_id, "price": price, "amount": amount, "side": "buy", "timestamp": T0_MS + 5} | more


async def heard(exchange: Exchange) -> list[TradePrint]:
    told: list[TradePrint] = []
    tape = CcxtTape(profile_of("binance"), LISTINGS, VirtualClock(T0_NS), told.extend)
    tape.start(exchange)
    for _ in range(100):
        await asyncio.sleep(0.002)
        if exchange.n_asked > 0 and not exchange.batches:
            break
    await asyncio.sleep(0.01)
    await tape.stop()
    assert exchange.is_closed
    return told


async def test_a_trade_is_told_in_the_symbols_units_cut() -> None:
    (trade,) = await heard(Exchange([row("1")]))
    assert (trade.venue, trade.symbol, trade.aggressor) == ("binance", NAME, Side.BUY)
    assert (trade.price_units, trade.qty_units) == (6_000_012, 1_000)
    assert (trade.venue_ts_ns, trade.received_ts_ns) == ((T0_MS + 5) * 1_000_000, T0_NS)


async def test_what_is_repeated_after_a_lost_connection_counts_once() -> None:
    told = await heard(Exchange([row("1"), row("2", side=None)], [], [row("2"), row("3", side="sell")]))
    assert [t.aggressor for t in told] == [Side.BUY, None, Side.SELL]


async def test_what_is_old_or_has_no_number_is_not_told() -> None:
    bad = [row("1", timestamp=T0_MS - 1), row("2", price=None), row("3", amount="nan"), row("4", amount="0.000001")]
    assert await heard(Exchange(bad)) == []


async def test_a_venue_that_streams_none_is_not_asked() -> None:
    exchange = Exchange([row("1")], streams=False)
    tape = CcxtTape(profile_of("binance"), LISTINGS, VirtualClock(T0_NS), lambda trades: None)
    tape.start(exchange)
    await asyncio.sleep(0.01)
    await tape.stop()
    assert exchange.n_asked == 0


async def test_it_opens_a_session_of_its_own_on_the_markets_that_another_has_loaded() -> None:
    clock, profile = VirtualClock(T0_NS), profile_of("binance")
    budget = Budgets().of(profile, key_id="", account="")
    known = make_session(profile, SessionSettings(), budget, clock)
    known.open()
    known.set_markets(
        {"ETH/USDT": {"id": "ETHUSDT", "symbol": "ETH/USDT", "base": "ETH", "quote": "USDT", "spot": True}}
    )
    tape = CcxtTape(profile, LISTINGS, clock, lambda trades: None)
    await tape.open(SessionSettings(), budget, known)
    await tape.stop()
    await known.close()
