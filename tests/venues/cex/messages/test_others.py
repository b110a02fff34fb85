"""Bittrex, BTC Markets, BTSE, Crypto.com, dYdX, Independent Reserve, Phemex."""

import base64
import json
import zlib
from decimal import Decimal

import pytest

from app.venues.cex.messages import others
from app.venues.cex.messages.registry import parse
from app.venues.cex.messages.words import Alive, Book, Entries, Entry, UnknownShape

from .saying import answered, said


def test_a_frame_of_bittrex_holds_deflated_messages():
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    data = {"marketSymbol": "A-B", "sequence": 5, "bidDeltas": [{"rate": "1", "quantity": "0"}], "askDeltas": []}
    packed = base64.b64encode(packer.compress(json.dumps(data).encode()) + packer.flush()).decode()
    (book,) = others.parse_bittrex(said({"C": "x", "M": [{"M": "orderBook", "A": [packed]}]}))
    assert book == Book("A-B", ((Decimal(1), Decimal(0)),), (), is_whole=False, last_seq=5, prev_seq=4)
    assert others.parse_bittrex(said({})) == Alive()
    with pytest.raises(UnknownShape):
        parse("bittrex", said({"C": "x", "M": [{"M": "orderBook", "A": ["not deflated"]}]}))


def test_phemex_scales_by_kind():
    body = {
        "symbol": "sAUSDT",
        "sequence": 3,
        "type": "incremental",
        "book": {"bids": [[150000000, 200000000]], "asks": []},
    }
    assert others.parse_phemex(said(body)).bids == ((Decimal("1.5"), Decimal(2)),)
    contract = others.parse_phemex(said(body | {"symbol": "AUSD", "book": {"bids": [[15000, 7]], "asks": []}}))
    assert contract.bids == ((Decimal("1.5"), Decimal(7)),)


def test_orders_of_independent_reserve_are_priced_in_each_quote():
    data = {"OrderType": "LimitOffer", "OrderGuid": "g", "Price": {"aud": 2.5, "usd": 1.5}, "Volume": 3}
    aud, usd = others.parse_independent_reserve(said({"Channel": "orderbook-a", "Event": "NewOrder", "Data": data}))
    assert (aud.symbol, usd.rows[0].price) == ("a-aud", Decimal("1.5"))
    gone = {"Channel": "orderbook-a", "Event": "OrderCanceled", "Data": {"OrderType": "LimitBid", "OrderGuid": "g"}}
    assert others.parse_independent_reserve(said(gone)) == Entries("a", "remove", (Entry("g", is_bid=True),))


def test_the_rest():
    row = {
        "instrument_name": "A_B",
        "base_currency": "A",
        "quote_currency": "B",
        "price_decimals": 2,
        "quantity_decimals": 0,
    }
    body = {"method": "public/get-instruments", "result": {"instruments": [row]}}
    assert others.parse_crypto_com(answered("/x", body)).rows[0].tick == Decimal("0.01")
    contents = {"bids": [["1", "2"]], "asks": [], "offset": "9"}
    body = {"type": "channel_data", "channel": "v3_orderbook", "id": "A-USD", "contents": contents}
    assert not others.parse_dydx(said(body)).is_whole
    trade = {"marketId": "A-B", "tradeId": 1, "price": "2", "volume": "3", "messageType": "trade", "side": "Ask"}
    assert others.parse_btcmarkets(said(trade)).rows[0].is_buy is False
    row = {"symbol": "A-B", "tradeId": 1, "price": 2, "size": 3, "side": "BUY"}
    assert others.parse_btse(said({"topic": "tradeHistoryApi:A-B", "data": [row]})).rows[0].is_buy is True
    for venue in ("btcmarkets", "btse", "crypto.com", "dydx", "independent_reserve", "phemex"):
        with pytest.raises(UnknownShape):
            parse(venue, said({"messageType": "new", "topic": "new", "method": "new", "type": "new", "Event": "new"}))
