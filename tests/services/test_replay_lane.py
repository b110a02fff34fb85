"""A lane's arithmetic: whole-lot parents, displayed size, and the cheapest clean-up."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain.book import BookSnapshot
from app.domain.enums import Side
from app.domain.fees import fee_nano
from app.domain.units import NANO
from app.domain.universe import Universe
from app.offline import ReplayBuilder
from app.services.replay_lane import (
    Lane,
    LaneKey,
    all_in_ladder,
    displayed_units,
    parent_order,
    parent_qty_units,
    take_cheapest,
)
from app.services.replay_market import LaneBoard
from app.services.replay_protocol import OWN_ARM
from app.shm.books import BookBoard, SymbolBooks
from tests.services.replay_scene import CLASSES, MS, START_NS, recorded_market

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


class Standing:
    """A run's books, as the test sets them."""

    def __init__(self, venues: Sequence[str]) -> None:
        self._board = BookBoard([(venue, SPOT.name) for venue in venues], depth=16)
        self.now_ns, self._seq = START_NS, 0

    def show(self, venue: str, *asks: tuple[int, int]) -> None:
        self._seq += 1
        bids = ((5_999_000, 10_000),)
        self._board.write_snapshot(BookSnapshot(venue, SPOT.name, self._seq, self.now_ns, self.now_ns, bids, asks))

    def read(self) -> SymbolBooks:
        return self._board.read(SPOT.name)


def test_what_an_arm_took_is_taken_once_when_its_next_wave_is_planned() -> None:
    """Its board is without it from the fill on: a plan that left it out again would see less than there is."""
    markets = [recorded_market("spot", venue, 0) for venue in ("a", "b")]
    books, builder = Standing(("a", "b")), ReplayBuilder()
    near, far = (6_000_100, 800), (6_000_500, 5_000)
    books.show("a", near, far)
    books.show("b", (6_000_050, 500), far)
    universe = Universe(
        venues={m.instrument.venue: m.venue for m in markets if m.venue},
        symbols={SPOT.name: SPOT},
        instruments={(m.instrument.venue, SPOT.name): m.instrument for m in markets},
        fees={m.instrument.venue: m.fee for m in markets if m.fee},
    )
    board, key = LaneBoard(books), LaneKey("base", 1_000, Side.BUY, "A5")
    lane = Lane(
        key=key,
        core=builder.core(universe, board, builder.planner(OWN_ARM)),
        board=board,
        log=builder.log(),
        matchers={v: builder.matcher(universe.instruments[v, SPOT.name], SPOT, universe.fees[v]) for v in "ab"},
        venue_rows={venue: row for row, venue in enumerate(books.read().venues)},
    )
    lane.open("test", START_NS - 1)
    children = lane.submit(0, parent_order(key, SPOT, 800, 0, 2_500), START_NS)
    assert children is not None
    assert {child.venue: child.qty_units for child in children} == {"a": 300, "b": 500}
    books.now_ns += MS
    books.show("b", far)  # what b had is gone when the child comes
    books.now_ns += MS
    reports = [report for child in children for report in lane.meet(child, books.now_ns)]
    again = lane.hear(reports, books.now_ns + MS)
    assert [(child.venue, child.price_units, child.qty_units) for child in again] == [("a", near[0], near[1] - 300)]
