from __future__ import annotations

import json

from app.cli import book

BOOK = {
    "bids": [{"price": "63999", "qty": "1", "venue": "sim_a"}],
    "asks": [{"price": "64000", "qty": "2", "venue": "sim_b"}, {"price": "64001", "qty": "3", "venue": "sim_a"}],
    "excluded": {"sim_c": "stale_book"},
}


def test_a_book_is_one_ladder_with_uneven_sides(service, bestex):
    service.says("GET", "/v1/books/BTC/USDT", BOOK)
    shown = bestex(book, "BTC/USDT", "--all-in").output
    assert "63999" in shown
    assert "64001" in shown
    assert "sim_c left out: stale_book" in shown
    assert service.asked[0].path == "/v1/books/BTC/USDT?depth=10&price=all_in"


def test_json_is_the_book(service, bestex):
    service.says("GET", "/v1/books/BTC/USDT", BOOK)
    assert json.loads(bestex(book, "BTC/USDT", "-o", "json").stdout) == BOOK
