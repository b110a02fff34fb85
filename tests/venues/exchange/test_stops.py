"""A venue's own stops in its own numbers: what waits, what sets it off, and what it then is."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.venues.exchange.book import BUY, SELL
from tests.venues.exchange.engine import Event, Exchange, OrderChange, PublicTrade, Ticket
from tests.venues.exchange.markets import Habits, Market, Refused
from tests.venues.exchange.settlement import HOUSE

MARKET = Market("BTCUSDT", "BTC", "USDT", "0.01", "0.00001", "100")
BIDS = [("100.00", "5"), ("90.00", "9")]
ASKS = [("100.50", "2"), ("110.00", "8")]


def venue(**habits: object) -> tuple[Exchange, list[str]]:
    exchange = Exchange("test", [MARKET], replace(Habits(), **habits))  # type: ignore[arg-type]
    exchange.open_account("ann", "key", "secret", balances={"BTC": "10", "USDT": "10000"})
    exchange.set_book("BTCUSDT", BIDS, ASKS)
    heard: list[str] = []

    def hear(event: Event) -> None:
        if isinstance(event, OrderChange):
            heard.append(event.what)

    exchange.listeners.append(hear)
    return exchange, heard


def stop(side: int, trigger: str, price: str, qty: str = "1", force: str = "IOC") -> Ticket:
    return Ticket("BTCUSDT", side, qty, price, force, f"s{trigger[:2]}", stop=trigger)


def trade(exchange: Exchange, price: str) -> None:
    """Two strangers trade there, whatever the book says."""
    market = exchange.markets["BTCUSDT"]
    exchange.traded(PublicTrade(next(exchange.trade_ids), market, market.ticks(price), 1, SELL, exchange.now_ns()))
    exchange.stops.go_off()


def test_a_sell_stop_waits_above_its_price_and_is_an_ioc_order_at_it() -> None:
    exchange, heard = venue()
    trade(exchange, "100.00")
    order = exchange.place("ann", stop(SELL, "95.00", "89.00", "6"))
    trade(exchange, "95.01")
    assert (order.waits, order.filled, heard) == (True, 0, ["new"])
    trade(exchange, "95.00")
    assert (order.waits, order.state) == (False, "filled")
    assert heard == ["new", "triggered", "fill", "fill"]
    assert [fill.price for fill in exchange.fills_of("ann")] == [10_000, 9_000]
    assert not exchange.accounts.imbalance()


def test_what_an_ioc_stop_does_not_fill_is_given_up() -> None:
    exchange, heard = venue()
    order = exchange.place("ann", stop(BUY, "105.00", "105.00", "6"))
    trade(exchange, "106.00")
    assert (order.state, order.reason, order.left) == ("canceled", "ioc", 400_000)
    assert heard == ["new", "triggered", "fill", "canceled"]


def test_a_stop_that_is_gtc_rests_in_the_book_once_it_is_off() -> None:
    exchange, _ = venue()
    order = exchange.place("ann", stop(BUY, "105.00", "105.00", "6", "GTC"))
    trade(exchange, "105.00")
    assert (order.is_open, order.left, exchange.books["BTCUSDT"].best(BUY)) == (True, 400_000, 10_500)


def test_the_trade_of_one_stop_sets_off_the_next() -> None:
    exchange, _ = venue()
    first = exchange.place("ann", stop(SELL, "99.00", "90.00", "5.5"))
    second = exchange.place("ann", stop(SELL, "90.00", "89.00", "1"))
    trade(exchange, "99.00")
    assert [order.state for order in (first, second)] == ["filled", "filled"]
    assert exchange.stops.last["BTCUSDT"] == 9_000


def test_a_stop_that_is_through_already_is_refused_or_goes_off() -> None:
    exchange, _ = venue()
    trade(exchange, "95.00")
    with pytest.raises(Refused, match="stop_through"):
        exchange.place("ann", stop(SELL, "95.00", "90.00"))
    exchange, _ = venue(stop_through="trigger")
    trade(exchange, "95.00")
    assert exchange.place("ann", stop(SELL, "95.00", "90.00")).state == "filled"


def test_a_stop_that_waits_is_canceled_and_gives_back_what_it_held() -> None:
    exchange, heard = venue()
    order = exchange.place("ann", stop(BUY, "105.00", "106.00", "2"))
    assert exchange.accounts["ann"].held["USDT"] > 0
    exchange.cancel(order)
    trade(exchange, "107.00")
    assert (order.state, order.filled, exchange.accounts["ann"].held["USDT"]) == ("canceled", 0, 0)
    assert heard == ["new", "canceled"]


def test_one_that_holds_nothing_may_fail_when_it_goes_off() -> None:
    exchange, heard = venue(stop_holds=False)
    order = exchange.place("ann", stop(BUY, "105.00", "106.00", "2"))
    assert exchange.accounts["ann"].held["USDT"] == 0
    exchange.accounts.move("ann", HOUSE, "USDT", exchange.accounts["ann"].total["USDT"])
    trade(exchange, "105.00")
    assert (order.state, order.reason, heard) == ("canceled", "trigger_failed", ["new", "triggered", "canceled"])


def test_a_stop_that_waits_is_not_amended_and_shows_in_no_book() -> None:
    exchange, _ = venue()
    order = exchange.place("ann", stop(SELL, "95.00", "94.00"))
    with pytest.raises(Refused, match="order_closed"):
        exchange.amend(order, price="93.00")
    assert exchange.books["BTCUSDT"].best(SELL) == 10_050
