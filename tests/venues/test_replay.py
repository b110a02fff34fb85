"""A replayed venue fills an IOC child from the levels it is shown, at its limit or better, and never more."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain.enums import ContractKind, Side, TimeInForce
from app.domain.errors import InvariantBroken
from app.domain.fees import FeeTier, fee_nano
from app.domain.fills import ReportKind
from app.domain.instrument import FungibilityClass, Instrument, Symbol
from app.domain.orders import ChildOrder
from app.venues.replay import ReplayVenue

SPOT = FungibilityClass("BTC", "USDT", "USDT", ContractKind.SPOT)
SYMBOL = Symbol("BTC/USDT", SPOT, 2, 5)
LOT = 10
VENUE = ReplayVenue(
    Instrument("alpha", SYMBOL.name, "BTCUSDT", SPOT, 1, LOT),
    SYMBOL,
    FeeTier("alpha", "base", 1000, 1000, 0, "simulated", "2026-01-01"),
)


def child(side: Side, price_ticks: int, qty_lots: int, venue: str = "alpha") -> ChildOrder:
    return ChildOrder(
        child_id="chd_1",
        client_id="C1",
        order_id="ord_1",
        account="desk",
        wave=1,
        venue=venue,
        symbol=SYMBOL.name,
        side=side,
        time_in_force=TimeInForce.IOC,
        price_ticks=price_ticks,
        qty_lots=qty_lots,
        tick_units=1,
        lot_units=LOT,
        deadline_ts_ns=100,
    )


def test_a_buy_walks_the_asks_up_to_its_limit() -> None:
    reports = VENUE.execute(child(Side.BUY, 102, 10), [(101, 40), (102, 30), (103, 500)], 201, 7)
    assert [(r.kind, r.price_ticks, r.qty_lots, r.cum_qty_lots) for r in reports] == [
        (ReportKind.FILLED, 101, 4, 4),
        (ReportKind.FILLED, 102, 3, 7),
        (ReportKind.EXPIRED, 0, 0, 7),
    ]
    assert reports[0].fee_nano == fee_nano(SYMBOL.money_nano(101, 40), 1000)
    assert (reports[0].mid_half_units, reports[0].venue_ts_ns) == (201, 7)
    assert len({r.venue_trade_id for r in reports[:2]}) == 2


def test_a_lot_over_two_levels_is_paid_at_the_worse_price() -> None:
    reports = VENUE.execute(child(Side.SELL, 98, 2), [(100, 15), (99, 5)], 201, 7)
    assert [(r.price_ticks, r.qty_lots) for r in reports] == [(100, 1), (99, 1)]


def test_a_child_that_comes_too_late_is_rejected() -> None:
    levels = [(101, 1000)]
    assert VENUE.execute(child(Side.BUY, 101, 1), levels, 201, 100)[0].kind is ReportKind.FILLED
    (report,) = VENUE.execute(child(Side.BUY, 101, 1), levels, 201, 101)
    assert (report.kind, report.code) == (ReportKind.REJECTED, "deadline_passed")


def test_an_empty_side_expires_the_child() -> None:
    (report,) = VENUE.execute(child(Side.BUY, 101, 1), [], 0, 7)
    assert (report.kind, report.cum_qty_lots) == (ReportKind.EXPIRED, 0)


def test_a_child_of_another_venue_is_our_bug() -> None:
    with pytest.raises(InvariantBroken):
        VENUE.execute(child(Side.BUY, 101, 1, venue="beta"), [], 0, 7)


@settings(deadline=None)
@given(
    side=st.sampled_from(Side),
    qtys=st.lists(st.integers(1, 60), max_size=8),
    steps=st.lists(st.integers(1, 3), min_size=8, max_size=8),
    reach=st.integers(-1, 12),
    qty_lots=st.integers(1, 30),
)
def test_fills_keep_limit_quantity_and_depth(
    side: Side, qtys: list[int], steps: list[int], reach: int, qty_lots: int
) -> None:
    prices = [1000 + side.sign * sum(steps[: i + 1]) for i in range(len(qtys))]
    levels = list(zip(prices, qtys, strict=True))
    limit = 1000 + side.sign * reach
    reports = VENUE.execute(child(side, limit, qty_lots), levels, 0, 7)
    fills = [r for r in reports if r.kind is ReportKind.FILLED]
    within = sum(q for p, q in levels if side.sign * (p - limit) <= 0)
    assert sum(r.qty_lots for r in fills) == min(qty_lots, within // LOT)
    assert all(side.sign * (r.price_ticks - limit) <= 0 for r in fills)
    is_whole = sum(r.qty_lots for r in fills) == qty_lots
    assert (reports[-1].kind is ReportKind.FILLED) == is_whole
    for cut in range(1, len(prices) + 1):
        taken = sum(r.qty_lots for r in fills if side.sign * (r.price_ticks - prices[cut - 1]) <= 0) * LOT
        assert taken <= sum(qtys[:cut])
