"""A parent in time, paused and amended, survives its row exactly."""

from __future__ import annotations

import json

from app import models
from app.domain.bending import Outlook
from app.domain.scheduled import Amendment
from app.execution import inputs as inp
from app.store.rows import parent_record, parent_row
from tests.execution.test_bending import adaptive, under
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


def test_a_row_holds_a_bend_and_an_older_row_reads_as_unbent() -> None:
    desk = make_desk()
    under(desk, Outlook(2_000_000, 1_000_000, 1_000_000, 600))
    parent = desk.core.ledger.parents[begun(desk, adaptive())]
    assert parent.schedule is not None
    assert parent.schedule.bend is not None
    columns = [column.name for column in models.parent_orders.columns if column.computed is None]
    row = dict(zip(columns, parent_row(parent), strict=True))
    assert parent_record(row).schedule == parent.schedule
    plain = json.loads(row["schedule"])
    del plain["bend"]
    for name in ("max_tilt_ppm", "discretion_units", "is_discretion_past_limit"):
        del plain["schedule"][name]
    older = parent_record(row | {"schedule": json.dumps(plain)}).schedule
    assert older is not None
    assert (older.bend, older.schedule.max_tilt_ppm, older.schedule.discretion_units) == (None, 0, 0)
