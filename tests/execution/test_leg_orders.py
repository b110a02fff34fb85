"""What a leg asks for next: whole lots, a limit on a tick and within the collar, an id that nobody has."""

from __future__ import annotations

import pytest

from app.domain.enums import Mode, OrderType, Side, TimeInForce
from app.execution import inputs as inp
from app.execution.context import Context
from app.execution.leg_orders import first_order, is_dust, leg_order, limit_units_of, next_client_id, sized_units
from app.execution.stakes import gate_view
from app.risk.exposure import GateView
from tests.conditionals import definition, limit, stop, taken
from tests.worlds import Desk, make_desk, make_order


@pytest.fixture
def desk() -> Desk:
    return make_desk()


def context(desk: Desk) -> Context:
    return Context(desk.core.world, desk.core.ledger, desk.core.memory, desk.now_ns, inp.Turn())


def view(desk: Desk, limit_units: int | None, side: Side = Side.SELL) -> GateView:
    leg = limit(limit_units, side=side) if limit_units is not None else stop(1, side=side)
    return gate_view(context(desk), leg_order(definition(leg), leg, 300, "x"), Mode.PAPER)


def test_the_first_order_is_what_a_preview_shows() -> None:
    order = first_order(definition(stop(5_900_000, limit=5_890_000)))
    assert (order.order_type, order.limit_price_units, order.qty_units) == (OrderType.LIMIT, 5_890_000, 300)


def test_a_legs_order_is_immediate_and_a_slippage_cap_is_the_markets() -> None:
    asked = definition(stop(1), max_slippage_ppm=50)
    market = leg_order(asked, asked.legs[0], 200, "x")
    assert (market.time_in_force, market.order_type, market.max_slippage_ppm) == (
        TimeInForce.IOC,
        OrderType.MARKET,
        50,
    )
    assert leg_order(asked, limit(2), 200, "x").max_slippage_ppm is None


def test_quantities_are_what_some_venue_takes(desk: Desk) -> None:
    assert sized_units(view(desk, None), 123) == 123  # ven_a has lots of 1
    assert sized_units(view(desk, None), 8) == 0  # 4.80 USDT is below every minimum
    for venue in ("ven_a", "ven_b"):
        desk.turn(inp.SetVenue(venue, is_enabled=False, actor="test"))
    assert sized_units(view(desk, None), 323) == 300  # ven_c has lots of 100
    desk.turn(inp.SetVenue("ven_c", is_enabled=False, actor="test"))
    assert sized_units(view(desk, None), 323) == 0


def test_a_limit_is_on_a_tick_and_within_the_collar_the_tighter_way(desk: Desk) -> None:
    assert limit_units_of(view(desk, None)) is None
    assert limit_units_of(view(desk, 6_100_001)) == 6_100_001
    assert limit_units_of(view(desk, 5_000_000)) == 5_700_000
    assert limit_units_of(view(desk, 7_000_000, Side.BUY)) == 6_300_000
    for venue in ("ven_a", "ven_b"):
        desk.turn(inp.SetVenue(venue, is_enabled=False, actor="test"))
    assert limit_units_of(view(desk, 6_100_001)) == 6_100_050
    assert limit_units_of(view(desk, 6_100_001, Side.BUY)) == 6_100_000


def test_an_id_that_is_taken_is_passed_over(desk: Desk) -> None:
    asked = definition(stop(1))
    assert next_client_id(context(desk), asked, "cnd_1", 0, 1) == "cnd_1.order.1"
    desk.accepted(make_order(client_order_id="cnd_1.order.1"))
    assert next_client_id(context(desk), asked, "cnd_1", 0, 1) == "cnd_1.order.2"


def test_dust_is_what_no_venue_of_the_definition_takes(desk: Desk) -> None:
    record, _ = taken(desk, definition(stop(5_900_000)))
    assert is_dust(context(desk), record, 8)
    assert not is_dust(context(desk), record, 9)
