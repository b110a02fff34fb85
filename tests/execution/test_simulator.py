"""Matching takes no more than there is, at no worse price than allowed, and remembers what we took."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.enums import ContractKind, Side, TimeInForce
from app.domain.errors import InvariantBroken
from app.domain.fees import FeeTier, fee_nano
from app.domain.instrument import FungibilityClass, Instrument, Symbol
from app.domain.orders import ChildOrder
from app.execution.simulator import Footprint, Listing, VenueRefusal, match, refusal

SPOT = FungibilityClass("BTC", "USDT", "USDT", ContractKind.SPOT)
SYMBOL = Symbol("BTC/USDT", SPOT, 2, 5)
TICK, LOT = 10, 10
INSTRUMENT = Instrument("v", "BTC/USDT", "BTC-USDT", SPOT, TICK, LOT, 2, 50_000_000_000, max_qty_lots=1_000)
FEE = FeeTier("v", "base", 500, 100, 2_500_000_000, "simulated", "2024-08-08")
LISTING = Listing(SYMBOL, INSTRUMENT, FEE)
CHILD = ChildOrder(
    "chd", "id", "ord", "desk", 1, "v", "BTC/USDT", Side.BUY, TimeInForce.IOC, 600_000, 100, TICK, LOT, 1_000
)
REFILL_NS = 1_000_000


def book(side: Side, draw_steps: list[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    """Levels that a taker of `side` meets: price steps in ticks away from 6,000,000 units, quantities in units."""
    levels, ticks = [], 600_000
    for step_ticks, qty_units in draw_steps:
        levels.append((ticks * TICK, qty_units))
        ticks += side.sign * step_ticks
    return tuple(levels)


steps = st.lists(st.tuples(st.integers(1, 50), st.integers(1, 2_000)), min_size=0, max_size=8)
sides = st.sampled_from(Side)


@given(sides, steps, st.integers(0, 120), st.integers(1, 1_000), st.booleans())
def test_fills_stay_within_book_limit_and_quantity(
    side: Side, drawn: list[tuple[int, int]], room_ticks: int, qty_lots: int, is_fok: bool
) -> None:
    levels = book(side, drawn)
    child = replace(
        CHILD,
        side=side,
        price_ticks=600_000 + side.sign * room_ticks,
        qty_lots=qty_lots,
        time_in_force=TimeInForce.FOK if is_fok else TimeInForce.IOC,
    )
    fills = match(child, LISTING, levels)
    reachable = [(p, q // LOT) for p, q in levels if side.sign * (p - child.price_units) <= 0]
    wanted_lots = min(qty_lots, sum(lots for _, lots in reachable))
    if is_fok and wanted_lots < qty_lots:
        wanted_lots = 0
    assert sum(fill.qty_lots for fill in fills) == wanted_lots
    # The naive twin: lot by lot, always the best that is left.
    twin = [price for price, lots in reachable for _ in range(lots)][:wanted_lots]
    assert [fill.price_ticks * TICK for fill in fills for _ in range(fill.qty_lots)] == twin
    assert [fill.cum_qty_lots for fill in fills] == [sum(f.qty_lots for f in fills[: i + 1]) for i in range(len(fills))]


@given(sides, steps)
def test_fees_are_the_taker_rate_and_the_fixed_cost_once(side: Side, drawn: list[tuple[int, int]]) -> None:
    child = replace(CHILD, side=side, price_ticks=600_000 + side.sign * 1_000, qty_lots=1_000)
    fills = match(child, LISTING, book(side, drawn))
    for i, fill in enumerate(fills):
        money_nano = SYMBOL.money_nano(fill.price_ticks * TICK, fill.qty_lots * LOT)
        assert fill.money_nano == money_nano
        assert fill.gas_nano == (0 if i else FEE.fixed_nano)
        assert fill.fee_nano == fee_nano(money_nano, FEE.taker_fee_ppm) + fill.gas_nano


def test_a_level_off_the_tick_is_our_bug() -> None:
    with pytest.raises(InvariantBroken):
        match(CHILD, LISTING, ((5_999_999, 1_000),))


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({}, None),
        ({"deadline_ts_ns": 500}, None),  # exactly at the deadline is in time
        ({"deadline_ts_ns": 499}, VenueRefusal.DEADLINE_PASSED),
        ({"venue": "w"}, VenueRefusal.UNKNOWN_SYMBOL),
        ({"symbol": "ETH/USDT"}, VenueRefusal.UNKNOWN_SYMBOL),
        ({"time_in_force": TimeInForce.FOK}, None),
        ({"time_in_force": TimeInForce.GTC}, VenueRefusal.TIME_IN_FORCE),
        ({"time_in_force": TimeInForce.GTD}, VenueRefusal.TIME_IN_FORCE),
        ({"tick_units": TICK + 1}, VenueRefusal.BAD_TICK),
        ({"price_ticks": 0}, VenueRefusal.BAD_TICK),
        ({"lot_units": LOT - 1}, VenueRefusal.BAD_LOT),
        ({"qty_lots": 0}, VenueRefusal.BAD_LOT),
        ({"qty_lots": 1}, VenueRefusal.MIN_QTY),
        ({"qty_lots": 2, "price_ticks": 2_500_000}, None),
        ({"qty_lots": 2, "price_ticks": 2_499_999}, VenueRefusal.MIN_NOTIONAL),
        ({"qty_lots": 1_000}, None),
        ({"qty_lots": 1_001}, VenueRefusal.MAX_QTY),
    ],
)
def test_each_rule_says_no_just_beyond_its_limit(changes: dict[str, object], why: VenueRefusal | None) -> None:
    assert refusal(replace(CHILD, **changes), LISTING, 500, is_known_id=False) is why  # type: ignore[arg-type]


def test_a_known_id_is_a_duplicate_whatever_else_is_wrong() -> None:
    late = replace(CHILD, deadline_ts_ns=0)
    assert refusal(late, LISTING, 500, is_known_id=True) is VenueRefusal.DUPLICATE_CLIENT_ID


takes = st.lists(st.tuples(st.integers(0, 100), st.integers(1, 100), st.integers(0, REFILL_NS)), max_size=6)


@given(sides, steps, takes, st.integers(0, 2 * REFILL_NS))
def test_what_is_left_is_a_book_and_no_more_than_was_there(
    side: Side, drawn: list[tuple[int, int]], taken: list[tuple[int, int, int]], now_ns: int
) -> None:
    levels = book(side, [(step, qty * LOT) for step, qty in drawn])
    footprint = Footprint(REFILL_NS, LOT)
    for ticks, lots, ts_ns in sorted(taken, key=lambda item: item[2]):
        footprint.take(side, (600_000 + side.sign * ticks) * TICK, lots * LOT, ts_ns)
    left = footprint.left(side, levels, now_ns)
    full = dict(levels)
    assert all(0 < qty <= full[price] and qty % LOT == 0 for price, qty in left)
    assert [price for price, _ in left] == sorted((p for p, _ in left), key=lambda p: side.sign * p)
    missing_units = sum(full.values()) - sum(qty for _, qty in left)
    assert missing_units <= sum(lots * LOT for _, lots, _ in taken)
    other = Side.SELL if side is Side.BUY else Side.BUY
    assert footprint.left(other, levels, now_ns) == levels


def left_plainly(
    side: Side, levels: tuple[tuple[int, int], ...], taken: list[tuple[int, int, int]], now_ns: int
) -> tuple[tuple[int, int], ...]:
    """The law of `Footprint`, lot by lot: each missing lot is the first one left that is no worse than its price."""
    left = [[price, qty] for price, qty in levels]
    for price_units, qty_units, ts_ns in sorted(taken, key=lambda take: side.sign * take[0]):
        back_units = qty_units * max(0, now_ns - ts_ns) // REFILL_NS // LOT * LOT
        for _ in range(max(0, qty_units - back_units) // LOT):
            within = [level for level in left if level[1] and side.sign * (level[0] - price_units) <= 0]
            if within:
                within[0][1] -= LOT
    return tuple((price, qty) for price, qty in left if qty)


@given(sides, steps, takes, st.lists(st.integers(0, 2 * REFILL_NS), min_size=1, max_size=3))
def test_what_is_left_is_what_the_plain_law_leaves(
    side: Side, drawn: list[tuple[int, int]], taken: list[tuple[int, int, int]], nows_ns: list[int]
) -> None:
    levels = book(side, [(step, qty * LOT) for step, qty in drawn])
    footprint = Footprint(REFILL_NS, LOT)
    in_time = [
        ((600_000 + side.sign * ticks) * TICK, lots * LOT, ts_ns)
        for ticks, lots, ts_ns in sorted(taken, key=lambda item: item[2])
    ]
    apart = all(  # what is taken at one price almost at once is kept as one, and comes back as one
        one[0] != other[0] or other[2] - one[2] >= REFILL_NS // 64 for one, other in pairwise(in_time)
    )
    for take in in_time:
        footprint.take(side, *take)
    for now_ns in sorted(nows_ns):
        left = footprint.left(side, levels, now_ns)
        assert footprint.best_units(side, levels, now_ns) == (left[0][0] if left else 0)
        if apart:
            assert left == left_plainly(side, levels, in_time, now_ns)


def test_the_best_price_is_said_without_looking_where_no_take_could_empty_it() -> None:
    footprint = Footprint(REFILL_NS, LOT)
    footprint.take(Side.BUY, 6_000_000, 900, 0)
    assert footprint.best_units(Side.BUY, ((6_000_000, 1_000),), 0) == 6_000_000
    footprint.take(Side.BUY, 6_000_000, 100, 0)
    assert footprint.best_units(Side.BUY, ((6_000_000, 1_000),), 0) == 0
    assert footprint.best_units(Side.BUY, ((6_000_000, 1_000), (6_000_100, LOT)), 0) == 6_000_100
    assert footprint.best_units(Side.BUY, ((6_000_000, 1_000),), REFILL_NS) == 6_000_000
    assert footprint.best_units(Side.BUY, (), 0) == 0


@given(sides, steps, st.integers(1, 1_000), st.integers(1, 1_000))
def test_taking_twice_at_once_never_finds_the_same_liquidity(
    side: Side, drawn: list[tuple[int, int]], first_lots: int, second_lots: int
) -> None:
    levels = book(side, [(step, qty * LOT) for step, qty in drawn])
    footprint = Footprint(REFILL_NS, LOT)
    child = replace(CHILD, side=side, price_ticks=600_000 + side.sign * 1_000)
    done_lots = 0
    for lots in (first_lots, second_lots):
        for fill in match(replace(child, qty_lots=lots), LISTING, footprint.left(side, levels, 7)):
            footprint.take(side, fill.price_ticks * TICK, fill.qty_lots * LOT, 7)
            done_lots += fill.qty_lots
    at_once = match(replace(child, qty_lots=first_lots + second_lots), LISTING, levels)
    assert done_lots == sum(fill.qty_lots for fill in at_once)


def test_half_is_back_after_half_the_time_and_all_after_the_whole() -> None:
    levels = ((6_000_000, 1_000), (6_000_100, 1_000))
    footprint = Footprint(REFILL_NS, LOT)
    footprint.take(Side.BUY, 6_000_000, 1_000, 0)
    assert footprint.left(Side.BUY, levels, 0) == ((6_000_100, 1_000),)
    assert footprint.left(Side.BUY, levels, REFILL_NS // 2) == ((6_000_000, 500), (6_000_100, 1_000))
    assert footprint.left(Side.BUY, levels, REFILL_NS) == levels


def test_a_market_that_moved_past_the_take_is_fresh() -> None:
    footprint = Footprint(REFILL_NS, LOT)
    footprint.take(Side.BUY, 6_000_000, 1_000, 0)
    assert footprint.left(Side.BUY, ((6_000_010, 1_000),), 0) == ((6_000_010, 1_000),)
    assert footprint.left(Side.BUY, ((5_999_990, 1_000),), 0) == ()


def test_many_takes_at_one_price_stay_one() -> None:
    footprint = Footprint(REFILL_NS, LOT)
    for ts_ns in range(100):
        footprint.take(Side.SELL, 6_000_000, LOT, ts_ns)
    assert footprint.left(Side.SELL, ((6_000_000, 100 * LOT),), 100) == ()
    assert len(footprint._taken[Side.SELL]) == 1


def test_without_refill_time_nothing_is_remembered() -> None:
    footprint = Footprint(0)
    footprint.take(Side.BUY, 6_000_000, 1_000, 5)
    assert footprint.left(Side.BUY, ((6_000_000, 1_000),), 5) == ((6_000_000, 1_000),)
