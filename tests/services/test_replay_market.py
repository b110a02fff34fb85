"""Books move forward only, shares add up to the recorded level, and an arm never meets what it took already."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain.book import BookDelta, BookSnapshot
from app.domain.enums import Side
from app.services.replay_market import (
    ASKS,
    BIDS,
    LaneBoard,
    Market,
    SharedBooks,
    book_side,
    levels_of,
    mid_half_units,
    share_out,
)
from app.services.replay_protocol import ServedVenue
from app.shm.books import BookBoard, SymbolBooks

SYMBOL = "BTC/USDT"


def events() -> list[BookSnapshot | BookDelta]:
    return [
        BookSnapshot("alpha", SYMBOL, 1, 0, 10, ((99, 50), (98, 70)), ((101, 40), (102, 60))),
        BookDelta("alpha", SYMBOL, 1, 2, 0, 20, (), ((101, 0), (103, 5))),
        BookDelta("alpha", SYMBOL, 2, 3, 0, 30, ((100, 1),), ()),
    ]


def market() -> Market:
    return Market(SYMBOL, [events()], BookBoard([("alpha", SYMBOL)], depth=8))


def test_nothing_later_than_the_instant_is_visible() -> None:
    moving = market()
    moving.advance(19)
    assert levels_of(moving.read(), 0, ASKS) == [(101, 40), (102, 60)]
    assert moving.next_ts_ns == 20
    moving.advance(20)
    assert levels_of(moving.read(), 0, ASKS) == [(102, 60), (103, 5)]
    assert mid_half_units(moving.read(), 0) == 201
    moving.advance(100)
    assert levels_of(moving.read(), 0, BIDS)[0] == (100, 1)
    assert (moving.next_ts_ns, moving.n_events) == (-1, 3)


def test_an_empty_side_has_no_mid() -> None:
    lonely = Market(SYMBOL, [[BookSnapshot("alpha", SYMBOL, 1, 0, 1, ((99, 1),), ())]], BookBoard([("alpha", SYMBOL)]))
    lonely.advance(1)
    assert mid_half_units(lonely.read(), 0) == 0


def books_of(bids: list[tuple[int, int]], asks: list[tuple[int, int]]) -> SymbolBooks:
    board = BookBoard([("alpha", SYMBOL)], depth=16)
    board.write_snapshot(BookSnapshot("alpha", SYMBOL, 1, 5, 10, tuple(bids), tuple(asks)))
    return board.read(SYMBOL)


SERVED = (
    ServedVenue("a", 500_000, 1, 1, 0),
    ServedVenue("b", 300_000, 10, 2, 1),
    ServedVenue("c", 200_000, 2, 3, 2),
)


@settings(deadline=None)
@given(qtys=st.lists(st.integers(1, 10**9), min_size=1, max_size=8), lot=st.sampled_from([1, 7, 10]))
def test_shares_of_a_level_add_up_to_it_in_whole_lots(qtys: list[int], lot: int) -> None:
    asks = [(100 + i, qty) for i, qty in enumerate(qtys)]
    shared = share_out(books_of([(99, 1)], asks), SERVED, lot)
    assert shared.venues == ("a", "b", "c")
    by_price: dict[int, int] = {}
    for row, venue in enumerate(SERVED):
        levels = levels_of(shared, row, ASKS)
        assert [price for price, _ in levels] == sorted(price for price, _ in levels)
        for price, qty in levels:
            by_price[price] = by_price.get(price, 0) + qty
            assert qty > 0
            if row:
                assert qty % (lot * venue.lot_multiple) == 0
                assert qty <= dict(asks)[price] * venue.share_ppm // 10**6
    assert by_price == dict(asks)
    assert shared.received_ts_ns.tolist() == [10, 10, 10]


def test_shared_books_change_only_with_the_market() -> None:
    moving = market()
    shared = SharedBooks(moving, SERVED, 1)
    moving.advance(10)
    first = shared.read()
    assert shared.read() is first
    moving.advance(20)
    assert shared.read() is not first


def test_what_an_arm_took_is_gone_until_its_parent_is_over() -> None:
    moving = market()
    moving.advance(10)
    board, other = LaneBoard(moving), LaneBoard(moving)
    board.take(0, ASKS, 101, 40)
    board.take(0, ASKS, 102, 10)
    assert levels_of(board.read(SYMBOL), 0, ASKS) == [(102, 50)]
    assert levels_of(board.read(SYMBOL), 0, BIDS) == [(99, 50), (98, 70)]
    assert levels_of(other.read(SYMBOL), 0, ASKS) == [(101, 40), (102, 60)]
    moving.advance(20)
    assert levels_of(board.read(SYMBOL), 0, ASKS) == [(102, 50), (103, 5)]
    board.forget()
    assert levels_of(board.read(SYMBOL), 0, ASKS) == [(102, 60), (103, 5)]


def test_a_taker_meets_the_far_side() -> None:
    assert (book_side(Side.BUY), book_side(Side.SELL)) == (ASKS, BIDS)


def test_only_the_best_levels_are_shown() -> None:
    asks = tuple((1000 + i, 1) for i in range(700))
    deep = Market(
        SYMBOL, [[BookSnapshot("alpha", SYMBOL, 1, 0, 1, ((1, 1),), asks)]], BookBoard([("alpha", SYMBOL)], 800)
    )
    deep.advance(1)
    books = deep.read()
    assert books.n_levels.tolist() == [[1, 500]]
    assert books.price_units.shape == (1, 2, 500)
    assert np.array_equal(books.price_units[0, 1, :3], [1000, 1001, 1002])


@pytest.mark.parametrize("to_ns", [0, 9])
def test_before_the_first_event_there_is_no_book(to_ns: int) -> None:
    moving = market()
    moving.advance(to_ns)
    assert moving.read().book_seq.tolist() == [0]
