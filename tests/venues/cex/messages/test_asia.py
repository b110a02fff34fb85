"""bitFlyer, Bithumb, Upbit, ProBit."""

from decimal import Decimal

import pytest

from app.venues.cex.messages import asia
from app.venues.cex.messages.registry import parse
from app.venues.cex.messages.words import Book, Greeting, UnknownShape, VenueSaysNo

from .saying import answered, said


def flyer(channel, body):
    return said({"method": "channelMessage", "params": {"channel": channel, "message": body}})


def test_bitflyer_levels_without_a_price_are_orders_of_the_auction():
    book = asia.parse_bitflyer(
        flyer("lightning_board_snapshot_A_B", {"bids": [{"price": 0, "size": 5}, {"price": 1, "size": 2}], "asks": []})
    )
    assert book == Book("A_B", ((Decimal(1), Decimal(2)),), (), is_whole=True)
    (trade,) = asia.parse_bitflyer(
        flyer("lightning_executions_A_B", [{"id": 1, "price": 2, "size": 3, "side": ""}])
    ).rows
    assert trade.is_buy is None


def test_bithumb():
    assert asia.parse_bithumb(said({"status": "0000", "resmsg": "hello"})) == Greeting()
    assert asia.parse_bithumb(said({"status": "5100", "resmsg": "no"})) == VenueSaysNo("5100", "no")
    found = asia.parse_bithumb(answered("/public/ticker/ALL_KRW", {"data": {"A": {"closing_price": "5"}, "date": "1"}}))
    assert [(one.symbol, one.last) for one in found.rows] == [("A_KRW", Decimal(5))]


def test_upbit_and_probit():
    body = {"ty": "orderbook", "cd": "KRW-A", "tms": 3, "obu": [{"bp": 1, "bs": 2, "ap": 3, "as": 4}]}
    assert asia.parse_upbit(said(body)).asks == ((Decimal(3), Decimal(4)),)
    assert asia.parse_upbit(answered("/market/all", [{"market": "KRW-A"}])).rows[0].base == "A"
    row = {"side": "buy", "price": "1", "quantity": "2"}
    body = {"channel": "marketdata", "market_id": "A-B", "status": "ok", "reset": True, "order_books": [row]}
    book, trades = asia.parse_probit(said(body))
    assert (book.is_whole, book.bids, trades.rows) == (True, ((Decimal(1), Decimal(2)),), ())
    for venue in ("bitflyer", "bithumb", "upbit", "probit"):
        body = {
            "ty": "new",
            "cd": "A",
            "type": "new",
            "channel": "new",
            "status": "ok",
            "params": {"channel": "x", "message": 1},
        }
        body.pop("status") if venue == "bithumb" else None
        with pytest.raises(UnknownShape):
            parse(venue, said(body))
