"""Live money at a venue that nothing but our own exchange vouches for: none, or 1,000 dollars a child."""

from __future__ import annotations

from dataclasses import replace

import pytest

from app.domain.enums import ExclusionCode, RefusalCode, Side, TimeInForce
from app.domain.errors import OrderRefused
from app.domain.fills import ReportKind
from app.domain.instrument import FungibilityClass
from app.domain.orders import VenueFilter
from app.domain.units import NANO
from app.execution import inputs as inp
from app.risk import gate
from app.risk.exposure import capped_price_units
from tests.worlds import BTC_USDT, Desk, make_desk, make_order, report, sent

CAP = 1_000 * NANO


def capped_desk(caps: dict[str, int]) -> Desk:
    desk = make_desk()
    desk.core.world = replace(desk.core.world, child_cap_nano=caps)
    return desk


@pytest.mark.parametrize("side", list(Side))
@pytest.mark.parametrize("size", [{"qty_units": 20_000}, {"qty_units": None, "notional_nano": 12_000 * NANO}])
def test_no_child_of_any_wave_is_worth_more_than_the_cap(side: Side, size: dict[str, int | None]) -> None:
    desk = capped_desk({"ven_b": CAP, "ven_c": CAP})
    parent, children = desk.accepted(make_order(side=side, venues=VenueFilter(("ven_b", "ven_c")), **size))
    values = []
    while children:
        child = children.pop(0)
        judged = capped_price_units(child.price_units, side, 12_000_000)
        values.append(BTC_USDT.notional_nano(judged, child.qty_units))
        children += sent(desk.fill(child))
        desk.refresh()
    assert len(values) >= 4
    assert max(values) <= CAP
    assert max(values) > CAP * 8 // 10
    assert parent.n_waves >= 2


def test_a_venue_that_nobody_allowed_gets_nothing_and_says_why() -> None:
    desk = capped_desk({"ven_c": 0})
    parent, children = desk.accepted(make_order(qty_units=2_000))
    assert "ven_c" not in {child.venue for child in children}
    excluded = {x.venue: x.code for x in parent.routes[0][1].plan.excluded}
    assert excluded["ven_c"] is ExclusionCode.UNCERTIFIED


def test_with_no_certified_venue_an_order_is_refused() -> None:
    reply, _ = capped_desk(dict.fromkeys(("ven_a", "ven_b", "ven_c"), 0)).submit()
    assert isinstance(reply, inp.Failed)
    assert isinstance(reply.error, OrderRefused)
    assert (reply.error.code, reply.error.value) == (RefusalCode.VENUE_UNAVAILABLE, "uncertified")


def test_certified_venues_are_not_bounded() -> None:
    desk = capped_desk({"ven_a": CAP})
    _, children = desk.accepted(make_order(qty_units=20_000))
    assert max(BTC_USDT.notional_nano(c.price_units, c.qty_units) for c in children if c.venue != "ven_a") > CAP


def test_a_fill_or_kill_beyond_the_cap_is_refused_and_within_it_is_whole() -> None:
    desk = capped_desk(dict.fromkeys(("ven_a", "ven_b", "ven_c"), CAP))
    reply, _ = desk.submit(make_order(qty_units=2_000, time_in_force=TimeInForce.FOK))
    assert isinstance(reply, inp.Failed)
    _, (child,) = desk.accepted(make_order(qty_units=1_600, time_in_force=TimeInForce.FOK))
    assert child.qty_units == 1_600


def test_a_cap_in_dollars_does_not_fit_another_quote() -> None:
    desk = capped_desk(dict.fromkeys(("ven_a", "ven_b", "ven_c"), CAP))
    kind = FungibilityClass("BTC", "EUR", "EUR", BTC_USDT.fungible.kind)
    universe = desk.core.world.universe
    euro = replace(
        universe,
        symbols={BTC_USDT.name: replace(BTC_USDT, fungible=kind)},
        instruments={key: replace(i, fungible=kind) for key, i in universe.instruments.items()},
    )
    desk.core.world = replace(desk.core.world, universe=euro)
    reply, _ = desk.submit()
    assert isinstance(reply, inp.Failed)
    assert isinstance(reply.error, OrderRefused)
    assert reply.error.value == "uncertified"


@pytest.mark.parametrize(("lots", "is_refused"), [(1_666, False), (1_667, True)])
def test_the_gate_itself_holds_the_cap_to_the_lot(lots: int, is_refused: bool) -> None:
    desk = make_desk()
    parent, (child, *_) = desk.accepted(make_order(qty_units=5_000, venues=VenueFilter(("ven_a",))))
    desk.turn(inp.Report(report(child, ReportKind.REJECTED)))
    other = replace(child, qty_lots=lots, price_ticks=6_000_000)
    place = gate.Place(1, 1, CAP, 12_000_000)
    if not is_refused:
        assert gate.approve_child(other, parent, BTC_USDT, frozenset(), place).value is other
        return
    with pytest.raises(OrderRefused) as refused:
        gate.approve_child(other, parent, BTC_USDT, frozenset(), place)
    assert refused.value.code is RefusalCode.CREDIT_LIMIT
