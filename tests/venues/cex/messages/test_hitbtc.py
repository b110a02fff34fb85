"""HitBTC and Bequant: snapshot and updates, each one further."""

from decimal import Decimal

import pytest

from app.venues.cex.messages import hitbtc
from app.venues.cex.messages.registry import parse
from app.venues.cex.messages.words import CANDLES, Book, UnknownShape, VenueSaysNo

from .saying import answered, said


def test_updates_follow_by_one():
    data = {"symbol": "AB", "sequence": 9, "bid": [{"price": "1", "size": "0"}], "ask": []}
    update = hitbtc.parse(said({"method": "updateOrderbook", "params": data}))
    assert update == Book("AB", ((Decimal(1), Decimal(0)),), (), is_whole=False, last_seq=9, prev_seq=8)
    assert hitbtc.parse(said({"method": "snapshotOrderbook", "params": data})).is_whole


def test_the_rest():
    assert hitbtc.parse(said({"method": "updateCandles", "params": {}})) is CANDLES
    assert hitbtc.parse(said({"error": {"code": 2001, "message": "no"}, "id": 1})) == VenueSaysNo("2001", "no")
    row = {"id": "AB", "baseCurrency": "A", "quoteCurrency": "B", "tickSize": "0.1", "quantityIncrement": "10"}
    assert hitbtc.parse(answered("/symbol", [row])).rows[0].lot == Decimal(10)
    for body in ({"method": "newThing", "params": {}}, {"result": False}):
        with pytest.raises(UnknownShape):
            parse("bequant", said(body))
