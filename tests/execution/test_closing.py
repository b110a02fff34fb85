"""The end of a parent: one last fact, and a cost that a late fill rewrites."""

from __future__ import annotations

from app.domain import events as ev
from app.domain.enums import DoneReason
from app.domain.fills import ReportKind
from app.execution import inputs as inp
from tests.worlds import held_order, make_desk, make_order


def test_a_late_fill_judges_the_cost_again_at_the_closing_mid_of_the_end() -> None:
    desk = make_desk()
    parent, (child, *_) = desk.accepted(make_order(qty_units=100))
    desk.report(child, ReportKind.CANCELED, cum_qty_lots=0)
    while parent.done_reason is None:
        desk.wait(3_000)
        for record in list(parent.children.values()):
            if not record.state.is_terminal:
                desk.report(record.child, ReportKind.CANCELED, cum_qty_lots=0)
    first = parent.tca
    assert first is not None
    assert first.filled_qty_units == 0
    desk.fill(child)
    assert parent.tca is not None
    assert parent.tca.filled_qty_units == child.qty_units
    assert parent.tca.closing_mid_half_units == first.closing_mid_half_units


def test_an_order_that_ends_is_awaited_no_more() -> None:
    desk = make_desk()
    parent, _ = desk.accepted(held_order(limit_price_units=5_900_000))
    assert parent.order_id in desk.core.memory.awaited["BTC/USDT"]
    desk.turn(inp.Cancel("desk", parent.order_id, "test"))
    assert parent.done_reason is DoneReason.CANCELED
    assert "BTC/USDT" not in desk.core.memory.awaited
    assert parent.order_id not in desk.core.memory.next_replan_ns
    assert [type(f.event) for f in desk.facts[-2:]] == [ev.OrderDone, ev.TcaReported]
