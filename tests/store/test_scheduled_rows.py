"""A parent in time, paused and amended, survives its row exactly."""

from __future__ import annotations

from app import models
from app.domain.scheduled import Amendment
from app.execution import inputs as inp
from app.store.rows import parent_record, parent_row
from tests.execution.test_scheduled import begun, scheduled
from tests.worlds import make_desk


def test_a_row_holds_where_a_schedule_stands_and_what_was_first_accepted() -> None:
    desk = make_desk()
    order_id = begun(desk, scheduled())
    desk.turn(inp.Pause("desk", order_id, "test"), inp.Amend("desk", order_id, "test", Amendment(qty_units=1_200)))
    parent = desk.core.ledger.parents[order_id]
    columns = [column.name for column in models.parent_orders.columns if column.computed is None]
    back = parent_record(dict(zip(columns, parent_row(parent), strict=True)))
    assert back.schedule == parent.schedule
    assert back.schedule is not None
    assert back.schedule.progress.is_paused
    assert (back.accepted, back.first) == (parent.accepted, parent.first)
    assert back.acknowledged.order.qty_units == 1_000
