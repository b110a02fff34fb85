"""Kraken spot and futures: one or two parts of a book, the checksum of the last."""

from decimal import Decimal

import pytest

from app.venues.cex.messages import kraken
from app.venues.cex.messages.registry import parse
from app.venues.cex.messages.words import Alive, Book, Confirmed, UnknownShape

from .saying import answered, said


def test_both_parts_of_an_update_are_one_book():
    book = kraken.parse(said([7, {"a": [["2", "1", "0"]]}, {"b": [["1", "0", "0"]], "c": "99"}, "book-10", "A/B"]))
    assert book == Book("A/B", ((Decimal(1), Decimal(0)),), ((Decimal(2), Decimal(1)),), is_whole=False, checksum=99)
    whole = kraken.parse(said([7, {"as": [["2", "1", "0"]], "bs": []}, "book-10", "A/B"]))
    assert whole.is_whole


def test_events():
    status = {
        "event": "subscriptionStatus",
        "status": "subscribed",
        "channelName": "trade",
        "pair": "A/B",
        "channelID": 5,
    }
    assert kraken.parse(said(status)) == Confirmed("trade", "A/B", 5)
    assert kraken.parse(said({"event": "heartbeat"})) == Alive()
    (trade,) = kraken.parse(said([1, [["2", "3", "0", "s", "l", ""]], "trade", "A/B"])).rows
    assert trade.is_buy is False


def test_a_change_of_a_futures_book_is_one_level():
    change = {"feed": "book", "product_id": "PI_AUSD", "side": "sell", "seq": 4, "price": 2.5, "qty": 0.0}
    book = kraken.parse_futures(said(change))
    assert (book.bids, book.asks, book.prev_seq) == ((), ((Decimal("2.5"), Decimal(0)),), 3)
    row = {"symbol": "pi_abcusd", "type": "futures_inverse", "tickSize": 0.5, "contractSize": 1}
    index = {"symbol": "in_abcusd", "type": "spot index"}
    (listing,) = kraken.parse_futures(answered("/instruments", {"instruments": [row, index]})).rows
    assert (listing.base, listing.quote, listing.tick) == ("abc", "usd", Decimal("0.5"))
    with pytest.raises(UnknownShape):
        parse("kraken", said([1, [], "newthing", "A/B"]))
