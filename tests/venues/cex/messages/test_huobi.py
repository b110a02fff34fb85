"""Huobi: whole books each time, pings that want an answer."""

from decimal import Decimal

import pytest

from app.venues.cex.messages import huobi
from app.venues.cex.messages.registry import parse
from app.venues.cex.messages.words import ACCOUNT, CANDLES, Alive, Book, Trades, UnknownShape

from .saying import answered, said


def test_a_depth_is_a_whole_book():
    tick = {"bids": [[1.5, 2]], "asks": [], "version": 7}
    book = huobi.parse(said({"ch": "market.abcusdt.depth.step0", "tick": tick}))
    assert book == Book("abcusdt", ((Decimal("1.5"), Decimal(2)),), (), is_whole=True, last_seq=7)


def test_a_ping_wants_its_number_back():
    assert huobi.parse(said({"ping": 12})) == Alive(answer='{"pong":12}')


def test_trades_candles_and_accounts():
    row = {"id": 5, "tradeId": 6, "price": 1, "amount": 2, "direction": "sell"}
    found = huobi.parse(said({"ch": "market.abc.trade.detail", "tick": {"data": [row]}}))
    assert isinstance(found, Trades)
    assert (found.rows[0].trade_id, found.rows[0].is_buy) == ("6", False)
    assert huobi.parse(said({"ch": "market.abc.kline.1min", "tick": {}})) is CANDLES
    assert huobi.parse(said({"ch": "accounts.update#2", "data": {}})) is ACCOUNT


def test_a_contract_says_its_size():
    row = {"symbol": "ABC", "contract_code": "ABC-USDT", "price_tick": 0.1, "contract_size": 0.001}
    (listing,) = huobi.parse(answered("/contracts", {"data": [row]})).rows
    assert (listing.quote, listing.multiplier) == ("USDT", Decimal("0.001"))
    with pytest.raises(UnknownShape):
        parse("huobi", said({"ch": "market.abc.newthing", "tick": {}}))
