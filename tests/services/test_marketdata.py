from __future__ import annotations

from dataclasses import replace

from app.services.marketdata import MarketData
from app.shm.books import BookBoard
from tests.worlds import T0_NS, flat_book, make_universe


def test_a_book_reaches_the_board_and_its_age_is_known() -> None:
    board = BookBoard(list(make_universe().instruments))
    market = MarketData(board)
    market.take(flat_book("ven_a", 6_000_000, T0_NS))
    books = board.read("BTC/USDT")
    assert books.price_units[0, 1, 0] == 6_000_001
    assert market.book_age_ns(T0_NS + 7) == {("ven_a", "BTC/USDT"): 7}


def test_a_book_crossed_in_itself_bars_its_venue_until_a_good_one() -> None:
    board = BookBoard(list(make_universe().instruments))
    market = MarketData(board)
    good = flat_book("ven_a", 6_000_000, T0_NS)
    market.take(replace(good, bids=good.asks, asks=good.bids))
    assert board.read("BTC/USDT").is_gapped[0]
    market.take(replace(good, book_seq=2))
    assert not board.read("BTC/USDT").is_gapped[0]
