"""Others' trades on simulated venues: the recorded mean, whole lots, the touch, one seed one tape."""

from __future__ import annotations

import pytest

from app.domain.enums import Side
from app.venues.registry import load_universe
from app.venues.simulated_market import Sides
from app.venues.simulated_trades import FlowSpec, TradeFlow, load_flow_specs

S = 10**9
KEY = ("sim_alpha", "BTC/USDT")
SIDES = Sides(1, ((6_000_000, 10),), ((6_000_001, 10),))


def make_flow(seed: int = 7, spec: FlowSpec | None = None) -> TradeFlow:
    universe = load_universe()
    instrument, symbol = universe.instruments[KEY], universe.symbols[KEY[1]]
    return TradeFlow(spec or load_flow_specs()[KEY], symbol, instrument, seed, 0)


def test_every_listing_has_its_share_of_a_recorded_flow() -> None:
    universe, specs = load_universe(), load_flow_specs()
    assert set(specs) == set(universe.instruments)
    assert all(spec.trades_per_s > 0 and spec.mean_qty > 0 for spec in specs.values())


def test_the_volume_is_the_recorded_one_in_the_mean() -> None:
    """With thin tails, so that ten minutes tell: 20 trades a second of 0.02 for 600 s are 240 coins."""
    flow = make_flow(spec=FlowSpec(20.0, 0.02, 0.5))
    traded = [t for k in range(1, 6_001) for t in flow.since_last(SIDES, k * S // 10)]
    assert sum(t.qty_units for t in traded) / 1e5 == pytest.approx(240.0, rel=0.03)
    assert {t.aggressor for t in traded} == {Side.BUY, Side.SELL}
    assert {t.price_units for t in traded if t.aggressor is Side.BUY} == {6_000_001}
    assert {t.price_units for t in traded if t.aggressor is Side.SELL} == {6_000_000}


def test_the_same_seed_and_looks_give_the_same_trades() -> None:
    one, same, other = make_flow(), make_flow(), make_flow(8)
    looks = [k * S // 10 for k in range(1, 200)]
    tapes = [[flow.since_last(SIDES, at_ns) for at_ns in looks] for flow in (one, same, other)]
    assert tapes[0] == tapes[1] != tapes[2]


def test_no_book_no_trade_and_a_long_silence_is_not_caught_up() -> None:
    assert not make_flow().since_last(Sides(1, (), ()), 5 * S)
    flow = make_flow(spec=FlowSpec(100.0, 0.00001, 0.0001))
    told = flow.since_last(SIDES, 100_000 * S)
    assert sum(t.qty_units for t in told) < 1_000
    assert not flow.since_last(SIDES, 10 * S)  # time that runs backwards
