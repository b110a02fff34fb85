"""An account in our words: exact amounts, signed positions, every open order."""

from __future__ import annotations

from app.domain.enums import Side
from app.domain.statement import VenueBalance, VenueOpenOrder
from app.venues.cex.statements import Told, balances_of, statement_of
from tests.venues.cex.markets import listing

LISTINGS = {"BTC/USDT": listing("binance", "BTC/USDT", "0.01", "0.0001")}


def test_balances_are_exact_and_zero_is_absent():
    balance = {"total": {"BTC": "1.000000001", "USDT": "0.0", "ETH": 0.1}, "free": {"BTC": "0.5", "ETH": None}}
    assert balances_of(balance) == (
        VenueBalance("BTC", 1_000_000_001, 500_000_000),
        VenueBalance("ETH", 100_000_000, 0),
    )


def test_a_statement_holds_every_order_and_signs_positions():
    order = {"symbol": "BTC/USDT", "side": "sell", "price": "100.02", "remaining": "0.0003", "id": 12}
    foreign = {"symbol": "X/Y", "side": "buy", "price": "1", "remaining": "2", "id": "13"}
    short = {"symbol": "BTC/USDT", "side": "short", "contracts": "0.0002", "entryPrice": "99.99", "initialMargin": "3"}
    flat = {"symbol": "BTC/USDT", "contracts": 0}
    told = Told(
        {"total": {}, "free": {}}, [short, flat, {"symbol": "X/Y", "contracts": 1}], [(order, "C1"), (foreign, "")]
    )
    said = statement_of("binance", LISTINGS, 5, told)
    assert said.open_orders == (
        VenueOpenOrder("C1", "12", "BTC/USDT", Side.SELL, 10_002, 3),
        VenueOpenOrder("", "13", "X/Y", Side.BUY, 0, 0),
    )
    (position,) = said.positions
    assert (position.qty_lots, position.entry_price_units, position.margin_nano) == (-2, 9_999, 3_000_000_000)
    assert said.as_of_ts_ns == 5
