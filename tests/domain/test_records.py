"""The records that facts begin: every field by its name, whatever the order in which they are given."""

from __future__ import annotations

from dataclasses import fields

from app.domain.enums import ChildState, ParentState
from app.domain.events import ChildSending, Fact, OrderAccepted
from app.domain.records import ChildRecord, ParentRecord, begun, sent
from tests.worlds import make_desk, make_order


def first(kind: type) -> Fact:
    desk = make_desk()
    desk.accepted(make_order())
    return next(fact for fact in desk.facts if isinstance(fact.event, kind))


def test_an_acceptance_begins_a_record_that_has_done_nothing() -> None:
    fact = first(OrderAccepted)
    event = fact.event
    assert isinstance(event, OrderAccepted)
    record = begun(fact, event)
    assert record.accepted is event
    assert (record.mode, record.state) == (event.mode, ParentState.ACCEPTED)
    assert record.created_ts_ns == record.updated_ts_ns == fact.ts_ns
    assert record.accepted_account_seq == record.last_account_seq == fact.account_seq
    assert (record.last_seq, record.version) == (fact.seq, 1)
    told = {"accepted", "mode", "state", "created_ts_ns", "updated_ts_ns", "accepted_account_seq", "last_account_seq"}
    rest = {field.name for field in fields(ParentRecord)} - told - {"last_seq", "version"}
    assert not any(getattr(record, name) for name in rest)
    assert begun(fact, event).children is not record.children


def test_a_sending_begins_a_childs_record() -> None:
    fact = first(ChildSending)
    event = fact.event
    assert isinstance(event, ChildSending)
    record = sent(event, fact.seq, fact.ts_ns)
    assert record.child is event.child
    assert record.state is ChildState.SENDING
    assert record.sent_ts_ns == record.updated_ts_ns == fact.ts_ns
    assert (record.last_seq, record.mid_half_units) == (fact.seq, event.mid_half_units)
    told = {"child", "state", "sent_ts_ns", "updated_ts_ns", "last_seq", "mid_half_units"}
    assert not any(getattr(record, field.name) for field in fields(ChildRecord) if field.name not in told)
