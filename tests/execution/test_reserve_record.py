"""Names are used once, bounds hold, and nothing leaves on the strength of what may be lost."""

from __future__ import annotations

from dataclasses import replace

import pytest

from app.domain.enums import DoneReason, KillScope, TimeInForce
from app.domain.events import (
    CancelRequested,
    ChildrenReserved,
    ChildSending,
    ChildUnknown,
    Event,
    Fact,
    KillSwitchCleared,
    OrderDone,
    VenueSet,
)
from app.execution.reserve_record import ReserveRecord, may_leave_ahead
from tests.execution.test_reserving import reserving_desk, standing, waiting

IOC = TimeInForce.IOC


def test_names_go_on_behind_what_was_reserved_and_passed_over() -> None:
    desk = reserving_desk()
    parent = waiting(desk, qty_units=1_000)
    children = standing(desk, parent)
    record, n = ReserveRecord(), len(children)
    assert record.n_named(parent) == 0
    event = ChildrenReserved("", parent.order_id, children)
    record.note(event)
    assert record.n_named(parent) == n
    record.note(event)
    assert record.n_named(parent) == 2 * n
    record.note_child(parent.order_id, children[1].client_id)  # it is a child now, and counts among those
    assert record.n_named(parent) == 2 * n - 1
    record.note(event)
    record.note_child(parent.order_id, "another")
    assert record.n_named(parent) == 3 * n - 1
    record.note(event)
    record.note(replace(event, children=()))
    assert record.n_named(parent) == 4 * n - 1
    record.forget(parent.order_id)
    assert (record.by_order, record.n_unborn) == ({}, {})


def test_a_child_is_covered_by_its_venues_bound_alone() -> None:
    desk = reserving_desk()
    parent = waiting(desk, qty_units=1_000)
    record = desk.core.ledger.reserved
    for n, child in enumerate(standing(desk, parent)):
        row = (child.venue, child.qty_lots, child.price_ticks, child.tick_units, child.lot_units, 0)
        assert record.n_before(parent, row, IOC) == n
        assert record.n_before(parent, (*row[:1], 1, child.price_ticks - 3, *row[3:]), IOC) == n
        for beyond in (
            ("elsewhere", *row[1:]),
            (row[0], row[1] + 1, *row[2:]),
            (*row[:2], row[2] + 1, *row[3:]),
        ):
            assert record.n_before(parent, beyond, IOC) is None
        assert record.n_before(parent, row, TimeInForce.FOK) is None
    record.forget(parent.order_id)
    assert record.n_before(parent, row, IOC) is None


def fact(event: Event) -> Fact:
    return Fact(1, 1, 1, event)


@pytest.mark.parametrize(
    ("event", "may"),
    [
        (ChildUnknown("desk", "ord_1", "chd_1", "no_answer"), True),
        (OrderDone("desk", "ord_2", DoneReason.FILLED, ""), True),
        (ChildrenReserved("", "ord_2", ()), True),
        (ChildrenReserved("", "ord_1", ()), False),
        (CancelRequested("desk", "ord_2", "t", "t"), True),
        (CancelRequested("desk", "ord_1", "t", "t"), False),
        (KillSwitchCleared("", KillScope.GLOBAL, "", "t"), False),
        (VenueSet("", "ven_a", True, "t"), False),
    ],
    ids=lambda value: getattr(value, "KIND", value),
)
def test_what_a_child_hangs_on_must_be_durable(event: Event, may: bool) -> None:
    assert may_leave_ahead({"ord_1"}, [fact(event)]) is may
    assert may_leave_ahead({"ord_1"}, [])


def test_its_own_facts_need_not_be() -> None:
    desk = reserving_desk()
    child = standing(desk, waiting(desk))[0]
    assert may_leave_ahead({child.order_id}, [fact(ChildSending("desk", child, 1, 0))])
    acceptance = next(f for f in desk.facts if f.event.KIND == "order_accepted")
    assert not may_leave_ahead({child.order_id}, [acceptance])
    assert may_leave_ahead({"another"}, [acceptance])
