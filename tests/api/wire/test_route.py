"""Plans on the wire: the laws of a route hold in its decimals."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from app.api.schemas.route import Route
from app.api.wire.route import check_json, route_json
from app.domain.enums import ExclusionCode, RefusalCode, Side
from app.domain.errors import OrderRefused
from app.domain.orders import VenueFilter
from app.domain.plan import Exclusion
from tests.worlds import BTC_USDT, VENUES, make_desk, make_order


def routes_of(order):
    desk = make_desk()
    record, _ = desk.accepted(order)
    universe = desk.core.world.universe
    return [route_json(fact.plan, BTC_USDT, universe, record.order_id) for _, fact in record.routes]


@settings(max_examples=40, deadline=None)
@given(st.integers(100, 100_000), st.sampled_from(Side), st.sampled_from([0, 1, 2]), st.booleans())
def test_the_laws_of_a_route(qty_units, side, max_venues, is_excluding):
    filters = VenueFilter(exclude=("ven_b",) if is_excluding else (), max_venues=max_venues)
    for body in routes_of(make_order(qty_units=qty_units, side=side, venues=filters)):
        route = Route.model_validate(body)
        assert route.requested_qty == route.allocated_qty + route.unallocated.qty
        assert sum((a.qty for a in route.allocations), Decimal(0)) == route.allocated_qty
        assert sum(part for _, part in route.cost_bps) == route.expected.total_bps
        for allocation in route.allocations:
            cost = allocation.cost_bps
            assert cost.price + cost.fee + cost.gas == cost.total
        named = [a.venue for a in route.allocations] + [x.venue for x in route.excluded]
        assert sorted(named) == sorted(VENUES)
        assert [a.rank for a in route.allocations] == list(range(1, len(route.allocations) + 1))
        for rival in route.alternatives:
            if rival.total_bps is not None:
                assert rival.total_bps >= route.expected.total_bps - Decimal("0.0001")


def test_the_all_in_price_is_worse_than_the_average_by_the_fee():
    (buy,) = routes_of(make_order(side=Side.BUY, qty_units=1_000))
    (sell,) = routes_of(make_order(side=Side.SELL, qty_units=1_000))
    assert Decimal(buy["expected"]["all_in_price"]) > Decimal(buy["expected"]["avg_price"])
    assert Decimal(sell["expected"]["all_in_price"]) < Decimal(sell["expected"]["avg_price"])


def test_every_exclusion_has_words():
    from app.api.wire.route import _exclusion

    for code in ExclusionCode:
        for exclusion in (Exclusion("v", code), Exclusion("v", code, limit=2_000_000_000, value=2_400_000_000)):
            row = _exclusion(exclusion, BTC_USDT)
            assert row["detail"]
            assert "{" not in row["detail"]
    stale = _exclusion(Exclusion("v", ExclusionCode.STALE_BOOK, 1_000_000_000, 2_400_000_000), BTC_USDT)
    assert stale["detail"] == "last update 2400 ms ago, limit 1000 ms"


def test_checks_say_what_was_asked_and_allowed():
    assert check_json("min_notional", None) == {
        "code": "min_notional",
        "ok": True,
        "limit": "",
        "actual": "",
        "unit": "",
        "hint": "",
    }
    refusal = OrderRefused(RefusalCode.MIN_NOTIONAL, limit="5", value="3", unit="USDT", hint="More.")
    assert check_json("min_notional", refusal)["actual"] == "3"
