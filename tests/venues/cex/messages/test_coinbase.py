"""Coinbase and Gemini: changes by side, and whose side a trade tells."""

from decimal import Decimal

import pytest

from app.venues.cex.messages import coinbase
from app.venues.cex.messages.registry import parse
from app.venues.cex.messages.words import Alive, Book, UnknownShape, VenueSaysNo

from .saying import answered, said


def test_the_side_of_a_match_is_the_makers():
    match = {"type": "match", "product_id": "A-B", "trade_id": 1, "price": "2", "size": "3", "side": "sell"}
    (trade,) = coinbase.parse(said(match)).rows
    assert trade.is_buy is True
    changes = {"type": "l2update", "product_id": "A-B", "changes": [["buy", "1", "2"], ["sell", "3", "0"]]}
    assert coinbase.parse(said(changes)) == Book(
        "A-B", ((Decimal(1), Decimal(2)),), ((Decimal(3), Decimal(0)),), is_whole=False
    )


def test_the_first_message_of_gemini_is_the_whole_book():
    row = {"symbol": "AB", "event_id": 1, "price": "2", "quantity": "3", "side": "sell"}
    first = {"type": "l2_updates", "symbol": "AB", "changes": [["buy", "1", "2"]], "trades": [row]}
    book, trades = coinbase.parse_gemini(said(first))
    assert book.is_whole
    assert trades.rows[0].is_buy is False
    assert not coinbase.parse_gemini(said({"type": "l2_updates", "symbol": "AB", "changes": []})).is_whole
    assert coinbase.parse_gemini(said({"type": "heartbeat"})) == Alive()


def test_answers_of_gemini():
    error = {"result": "error", "reason": "Bad", "message": "no"}
    assert coinbase.parse_gemini(answered("/v1/pubticker/bla", error)) == VenueSaysNo("Bad", "no")
    ticker = coinbase.parse_gemini(answered("/v1/pubticker/abusd", {"bid": "1", "ask": "2", "last": "1.5"}))
    assert (ticker.symbol, ticker.last) == ("abusd", Decimal("1.5"))
    for venue in ("coinbase", "gemini"):
        with pytest.raises(UnknownShape):
            parse(venue, said({"type": "newThing"}))
