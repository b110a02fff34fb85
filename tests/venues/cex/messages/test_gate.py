"""Gate: rows as lists and as objects, futures trades signed by their taker."""

from decimal import Decimal

import pytest

from app.venues.cex.messages import gate
from app.venues.cex.messages.registry import parse
from app.venues.cex.messages.words import ACCOUNT, Alive, Book, UnknownShape, VenueSaysNo

from .saying import answered, said


def update(channel, result):
    return said({"channel": channel, "event": "update", "error": None, "result": result})


def test_updates_name_the_changes_they_cover():
    book = gate.parse(
        update("futures.order_book_update", {"s": "A_USDT", "U": 5, "u": 7, "b": [{"p": "1", "s": 0}], "a": []})
    )
    assert book == Book("A_USDT", ((Decimal(1), Decimal(0)),), (), is_whole=False, last_seq=7, first_seq=5, prev_seq=4)
    full = {"full": True, "s": "futures.A_USDT.20", "U": 1, "u": 7, "b": [["1", "2"]], "a": []}
    assert gate.parse(update("futures.obu", full)).is_whole


def test_a_negative_size_is_a_taker_who_sold():
    (trade,) = gate.parse(update("futures.trades", [{"contract": "A", "id": 1, "price": "2", "size": -3}])).rows
    assert (trade.qty, trade.is_buy) == (Decimal(3), False)


def test_errors_pongs_and_own_channels():
    body = {"channel": "spot.trades", "event": "subscribe", "error": {"code": 2, "message": "no"}}
    assert gate.parse(said(body)) == VenueSaysNo("2", "no")
    assert gate.parse(said({"channel": "futures.pong", "event": "", "result": None})) == Alive()
    assert gate.parse(update("futures.balances", [])) is ACCOUNT
    book = gate.parse(
        answered("/api/v4/spot/order_book?currency_pair=A_B", {"id": 3, "bids": [["1", "2"]], "asks": []})
    )
    assert (book.symbol, book.last_seq) == ("A_B", 3)
    with pytest.raises(UnknownShape):
        parse("gateio", update("futures.newthing", []))
