"""Binance: diffs with their sequence, trades by the taker, lists with their steps."""

from decimal import Decimal

import pytest

from app.venues.cex.messages import binance
from app.venues.cex.messages.registry import parse
from app.venues.cex.messages.words import OWN_ORDERS, Book, Funding, Listings, Ticker, Trades, UnknownShape, VenueSaysNo

from .saying import answered, said


def diff(**more):
    return {
        "e": "depthUpdate",
        "E": 1,
        "s": "ABCUSDT",
        "U": 7,
        "u": 9,
        "b": [["1.50", "0"]],
        "a": [["1.60", "2"]],
    } | more


def test_a_diff_keeps_its_sequence_and_decimals():
    book = binance.parse(said({"stream": "abcusdt@depth", "data": diff()}))
    assert book == Book(
        "ABCUSDT",
        ((Decimal("1.50"), Decimal(0)),),
        ((Decimal("1.60"), Decimal(2)),),
        is_whole=False,
        last_seq=9,
        first_seq=7,
        prev_seq=6,
    )
    assert binance.parse(said(diff(pu=3))).prev_seq == 3


def test_a_buyer_who_made_the_price_means_that_the_taker_sold():
    event = {"e": "aggTrade", "s": "ABCUSDT", "a": 5, "p": "2", "q": "3", "m": True}
    (trade,) = binance.parse(said(event)).rows
    assert trade.is_buy is False


def test_answers_are_told_by_their_path():
    book = binance.parse(
        answered("/api/v3/depth?symbol=ABCUSDT", {"lastUpdateId": 4, "bids": [["1", "1"]], "asks": []})
    )
    assert (book.symbol, book.is_whole, book.last_seq) == ("ABCUSDT", True, 4)
    funding = binance.parse(answered("/fapi/v1/openInterest", {"symbol": "ABCUSDT", "openInterest": "12.5"}))
    assert funding == Funding("ABCUSDT", open_interest=Decimal("12.5"))
    assert binance.parse(answered("/fapi/v1/trades", {"code": -1, "msg": "no"})) == VenueSaysNo("-1", "no")
    assert binance.parse(answered("/api/v3/openOrders", [])) is OWN_ORDERS


def test_steps_of_zero_mean_that_there_is_none():
    rows = [{"filterType": "PRICE_FILTER", "tickSize": "0.01"}, {"filterType": "LOT_SIZE", "stepSize": "0.000"}]
    row = {"symbol": "ABCUSDT", "baseAsset": "ABC", "quoteAsset": "USDT", "filters": rows}
    found = binance.parse(answered("/api/v3/exchangeInfo", {"symbols": [row]}))
    assert isinstance(found, Listings)
    assert (found.rows[0].tick, found.rows[0].lot) == (Decimal("0.01"), None)


def test_what_has_no_name_here_is_an_unknown_shape():
    for message in (said({"e": "newThing"}), said({"x": 1}), answered("/api/v3/newRoute", {}), said([1, 2])):
        with pytest.raises(UnknownShape):
            parse("binance", message)


def test_best_prices_without_an_event_name():
    ticker = binance.parse(said({"data": {"u": 1, "s": "ABCUSDT", "b": "1", "B": "2", "a": "3", "A": "4"}}))
    assert ticker == Ticker("ABCUSDT", Decimal(1), Decimal(3))
    assert isinstance(binance.parse(said({"e": "trade", "s": "A", "t": 1, "p": "1", "q": "1", "m": False})), Trades)
