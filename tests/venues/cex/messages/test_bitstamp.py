"""Bitstamp: books by their microsecond, answers by their path."""

from decimal import Decimal

import pytest

from app.venues.cex.messages import bitstamp
from app.venues.cex.messages.registry import parse
from app.venues.cex.messages.words import OWN_ORDERS, TRANSFERS, Book, Ticker, UnknownShape, VenueSaysNo

from .saying import answered, said


def test_its_words():
    data = {"microtimestamp": "12", "bids": [["1", "2"]], "asks": []}
    book = bitstamp.parse(said({"event": "data", "channel": "diff_order_book_abusd", "data": data}))
    assert book == Book("abusd", ((Decimal(1), Decimal(2)),), (), is_whole=False, last_seq=12)
    row = {"id": 1, "price": 2, "price_str": "2.0", "amount": 3, "amount_str": "3.0", "type": 1}
    (trade,) = bitstamp.parse(said({"event": "trade", "channel": "live_trades_abusd", "data": row})).rows
    assert trade.is_buy is False


def test_answers():
    assert bitstamp.parse(answered("/api/v2/ticker/abusd/", {"bid": "1", "ask": "2", "last": "1"})) == Ticker(
        "abusd", Decimal(1), Decimal(2), Decimal(1)
    )
    assert bitstamp.parse(answered("/api/v2/open_orders/all/", [])) is OWN_ORDERS
    assert bitstamp.parse(answered("/api/v2/btc_withdrawal/", {"withdrawal_id": 1})) is TRANSFERS
    assert bitstamp.parse(answered("/api/v2/order/", {"error": "no"})) == VenueSaysNo("", "no")
    for message in (answered("/api/v2/new/", {}), said({"event": "data", "channel": "new_abusd", "data": {}})):
        with pytest.raises(UnknownShape):
            parse("bitstamp", message)
