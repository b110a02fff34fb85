"""A lane's arithmetic: whole-lot parents, displayed size, and the cheapest clean-up."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain.book import BookSnapshot
from app.domain.enums import Side
from app.domain.fees import fee_nano
from app.domain.units import NANO
from app.services.replay_lane import (
    LaneKey,
    all_in_ladder,
    displayed_units,
    parent_order,
    parent_qty_units,
    take_cheapest,
)
from app.shm.books import BookBoard, SymbolBooks
from tests.services.replay_scene import CLASSES, recorded_market

SPOT = CLASSES["spot"]


def books_of(asks: dict[str, list[tuple[int, int]]], symbol: str = SPOT.name) -> SymbolBooks:
    board = BookBoard([(venue, symbol) for venue in asks], depth=16)
    for venue, levels in asks.items():
        board.write_snapshot(BookSnapshot(venue, symbol, 1, 0, 1, ((1, 1),), tuple(levels)))
    return board.read(symbol)


@pytest.mark.parametrize("kind", CLASSES)
def test_a_parent_is_whole_lots_of_every_venue_and_never_above_its_size(kind: str) -> None:
    symbol = CLASSES[kind]
    listings = [recorded_market(kind, venue, number).instrument for number, venue in enumerate(("a", "b", "c"))]
    mid_half = 2 * 60_000 * 10**symbol.price_scale
    qty = parent_qty_units(symbol, listings, 50_000, mid_half)
    assert qty > 0
    assert all(qty % listing.lot_units == 0 for listing in listings)
    notional = symbol.notional_nano(mid_half // 2, qty)
    assert 0.9 * 50_000 * NANO < notional <= 50_000 * NANO


def test_displayed_size_counts_to_the_last_level_within_reach() -> None:
    books = books_of({"a": [(10_005, 3), (10_006, 5)], "b": [(10_001, 7), (10_100, 50)]})
    assert displayed_units(books, Side.BUY, 20_000, 5) == 10
    assert displayed_units(books, Side.BUY, 20_000, 6) == 15


levels = st.lists(st.tuples(st.integers(90, 110), st.integers(1, 5)), max_size=3, unique_by=lambda level: level[0])


@settings(deadline=None, max_examples=60)
@given(a=levels, b=levels, qty=st.integers(0, 12), fees=st.tuples(st.integers(-200, 5000), st.integers(-200, 5000)))
def test_the_clean_up_is_the_cheapest_way_all_in(
    a: list[tuple[int, int]], b: list[tuple[int, int]], qty: int, fees: tuple[int, int]
) -> None:
    books = books_of({"a": sorted(a), "b": sorted(b)})
    cost, left = take_cheapest(SPOT, all_in_ladder(SPOT, books, Side.BUY, fees), Side.BUY, qty)
    units = [(price, fees[row]) for row, side in enumerate((a, b)) for price, level in side for _ in range(level)]
    n_taken = min(qty, len(units))
    assert left == qty - n_taken
    brute = sorted(SPOT.money_nano(p, 1) * (1_000_000 + f) for p, f in units)[:n_taken]
    rounding = len(a) + len(b) + 1
    assert abs(cost - sum(brute) / 1e6) <= rounding


def test_fees_decide_between_equal_prices() -> None:
    books = books_of({"a": [(100, 5)], "b": [(100, 5)]})
    cost, left = take_cheapest(SPOT, all_in_ladder(SPOT, books, Side.BUY, (900, 100)), Side.BUY, 5)
    money = SPOT.money_nano(100, 5)
    assert (cost, left) == (money + fee_nano(money, 100), 0)


def test_the_same_parent_in_every_arm() -> None:
    one, two = (parent_order(LaneKey("base", 1000, Side.SELL, arm), SPOT, 70, 3, 2000) for arm in ("A0", "A5"))
    assert one == two
    assert (one.side, one.qty_units, one.client_order_id) == (Side.SELL, 70, "1000-sell-3")


def test_groups_forget_the_arm() -> None:
    groups = {LaneKey("base", 1000, side, arm).group for side, arm in itertools.product(Side, ("A0", "A5"))}
    assert len(groups) == 2
