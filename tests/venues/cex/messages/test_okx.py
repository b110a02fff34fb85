"""OKX and Bitget: books with checksum and sequence, trades as objects and as rows."""

from decimal import Decimal

import pytest

from app.venues.cex.messages import okx
from app.venues.cex.messages.registry import parse
from app.venues.cex.messages.words import CANDLES, Book, Confirmed, Listings, UnknownShape, VenueSaysNo

from .saying import answered, said

ARG = {"channel": "books", "instId": "ABC-USDT"}


def test_a_book_carries_sequence_and_checksum():
    data = {"bids": [["1", "2", "0", "1"]], "asks": [], "checksum": -5, "seqId": 9, "prevSeqId": 8}
    book = okx.parse(said({"arg": ARG, "action": "update", "data": [data]}))
    assert book == Book(
        "ABC-USDT", ((Decimal(1), Decimal(2)),), (), is_whole=False, last_seq=9, prev_seq=8, checksum=-5
    )


def test_trades_are_objects_or_rows():
    row = {"instId": "A", "tradeId": "7", "px": "2", "sz": "3", "side": "sell"}
    (trade,) = okx.parse(said({"arg": {"channel": "trades", "instId": "A"}, "data": [row]})).rows
    (other,) = okx.parse(said({"arg": {"channel": "trade", "instId": "A"}, "data": [["1", "2", "3", "buy"]]})).rows
    assert (trade.trade_id, trade.is_buy, other.is_buy, other.price) == ("7", False, True, Decimal(2))


def test_events_and_candles():
    assert okx.parse(said({"event": "subscribe", "arg": ARG})) == Confirmed("books", "ABC-USDT")
    assert okx.parse(said({"event": "error", "code": "60012", "msg": "no"})) == VenueSaysNo("60012", "no")
    assert okx.parse(said({"arg": {"channel": "candle1m", "instId": "A"}, "data": []})) is CANDLES


def test_the_tick_of_a_contract_is_so_many_of_its_last_place():
    row = {
        "symbol": "ABCUSDT_UMCBL",
        "baseCoin": "ABC",
        "quoteCoin": "USDT",
        "priceEndStep": "5",
        "pricePlace": "1",
        "volumePlace": "3",
    }
    found = okx.parse(answered("/contracts", {"data": [row]}))
    assert isinstance(found, Listings)
    assert (found.rows[0].tick, found.rows[0].lot) == (Decimal("0.5"), Decimal("0.001"))


def test_an_unknown_channel_or_side_is_an_unknown_shape():
    bad_side = {"arg": {"channel": "trade", "instId": "A"}, "data": [["1", "2", "3", "up"]]}
    for message in (said({"arg": {"channel": "new", "instId": "A"}, "data": []}), said(bad_side)):
        with pytest.raises(UnknownShape):
            parse("okx", message)
