"""Bitfinex: numbers of channels mean what their confirmation said."""

from decimal import Decimal

import pytest

from app.venues.cex.messages import bitfinex
from app.venues.cex.messages.registry import parse
from app.venues.cex.messages.words import Alive, Book, Confirmed, UnknownShape, VenueSaysNo

from .saying import answered, said

CHANNELS = {3: ("book", "tAB"), 4: ("trades", "tAB"), 5: ("ticker", "tAB")}


def test_amounts_are_signed_by_side_and_no_order_deletes():
    book = bitfinex.parse(said([3, [[1.5, 2, 3], [2.5, 1, -4]], 1], CHANNELS))
    assert book == Book("tAB", ((Decimal("1.5"), Decimal(3)),), ((Decimal("2.5"), Decimal(4)),), is_whole=True)
    gone = bitfinex.parse(said([3, [2.5, 0, -1], 2], CHANNELS))
    assert (gone.is_whole, gone.asks) == (False, ((Decimal("2.5"), Decimal(0)),))


def test_channels_and_events():
    event = {"event": "subscribed", "channel": "book", "chanId": 3, "symbol": "tAB"}
    assert bitfinex.parse(said(event)) == Confirmed("book", "tAB", 3)
    assert bitfinex.parse(said([99, "hb", 7])) == Alive()
    (trade,) = bitfinex.parse(said([4, "te", [1, 2, -0.5, 100], 3], CHANNELS)).rows
    assert (trade.qty, trade.is_buy) == (Decimal("0.5"), False)
    assert bitfinex.parse(said({"event": "error", "msg": "no", "code": 1})) == VenueSaysNo("1", "no")
    assert bitfinex.parse(answered("/v2/conf/pub:list:pair:exchange", [["ABCUSD", "ABCD:USD"]])).rows[1].base == "ABCD"
    for body in ([99, [1, 2, 3], 1], {"event": "new"}, {"event": {}}, [4, "new", [], 1]):
        with pytest.raises(UnknownShape):
            parse("bitfinex", said(body, CHANNELS))
