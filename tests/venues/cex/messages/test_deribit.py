"""Deribit, Delta and Bit.com: levels behind what happened to them, tickers with their funding."""

from decimal import Decimal

import pytest

from app.venues.cex.messages import deribit
from app.venues.cex.messages.registry import parse
from app.venues.cex.messages.words import CANDLES, Book, Funding, UnknownShape

from .saying import answered, said


def test_a_book_of_deribit():
    data = {
        "type": "change",
        "instrument_name": "A",
        "change_id": 5,
        "prev_change_id": 4,
        "bids": [["delete", 1.5, 0]],
        "asks": [],
    }
    book = deribit.parse(said({"method": "subscription", "params": {"channel": "book.A.raw", "data": data}}))
    assert book == Book("A", ((Decimal("1.5"), Decimal(0)),), (), is_whole=False, last_seq=5, prev_seq=4)


def test_a_ticker_says_funding_too():
    data = {
        "instrument_name": "A-PERPETUAL",
        "best_bid_price": 1,
        "best_ask_price": 2,
        "last_price": 1,
        "mark_price": 1.5,
    }
    data |= {"open_interest": 7, "current_funding": 0.0001}
    ticker, funding = deribit.parse(said({"params": {"channel": "ticker.A.raw", "data": data}}))
    assert ticker.ask == Decimal(2)
    assert funding == Funding("A-PERPETUAL", Decimal("0.0001"), Decimal("1.5"), None, Decimal(7))


def test_delta_and_bitcom():
    level = {"limit_price": "1", "size": 2}
    assert deribit.parse_delta(said({"type": "l2_orderbook", "symbol": "A", "buy": [level], "sell": []})).is_whole
    assert deribit.parse_delta(said({"type": "candlestick_1m"})) is CANDLES
    data = {"type": "update", "pair": "A-B", "sequence": 6, "prev_sequence": 5, "changes": [["sell", "1", "0"]]}
    book = deribit.parse_bitcom(said({"channel": "depth", "data": data}))
    assert (book.asks, book.prev_seq) == (((Decimal(1), Decimal(0)),), 5)
    for venue in ("delta", "bit.com", "deribit"):
        with pytest.raises(UnknownShape):
            parse(
                venue, said({"type": "new", "channel": "new", "data": {}, "params": {"channel": "new.A", "data": {}}})
            )
    row = {"instrument_name": "A-PERPETUAL", "quote_currency": "USD", "tick_size": 0.5, "min_trade_amount": 10}
    assert deribit.parse(answered("/instruments", {"result": [row]})).rows[0].base == "A"
