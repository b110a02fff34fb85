"""A preview is what acceptance would do, and leaves no trace."""

from __future__ import annotations

from app.domain.enums import Mode
from app.domain.schedule import ScheduleUrgency
from tests.execution.test_queues import THIN, passive, split_desk
from tests.execution.test_scheduled import scheduled
from tests.worlds import make_desk, make_order


def test_preview_changes_nothing_and_tells_the_plan() -> None:
    desk = make_desk()
    seq = desk.core.ledger.seq
    preview = desk.core.preview(make_order(qty_units=300), Mode.PAPER, desk.now_ns)
    assert preview.planned is not None
    assert all(c.refusal is None for c in preview.checks)
    assert desk.core.ledger.seq == seq
    refused = desk.core.preview(make_order(qty_units=100_000_000), Mode.PAPER, desk.now_ns)
    assert refused.planned is None
    assert refused.checks[-1].refusal is not None


def test_a_preview_tells_where_the_slice_due_now_would_rest_and_writes_nothing() -> None:
    desk = split_desk(THIN)
    order = scheduled(schedule=passive())
    seq, n_turned = desk.core.ledger.seq, len(desk.core.ledger.turned_down)
    preview = desk.core.preview(order, Mode.PAPER, desk.now_ns)
    _, children = desk.submit(order)
    resting = [c for c in children if c.rests]
    assert [(p.venue, p.price_units, p.qty_units, p.rest_until_ns) for p in preview.resting] == [
        (c.venue, c.price_units, c.qty_units, c.rest_until_ns) for c in resting
    ]
    assert preview.planned is not None
    assert resting
    assert desk.facts[seq].event.KIND == "order_accepted"  # the first fact after the preview is the order's own
    assert len(desk.core.ledger.turned_down) == n_turned


def test_where_a_slice_would_cross_nothing_rests_in_its_preview() -> None:
    desk = split_desk(THIN)
    for order in (make_order(), scheduled(schedule={"urgency": ScheduleUrgency.URGENT})):
        assert desk.core.preview(order, Mode.PAPER, desk.now_ns).resting == ()
