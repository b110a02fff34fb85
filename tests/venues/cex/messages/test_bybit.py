"""Bybit and BitMEX: entries that the venue names, by what happens to them."""

from decimal import Decimal

import pytest

from app.venues.cex.messages import bybit
from app.venues.cex.messages.registry import parse
from app.venues.cex.messages.words import Book, Confirmed, Entries, Entry, UnknownShape

from .saying import said


def test_a_delta_is_what_goes_changes_and_comes():
    row = {"id": 5, "side": "Buy", "price": "1.5", "size": 3}
    data = {"delete": [{"id": 4, "side": "Sell"}], "update": [row], "insert": []}
    gone, changed, added = bybit.parse(said({"topic": "orderBookL2_25.A", "type": "delta", "data": data}))
    assert gone == Entries("A", "remove", (Entry("4", is_bid=False),))
    assert changed.rows == (Entry("5", is_bid=True, price=Decimal("1.5"), qty=Decimal(3)),)
    assert added.rows == ()


def test_version_five_has_books_of_levels():
    book = bybit.parse(
        said({"topic": "orderbook.50.A", "type": "delta", "data": {"s": "A", "b": [["1", "2"]], "a": [], "u": 9}})
    )
    assert book == Book("A", ((Decimal(1), Decimal(2)),), (), is_whole=False, last_seq=9)
    ok = {"success": True, "request": {"args": ["trade.A"]}}
    assert bybit.parse(said(ok)) == Confirmed("trade.A")


def test_bitmex_tells_entries_by_symbol():
    rows = [{"symbol": "A", "id": 1, "side": "Buy", "size": 2}, {"symbol": "B", "id": 2, "side": "Sell", "size": 3}]
    a, b = bybit.parse_bitmex(said({"table": "orderBookL2", "action": "update", "data": rows}))
    assert (a.symbol, a.action, b.rows[0].qty) == ("A", "change", Decimal(3))
    for venue in ("bybit", "bitmex"):
        with pytest.raises(UnknownShape):
            parse(venue, said({"topic": "new", "table": "new", "data": []}))
