"""One wave: its children are the plan's allocations, within the parent and its cap."""

from __future__ import annotations

from app.domain import events as ev
from app.domain.enums import TimeInForce
from tests.worlds import make_desk, make_order


def test_a_wave_is_one_plan_and_one_intent_per_allocation() -> None:
    desk = make_desk()
    parent, children = desk.accepted(make_order(qty_units=5_000))
    (_, planned), *_ = parent.routes
    assert [(c.venue, c.qty_lots) for c in children] == [(a.venue, a.qty_lots) for a in planned.plan.allocations]
    assert {c.wave for c in children} == {1}
    assert {c.time_in_force for c in children} == {TimeInForce.IOC}
    assert all(c.price_units <= parent.accepted.price_cap_units for c in children)
    assert sum(isinstance(f.event, ev.ChildSending) for f in desk.facts) == len(children)


def test_an_order_that_must_be_whole_is_sent_fill_or_kill() -> None:
    desk = make_desk()
    _, children = desk.accepted(make_order(time_in_force=TimeInForce.FOK))
    assert [c.time_in_force for c in children] == [TimeInForce.FOK]
