"""Poloniex: flat books of spot, wrapped answers of contracts."""

from decimal import Decimal

import pytest

from app.venues.cex.messages import poloniex
from app.venues.cex.messages.registry import parse
from app.venues.cex.messages.words import CANDLES, OWN_ORDERS, Book, UnknownShape, VenueSaysNo

from .saying import answered, said


def test_a_flat_list_is_price_quantity_price_quantity():
    book = poloniex.parse(answered("/markets/A_B/orderBook", {"bids": ["1", "2", "0.5", "3"], "asks": []}))
    assert book == Book("A_B", ((Decimal(1), Decimal(2)), (Decimal("0.5"), Decimal(3))), (), is_whole=True)
    with pytest.raises(UnknownShape):
        parse("poloniex", answered("/markets/A_B/orderBook", {"bids": ["1", "2", "3"], "asks": []}))


def test_updates_name_what_they_follow():
    row = {"symbol": "A_B", "bids": [["1", "2"]], "asks": [], "id": 5, "lastId": 4}
    book = poloniex.parse(said({"channel": "book_lv2", "action": "update", "data": [row]}))
    assert (book.last_seq, book.prev_seq, book.is_whole) == (5, 4, False)


def test_answers():
    assert poloniex.parse(answered("/orders/12", {"code": 21301, "message": "no"})) == VenueSaysNo("21301", "no")
    assert poloniex.parse(answered("/orders/history", [])) is OWN_ORDERS
    assert poloniex.parse(answered("/markets/A_B/candles", [])) is CANDLES
    body = {"code": 200, "data": [{"s": "A_B_PERP", "bPx": "1", "aPx": "2", "c": ""}]}
    assert poloniex.parse(answered("/v3/market/tickers", body)).rows[0].last is None
    with pytest.raises(UnknownShape):
        parse("poloniex", answered("/new/route", {}))
