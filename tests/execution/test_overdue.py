"""Children whose end is due and not proven are told, keep their exposure, and end by an operator's evidence alone."""

from __future__ import annotations

from dataclasses import replace

import pytest

from app.domain import events as ev
from app.domain.enums import ChildState, ParentState, TimeInForce
from app.domain.errors import BadRequest
from app.domain.fills import ReportKind
from app.domain.orders import ChildOrder, ParentOrder, VenueFilter
from app.execution import inputs as inp
from app.execution.context import Memory
from app.execution.ledger import Ledger, fold
from app.execution.overdue import OVERDUE_NS, overdue_children
from tests.worlds import MS, Desk, make_desk, make_order

OVERDUE_MS = OVERDUE_NS // MS


@pytest.fixture
def desk() -> Desk:
    return make_desk()


def alone() -> ParentOrder:
    """An order of one child."""
    return make_order(qty_units=100, venues=VenueFilter(include=("ven_a",)))


def names(desk: Desk) -> list[str]:
    return [late.record.child.child_id for late in overdue_children(desk.core.ledger, desk.core.memory, desk.now_ns)]


def silent_end(desk: Desk, child: ChildOrder) -> None:
    """The venue answers every question with what it knows, and never says how the child ended."""
    desk.fill(child, lots=1, trade_id="told")
    for _ in range(OVERDUE_MS // 500 + 10):
        desk.wait(500)
        desk.report(child, ReportKind.ACKED)


def settled(desk: Desk, child: ChildOrder, evidence: str = "statement 17") -> inp.Turn:
    return desk.turn(inp.Resolve("desk", child.order_id, child.child_id, "ops", evidence))


def why(turn: inp.Turn) -> tuple[str, str]:
    (reply,) = turn.replies
    assert isinstance(reply, inp.Failed) and isinstance(reply.error, BadRequest)
    return reply.error.code, reply.error.detail


def test_one_that_its_venue_never_ends_is_overdue_and_keeps_its_exposure(desk: Desk) -> None:
    parent, (child, *_) = desk.accepted(alone())
    silent_end(desk, child)
    record = parent.children[child.child_id]
    assert names(desk) == [child.child_id]
    assert not record.state.is_terminal
    assert record.leaves_qty_units == child.qty_units - child.lot_units


@pytest.mark.parametrize(("more_ns", "is_told"), [(-1, False), (0, True), (1, True)])
def test_a_minute_after_its_end_was_due(desk: Desk, more_ns: int, is_told: bool) -> None:
    _, (child, *_) = desk.accepted(alone())
    desk.report(child, ReportKind.ACKED)
    desk.now_ns = child.deadline_ts_ns + OVERDUE_NS + more_ns
    assert bool(names(desk)) is is_told


def test_an_unknown_one_is_overdue_a_minute_after_it_was_lost(desk: Desk) -> None:
    _, (child, *_) = desk.accepted(alone())
    desk.report(child, ReportKind.UNKNOWN)
    desk.now_ns += OVERDUE_NS - 1
    assert not names(desk)
    desk.now_ns += 1
    assert names(desk) == [child.child_id]


def test_it_ends_by_evidence_once_its_order_is_canceled_and_nothing_is_sent_again(desk: Desk) -> None:
    parent, (child, *_) = desk.accepted(alone())
    silent_end(desk, child)
    assert why(settled(desk, child))[0] == "not_unknown", "the rest of its order would be sent once more"
    desk.turn(inp.Cancel("desk", parent.order_id, "ops", "client"))
    assert why(settled(desk, child, " "))[0] == "evidence_missing"
    n_before = len(desk.facts)
    turn = settled(desk, child)
    assert [type(fact.event) for fact in desk.facts[n_before:]][:2] == [ev.ChildUnknown, ev.ChildResolved]
    assert parent.children[child.child_id].state is ChildState.CANCELED
    assert parent.state is ParentState.DONE
    assert not [command for command in turn.commands if isinstance(command, inp.SendChild)]
    assert not names(desk)
    assert fold(desk.facts) == desk.core.ledger
    desk.fill(child, lots=1, trade_id="told late")
    assert parent.cum_qty_units == 2 * child.lot_units, "what is told later still counts"


def test_one_that_is_not_due_is_the_venues(desk: Desk) -> None:
    parent, (child, *_) = desk.accepted(alone())
    desk.report(child, ReportKind.ACKED)
    desk.turn(inp.Cancel("desk", parent.order_id, "ops", "client"))
    assert why(settled(desk, child))[0] == "not_unknown"
    desk.fill(child)
    desk.now_ns += 2 * OVERDUE_NS
    assert "filled" in why(settled(desk, child))[1], "what has ended is never ended again"


def test_what_rests_is_overdue_only_when_it_is_wished_away(desk: Desk) -> None:
    parent, (child, *_) = desk.accepted(alone())
    desk.report(child, ReportKind.ACKED)
    record = parent.children[child.child_id]
    resting = replace(record, child=replace(child, time_in_force=TimeInForce.GTC, rest_until_ns=2**62))
    memory = Memory(canceling_ns={child.child_id: desk.now_ns})
    later_ns = desk.now_ns + OVERDUE_NS
    for each, since_ns, is_told in (
        (resting, later_ns, False),
        (replace(resting, is_canceling=True), later_ns, True),
        (replace(resting, is_canceling=True), later_ns - 1, False),
    ):
        ledger = Ledger(live_children={child.child_id: each})
        assert bool(list(overdue_children(ledger, memory, since_ns))) is is_told
