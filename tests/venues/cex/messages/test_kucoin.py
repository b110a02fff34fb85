"""KuCoin: changes without a price only carry the sequence on."""

from decimal import Decimal

import pytest

from app.venues.cex.messages import kucoin
from app.venues.cex.messages.registry import parse
from app.venues.cex.messages.words import ACCOUNT, Book, Funding, UnknownShape

from .saying import answered, said


def message(topic, data, subject=""):
    return said({"type": "message", "topic": topic, "subject": subject, "data": data})


def test_a_price_of_zero_is_no_level():
    changes = {"bids": [["0", "0", "5"], ["1", "2", "6"]], "asks": []}
    book = kucoin.parse(message("/market/level2:A-B", {"changes": changes, "sequenceStart": 5, "sequenceEnd": 6}))
    assert book == Book("A-B", ((Decimal(1), Decimal(2)),), (), is_whole=False, last_seq=6, first_seq=5)
    one = kucoin.parse(message("/contractMarket/level2:AM", {"sequence": 8, "change": "2.5,sell,83"}))
    assert (one.asks, one.prev_seq) == (((Decimal("2.5"), Decimal(83)),), 7)


def test_funding_and_own_topics():
    found = kucoin.parse(message("/contract/instrument:AM", {"fundingRate": -0.001}, "funding.rate"))
    assert found == Funding("AM", Decimal("-0.001"))
    assert kucoin.parse(message("/account/balance", {})) is ACCOUNT
    ticker = {"bestBid": "1", "bestAsk": "2", "price": "1"}
    assert kucoin.parse(message("/market/ticker:all", ticker, "A-B")).symbol == "A-B"
    rows = {"data": {"sequence": "7", "bids": [["1", "2"]], "asks": []}}
    assert kucoin.parse(answered("/api/v3/market/orderbook/level2?symbol=A-B", rows)).last_seq == 7
    with pytest.raises(UnknownShape):
        parse("kucoin", message("/new/topic", {}))
