"""What an order in time is said to do is what it then does where nothing moves, and saying it writes nothing."""

from __future__ import annotations

import pytest

from app.domain.enums import Mode, Strategy
from app.domain.units import PPM
from app.execution import inputs as inp
from app.execution.context import Context
from app.execution.foresight import foresee
from app.execution.scheduled import approve_scheduled
from app.execution.stakes import gate_view
from tests.execution.test_scheduled import scheduled, with_tape
from tests.worlds import T0_NS, make_desk

S = 1_000_000_000


@pytest.mark.parametrize("strategy", [Strategy.TWAP, Strategy.VWAP])
def test_slices_sum_to_the_order_at_the_clocks_own_times(strategy: Strategy) -> None:
    desk = make_desk()
    with_tape(desk)
    order = scheduled(strategy)
    ctx = Context(desk.core.world, desk.core.ledger, desk.core.memory, desk.now_ns, inp.Turn())
    seq, view = desk.core.ledger.seq, gate_view(ctx, order, Mode.PAPER)
    found = foresee(ctx, view, approve_scheduled(ctx, order, view))
    assert sum(each.qty_units for each in found.slices) == order.qty_units == 1_000
    assert [each.at_ts_ns for each in found.slices] == [T0_NS + k * S for k in range(10)]
    assert found.planned is not None
    assert found.resting == ()
    assert desk.core.ledger.seq == seq


def test_a_pov_has_no_slices_of_its_own() -> None:
    desk = make_desk()
    with_tape(desk)
    order = scheduled(Strategy.POV, schedule={"rate_ppm": PPM // 10})
    ctx = Context(desk.core.world, desk.core.ledger, desk.core.memory, desk.now_ns, inp.Turn())
    view = gate_view(ctx, order, Mode.PAPER)
    assert foresee(ctx, view, approve_scheduled(ctx, order, view)).slices == ()
