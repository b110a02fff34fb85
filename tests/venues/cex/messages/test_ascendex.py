"""AscendEX: depth, trades, pings."""

from decimal import Decimal

import pytest

from app.venues.cex.messages import ascendex
from app.venues.cex.messages.registry import parse
from app.venues.cex.messages.words import Alive, Book, Confirmed, UnknownShape

from .saying import answered, said


def test_its_words():
    data = {"seqnum": 4, "bids": [["1", "2"]], "asks": []}
    assert ascendex.parse(said({"m": "depth", "symbol": "A/B", "data": data})) == Book(
        "A/B", ((Decimal(1), Decimal(2)),), (), is_whole=False, last_seq=4
    )
    assert ascendex.parse(said({"m": "ping", "hp": 3})) == Alive(answer='{"op":"pong"}')
    assert ascendex.parse(said({"m": "sub", "ch": "depth:A/B", "code": 0})) == Confirmed("depth:A/B")
    (trade,) = ascendex.parse(
        said({"m": "trades", "symbol": "A/B", "data": [{"p": "1", "q": "2", "bm": True, "seqnum": 3}]})
    ).rows
    assert trade.is_buy is False
    row = {
        "symbol": "A-PERP",
        "underlying": "A/USDT",
        "priceFilter": {"tickSize": "1"},
        "lotSizeFilter": {"lotSize": "0.1"},
    }
    assert ascendex.parse(answered("/contract", {"data": [row]})).rows[0].base == "A"
    with pytest.raises(UnknownShape):
        parse("ascendex", said({"m": "new"}))
