"""Field names of dozens of small venues: what is found, and that nothing is made of nothing."""

from decimal import Decimal

import pytest

from app.venues.cex.messages import shapes
from app.venues.cex.messages.registry import parse
from app.venues.cex.messages.words import Book, UnknownShape

from .saying import answered, said


def test_books_wherever_they_are():
    body = said({"result": {"buy": [{"Rate": 1.5, "Quantity": 2}], "sell": [{"Rate": 2.5, "Quantity": 3}]}}).body
    (book,) = shapes.books(body, "venue")
    assert book == Book("venue", ((Decimal("1.5"), Decimal(2)),), ((Decimal("2.5"), Decimal(3)),), is_whole=True)
    two = shapes.books(said({"A": {"bids": [[1, 2]], "asks": []}, "B": {"bids": [], "asks": [[3, 4]]}}).body, "venue")
    assert [one.symbol for one in two] == ["A", "B"]


def test_tickers_trades_and_lists():
    found = shapes.tickers(said({"ticker": {"buy": "1", "sell": "2", "last": "1.5"}}).body, "venue")
    assert (found.rows[0].bid, found.rows[0].ask, found.rows[0].last) == (Decimal(1), Decimal(2), Decimal("1.5"))
    trade = said([{"price": 2, "amount": "3", "tid": 4}, {"price": 2, "amount": 0, "tid": 5}]).body
    assert [row.trade_id for row in shapes.trades(trade, "venue").rows] == ["4"]
    rows = shapes.trade_rows(said([["2", "3", 0]]).body, "venue", 0, 1).rows
    assert (rows[0].price, rows[0].qty) == (Decimal(2), Decimal(3))
    assert shapes.ticker_rows(said([["tAB", 1, 0, 2, 0, 0, 0, 1.5], ["fA", 1]]).body).rows[0].last == Decimal("1.5")
    assert shapes.listings(said(["a_b"]).body).rows[0].symbol == "a_b"
    assert shapes.listings(said([{"symbol": "AB", "baseAsset": "A", "quoteAsset": "B"}]).body).rows[0].quote == "B"


@pytest.mark.parametrize("find", [shapes.books, shapes.tickers, shapes.trades])
def test_nothing_is_found_in_what_has_nothing(find):
    for body in ({}, [], {"data": {"x": 1}}, [[1, 2]]):
        with pytest.raises(UnknownShape):
            find(body, "venue")
    with pytest.raises(UnknownShape):
        parse("a venue without a parser", answered("/x", {}))
