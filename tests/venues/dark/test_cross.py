"""A simulated dark cross: hidden stock by a seeded stream, one execution at the lit mid, least quantities."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.enums import Side, TimeInForce
from app.domain.instrument import Instrument
from app.domain.orders import ChildOrder
from app.venues.dark.cross import DarkCross, HiddenLaw
from app.venues.simulated_market import Sides
from tests.venues.dark.lit import Lit
from tests.worlds import BTC_USDT, MS, T0_NS

LISTING = Instrument("dark", "BTC/USDT", "BTCUSDT", BTC_USDT.fungible, 10, 10, min_qty_lots=20)


def cross(*, seed: int = 7, lit: tuple[str, ...] = ("a", "b"), **law: Any) -> DarkCross:
    laws = HiddenLaw(step_units=100, empty_frac=0.0, tail=1.0, max_steps=50, renew_ns=500 * MS)
    return DarkCross("dark", Lit(), {"BTC/USDT": lit}, {"BTC/USDT": LISTING}, {"BTC/USDT": replace(laws, **law)}, seed)


def child(side: Side = Side.BUY, *, qty_lots: int = 10_000, least: int = 0, price_ticks: int = 0) -> ChildOrder:
    ticks = price_ticks or (700_000 if side is Side.BUY else 1)
    return ChildOrder(
        "chd_1",
        "1",
        "o",
        "desk",
        1,
        "dark",
        "BTC/USDT",
        side,
        TimeInForce.IOC,
        ticks,
        qty_lots,
        10,
        10,
        0,
        min_qty_lots=least,
    )


def test_it_shows_nothing() -> None:
    market = cross()
    assert market.sides("dark", "BTC/USDT", T0_NS) == Sides(0, (), ())
    assert (market.refill_ns("dark", "BTC/USDT"), market.next_move_ns("dark", T0_NS)) == (0, 0)


def test_it_trades_at_the_lit_mid_rounded_against_us() -> None:
    for side, price_units in ((Side.BUY, 6_000_100), (Side.SELL, 6_000_100)):
        ((found, qty),) = cross().trade(child(side), T0_NS)
        assert (found, qty % LISTING.lot_units) == (price_units, 0)
    ((buys, _),) = cross(lit=("a", "b", "b")).trade(child(Side.BUY), T0_NS)
    ((sells, _),) = cross(lit=("a", "b", "b")).trade(child(Side.SELL), T0_NS)
    assert (buys, sells) == (6_000_120, 6_000_110)


def test_beyond_its_limit_or_without_a_mid_nothing_trades() -> None:
    assert not cross().trade(child(price_ticks=600_009), T0_NS)
    assert not cross().trade(child(Side.SELL, price_ticks=600_011), T0_NS)
    assert not cross(lit=("empty",)).trade(child(), T0_NS)


def test_what_was_taken_is_gone_until_the_next_draw() -> None:
    market = cross()
    ((_, first),) = market.trade(child(), T0_NS)
    assert not market.trade(child(), T0_NS + 1)
    assert market.trade(child(), T0_NS + 500 * MS) == cross().trade(child(), T0_NS + 500 * MS)
    assert market.trade(child(Side.SELL), T0_NS + 1)  # the other side is its own
    assert first % 100 == 0


def test_below_a_least_execution_nothing_trades_and_nothing_is_taken() -> None:
    ((_, there),) = cross().trade(child(), T0_NS)
    market = cross()
    lots = there // LISTING.lot_units
    assert not market.trade(child(least=lots + 1), T0_NS)
    assert market.trade(child(least=lots), T0_NS) == ((6_000_100, there),)
    assert not cross(step_units=100, max_steps=1).trade(child(), T0_NS)  # the venue's own least is 200 units


def test_an_empty_law_hides_nothing() -> None:
    assert not any(cross(empty_frac=1.0).trade(child(), T0_NS + i * 500 * MS) for i in range(50))


@given(st.integers(0, 10**6), st.integers(0, 10**4), st.integers(1, 3_000), st.integers(0, 300))
def test_laws_of_one_execution(seed: int, interval: int, qty_lots: int, least: int) -> None:
    now_ns = T0_NS + interval * 500 * MS
    one = child(qty_lots=qty_lots, least=min(least, qty_lots))
    found = cross(seed=seed, empty_frac=0.3).trade(one, now_ns)
    assert found == cross(seed=seed, empty_frac=0.3).trade(one, now_ns)
    assert len(found) <= 1
    for price_units, qty_units in found:
        assert price_units % LISTING.tick_units == 0
        assert max(one.min_qty_lots, LISTING.min_qty_lots) * 10 <= qty_units <= min(one.qty_units, 50 * 100)


def test_chances_are_those_of_the_law() -> None:
    market = cross(empty_frac=0.4, tail=1.0, max_steps=3, step_units=1_000)
    drawn = [market.trade(child(), T0_NS + i * 500 * MS) for i in range(4_000)]
    sizes = [levels[0][1] if levels else 0 for levels in drawn]
    weight = 1 + 1 / 2 + 1 / 3
    for size, frac in ((0, 0.4), (1_000, 0.6 / weight), (2_000, 0.3 / weight), (3_000, 0.2 / weight)):
        assert sizes.count(size) / 4_000 == pytest.approx(frac, abs=0.03)
