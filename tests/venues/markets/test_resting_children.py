"""Children that rest in a family's own book: price-time priority there, every trade of theirs told once."""

from __future__ import annotations

from dataclasses import replace

import pytest

from app.domain.enums import Side, TimeInForce
from app.domain.orders import ChildOrder
from app.venues.exchange_spec import Made
from app.venues.markets.answering import FamilyMarket
from app.venues.markets.families import FAMILIES
from app.venues.registry import load_universe

UNIVERSE = load_universe()
VENUE, SYMBOL = "sim_alpha", "BTC/USDT"
INSTRUMENT = UNIVERSE.instruments[VENUE, SYMBOL]
LOT, TICK = INSTRUMENT.lot_units, INSTRUMENT.tick_units
S = 1_000_000_000


def child(name: str, side: Side, price_units: int, qty_units: int, *, is_post_only: bool = True) -> ChildOrder:
    names = ("chd", name, "ord", "desk", 1, VENUE, SYMBOL)
    made = ChildOrder(*names, side, TimeInForce.GTC, price_units // TICK, qty_units // LOT, TICK, LOT, 10**18)
    return replace(made, is_post_only=is_post_only, rest_until_ns=10**18)


@pytest.fixture(params=sorted(FAMILIES))
def market(request: pytest.FixtureRequest) -> FamilyMarket:
    return FamilyMarket(request.param, UNIVERSE, 7, 0)


def run(market: FamilyMarket, from_s: int, to_s: int) -> list[tuple[str, int, int]]:
    made: list[Made] = []
    for tenth in range(from_s * 10, to_s * 10):
        made += market.made(VENUE, SYMBOL, tenth * S // 10)
    return [(one.client_id, one.price_units, one.qty_units) for one in made]


@pytest.mark.parametrize("side", list(Side))
def test_it_rests_behind_the_crowd_and_fills_at_its_price_no_more_than_it_is(market: FamilyMarket, side: Side) -> None:
    sides = market.sides(VENUE, SYMBOL, 10 * S)
    price = (sides.bids if side is Side.BUY else sides.asks)[0][0]
    order = child("one", side, price, 20 * LOT)
    assert market.rest(order, 10 * S) == ()
    assert market.sides(VENUE, SYMBOL, 10 * S) == sides  # what we show is no news to us
    made = run(market, 10, 130)
    assert {(name, at) for name, at, _ in made} <= {("one", price)}
    assert sum(units for _, _, units in made) in {0, order.qty_units}  # a part of one lot of the world fills whole


def test_one_that_would_take_is_refused_and_one_that_may_takes_first(market: FamilyMarket) -> None:
    sides = market.sides(VENUE, SYMBOL, 10 * S)
    best, there = sides.asks[0]
    assert market.rest(child("no", Side.BUY, best, 20 * LOT), 10 * S) is None
    wanted = there + 50 * LOT
    taken = market.rest(child("yes", Side.BUY, best, wanted, is_post_only=False), 10 * S)
    assert taken
    assert all(price <= best for price, _ in taken)
    assert sum(units for _, units in taken) <= wanted


def test_what_is_withdrawn_trades_no_more(market: FamilyMarket) -> None:
    sides = market.sides(VENUE, SYMBOL, 10 * S)
    market.rest(child("one", Side.BUY, sides.bids[0][0], 20 * LOT), 10 * S)
    before = run(market, 10, 11)
    market.withdraw("one", SYMBOL, 11 * S)
    market.withdraw("one", SYMBOL, 11 * S)
    late = market.made(VENUE, SYMBOL, 11 * S)
    assert sum(units for _, _, units in before) + sum(one.qty_units for one in late) <= 20 * LOT
    assert run(market, 12, 60) == []


def test_the_first_in_the_queue_fills_first(market: FamilyMarket) -> None:
    sides = market.sides(VENUE, SYMBOL, 10 * S)
    price = sides.bids[0][0]
    for name in ("first", "second", "third"):
        assert market.rest(child(name, Side.BUY, price, 20 * LOT), 10 * S) == ()
    order = [name for name, _, _ in run(market, 10, 200)]
    assert order == ["first", "second", "third"]


def test_its_tape_tells_the_worlds_trades_and_leaves_ours_out(market: FamilyMarket) -> None:
    told = [one for second in range(1, 60) for one in market.prints(VENUE, SYMBOL, second * S)]
    assert told
    for one in told:
        assert one.qty_units % LOT == 0
        assert one.price_units % TICK == 0
        assert one.aggressor is not None
    market.sides(VENUE, SYMBOL, 60 * S)
    market.prints(VENUE, SYMBOL, 60 * S)
    ask = market.sides(VENUE, SYMBOL, 60 * S).asks[0]
    taker = replace(child("take", Side.BUY, ask[0], LOT), time_in_force=TimeInForce.IOC, rest_until_ns=0)
    assert market.trade(taker, 60 * S)
    assert market.prints(VENUE, SYMBOL, 60 * S) == []
