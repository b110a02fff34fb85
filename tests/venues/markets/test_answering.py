"""A family behind paper venues: the recorded price and depth, whole ticks and lots, and what we take is gone."""

import pytest

from app.domain.enums import Side, TimeInForce
from app.domain.errors import BadRequest
from app.domain.orders import ChildOrder
from app.venues.clock import SystemClock
from app.venues.exchange_spec import AnsweringMarket
from app.venues.markets.answering import MOST_CATCH_UP_NS, PUBLISH_NS, FamilyMarket, Scale
from app.venues.markets.families import FAMILIES
from app.venues.paper import make_exchanges
from app.venues.registry import SIMULATED, load_universe, read_table
from app.venues.simulated_market import SimulatedMarket, load_market_spec

UNIVERSE = load_universe()
VENUE, SYMBOL = "sim_alpha", "BTC/USDT"
INSTRUMENT = UNIVERSE.instruments[VENUE, SYMBOL]
S = 1_000_000_000


def child(side, limit_units, qty_units, *, is_whole=False):
    force = TimeInForce.FOK if is_whole else TimeInForce.IOC
    ticks, lots = limit_units // INSTRUMENT.tick_units, qty_units // INSTRUMENT.lot_units
    names = ("chd", "id-1", "ord", "desk", 1, VENUE, SYMBOL)
    return ChildOrder(*names, side, force, ticks, lots, INSTRUMENT.tick_units, INSTRUMENT.lot_units, 10**18)


@pytest.fixture(params=sorted(FAMILIES))
def market(request):
    return FamilyMarket(request.param, UNIVERSE, 7, 0)


def test_books_begin_at_the_recorded_price_in_whole_ticks_and_lots(market):
    starts = {row["name"]: row["start_price"] for row in read_table(SIMULATED)["symbols"]}
    for (venue, symbol), instrument in UNIVERSE.instruments.items():
        sides = market.sides(venue, symbol, 0)
        assert sides.bids[0][0] < sides.asks[0][0]
        mid = (sides.bids[0][0] + sides.asks[0][0]) / 2 / 10 ** UNIVERSE.symbols[symbol].price_scale
        assert mid == pytest.approx(starts[symbol], rel=2e-4)
        for price, qty in sides.bids + sides.asks:
            assert price > 0
            assert price % instrument.tick_units == 0
            assert qty > 0
            assert qty % instrument.lot_units == 0


def test_near_depth_is_about_the_recorded(market):
    """Within 1 bp, both sides' mean over a minute, against the spot book: 4.2 BTC, within a factor of 2."""
    depths = []
    for second in range(60):
        sides = market.sides(VENUE, SYMBOL, second * S)
        for side in (sides.bids, sides.asks):
            depths.append(sum(qty for price, qty in side if abs(price / side[0][0] - 1) < 1e-4) / 1e5)
    assert 2.1 < sum(depths) / len(depths) < 8.4


def test_what_we_take_is_gone_and_the_value_answers(market):
    now = 10 * S
    before = market.sides(VENUE, SYMBOL, now)
    value = market.value(SYMBOL)
    limit = before.asks[2][0]
    shown = sum(qty for price, qty in before.asks if price <= limit)
    got = market.trade(child(Side.BUY, limit, shown + 10**9), now)
    assert sum(qty for _, qty in got) >= shown  # hidden lots are there, too
    assert all(price <= limit for price, _ in got)
    after = market.sides(VENUE, SYMBOL, now)
    assert after.update_n == before.update_n + 1
    assert not after.asks or after.asks[0][0] > limit
    assert market.value(SYMBOL) >= value
    assert market.trade(child(Side.BUY, limit, 1), now) == ()


def test_a_part_of_a_lot_is_traded_to_the_unit(market):
    now = 10 * S
    best = market.sides(VENUE, SYMBOL, now).bids[0][0]
    got = market.trade(child(Side.SELL, best, 7), now)
    assert got == ((best, 7),)


@pytest.mark.parametrize("over", [0, 1])
def test_whole_or_nothing(market, over):
    now = 10 * S
    asks = market.sides(VENUE, SYMBOL, now).asks
    there = market._worlds[SYMBOL].scale.lot_units
    qty = (10**9 if over else 1) * there
    got = market.trade(child(Side.BUY, asks[1][0], qty, is_whole=True), now)
    assert sum(one for _, one in got) == (0 if over else qty)


def test_a_limit_below_every_price_gets_nothing(market):
    assert market.trade(child(Side.SELL, 10**12, 5), S) == ()
    assert market.trade(child(Side.BUY, 1, 5), S) == ()


def test_limits_between_ticks_are_rounded_to_our_safe_side():
    scale = Scale(offset_units=50, tick_units=100, lot_units=1)
    assert scale.limit_ticks(Side.BUY, 1049) == 9
    assert scale.limit_ticks(Side.BUY, 1050) == 10
    assert scale.limit_ticks(Side.SELL, 1050) == 10
    assert scale.limit_ticks(Side.SELL, 1051) == 11


def test_books_move_by_the_venues_beat_and_not_backwards(market):
    assert market.next_move_ns(VENUE, 0) == PUBLISH_NS
    assert market.next_move_ns(VENUE, PUBLISH_NS + 1) == 2 * PUBLISH_NS
    late = market.sides(VENUE, SYMBOL, 5 * S)
    assert market.sides(VENUE, SYMBOL, 4 * S) == late
    assert market.sides(VENUE, SYMBOL, 6 * S).update_n == late.update_n + 1
    assert market.refill_ns(VENUE, SYMBOL) == 0


def test_a_suspended_machine_does_not_catch_up(market):
    market.sides(VENUE, SYMBOL, 1000 * S)
    assert market._worlds[SYMBOL].market.now_ns == MOST_CATCH_UP_NS
    market.sides(VENUE, SYMBOL, 1001 * S)
    assert market._worlds[SYMBOL].market.now_ns == MOST_CATCH_UP_NS + S


def test_the_basic_market_stays_the_default(tmp_path):
    exchange = make_exchanges(UNIVERSE, SystemClock(), tmp_path, 7)[VENUE]
    assert isinstance(exchange.market, SimulatedMarket)
    assert not isinstance(SimulatedMarket(load_market_spec(UNIVERSE), 7, 0), AnsweringMarket)
    answering = make_exchanges(UNIVERSE, SystemClock(), tmp_path, 7, family="queue_reactive")[VENUE]
    assert isinstance(answering.market, AnsweringMarket)
    with pytest.raises(BadRequest):
        make_exchanges(UNIVERSE, SystemClock(), tmp_path, 7, family="magic")
