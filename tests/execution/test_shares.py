"""Armed, used, left: sums over the ledger."""

from __future__ import annotations

import pytest

from app.domain.conditions import LegState, OtoTrigger, pools
from app.domain.enums import DoneReason
from app.domain.fills import ReportKind
from app.execution import shares
from tests.conditionals import bracket, definition, move, oco, stop, taken
from tests.worlds import Desk, make_desk


@pytest.fixture
def desk() -> Desk:
    return make_desk()


def test_an_open_order_counts_whole_and_a_done_one_with_its_fills(desk: Desk) -> None:
    record, _ = taken(desk, definition(stop(5_900_000)))
    (pool,) = pools(record.definition)
    ledger = desk.core.ledger
    assert shares.used_units(ledger, record, pool) == 0
    (child,) = move(desk, 5_890_000)
    assert shares.used_units(ledger, record, pool) == 300
    desk.report(child, ReportKind.UNKNOWN)
    assert shares.used_units(ledger, record, pool) == 300
    desk.fill(child)
    assert (shares.used_units(ledger, record, pool), shares.filled_units(ledger, record, pool)) == (300, 300)
    assert record.done_reason is DoneReason.FILLED


@pytest.mark.parametrize("how", OtoTrigger)
def test_an_entrys_fills_arm_its_exits_as_stated(desk: Desk, how: OtoTrigger) -> None:
    record, entry = taken(desk, *bracket(3_000, oto_trigger=how))
    exits = pools(record.definition)[1]
    ledger = desk.core.ledger
    desk.fill(entry[0], 1)
    armed = entry[0].lot_units if how is OtoTrigger.PARTIAL else 0
    assert shares.armed_units(ledger, record, exits) == armed
    assert shares.is_armed(ledger, record, exits) is bool(armed)
    assert not shares.is_entry_over(ledger, record)
    assert shares.leg_state(ledger, record, 2) is (LegState.ARMED if armed else LegState.WAITING)


def test_an_oco_reserves_its_worst_leg_once(desk: Desk) -> None:
    record, _ = taken(desk, oco())
    symbol = desk.core.world.universe.symbols["BTC/USDT"]
    held = shares.reserve(desk.core.ledger, record, symbol)
    assert (held.buy_units, held.sell_units) == (0, 300)
    assert held.notional_nano == symbol.notional_nano(6_100_000, 300)


def test_what_is_at_a_venue_is_the_orders_own_and_no_longer_held_back(desk: Desk) -> None:
    record, _ = taken(desk, oco())
    move(desk, 5_890_000)
    symbol = desk.core.world.universe.symbols["BTC/USDT"]
    assert shares.reserve(desk.core.ledger, record, symbol) == shares.Reserve(0, 0, 0)


def test_orders_come_leg_by_leg(desk: Desk) -> None:
    record, entry = taken(desk, *bracket())
    desk.fill(entry[0])
    move(desk, 5_890_000)
    found = [shares.orders_of(desk.core.ledger, record, pool) for pool in pools(record.definition)]
    assert [[o.order_id for o in orders] for orders in found] == [record.legs[0].order_ids, record.legs[2].order_ids]
