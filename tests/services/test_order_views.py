"""The view of an order after each fact equals the engine's own ledger at that fact."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain import events as ev
from app.domain.enums import DoneReason, ExecType, OrderStatus, ParentState
from app.execution.ledger import Ledger, evolve
from app.services.order_views import OrderReplica, OrderView, exec_type_of, order_id_of, order_view
from tests.services.fact_stories import Story


def assert_equals_record(view: OrderView, ledger: Ledger) -> None:
    parent = ledger.parents[view.accepted.order_id]
    order = parent.accepted.order
    is_done = parent.state is ParentState.DONE
    assert view.status is parent.status
    assert view.cum_qty_units == parent.cum_qty_units
    assert view.cum_money_nano == parent.cum_money_nano
    assert view.cum_notional_nano == parent.cum_notional_nano
    assert dict(view.fees_nano) == parent.fees_nano
    assert view.done_reason is parent.done_reason
    assert view.done_detail == parent.done_detail
    assert (view.n_waves, view.route_id) == (parent.n_waves, parent.route_id)
    assert (view.created_ts_ns, view.updated_ts_ns) == (parent.created_ts_ns, parent.updated_ts_ns)
    assert view.accepted_account_seq == parent.accepted_account_seq
    if order.qty_units is not None:
        assert view.leaves_qty_units == (0 if is_done else max(0, order.qty_units - parent.cum_qty_units))
        assert view.leaves_notional_nano is None
    if view.child is not None:
        child = parent.children[view.child.child_id]
        assert view.child.status is child.status
        assert view.child.leaves_qty_units == child.leaves_qty_units
        assert view.child.cum_qty_units == child.cum_qty_units
        assert (view.child.code, view.child.text) == (child.code, child.text)
        assert (view.child.sent_ts_ns, view.child.acked_ts_ns) == (child.sent_ts_ns, child.acked_ts_ns)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10**6))
def test_view_after_each_fact_equals_the_ledger(seed: int) -> None:
    story = Story(seed)
    story.grow(250)
    ledger, folds = Ledger(), OrderReplica()
    status_before: dict[str, OrderStatus] = {}
    for fact in story.facts:
        evolve(ledger, fact)
        view = folds.apply(fact)
        order_id = order_id_of(fact.event)
        assert (view is None) == (not order_id)
        if view is not None:
            assert_equals_record(view, ledger)
            assert view.status_before == status_before.get(order_id)
            status_before[order_id] = view.status
    for account in story.accounts:
        open_ids = [order.order_id for order in folds.open_orders(account)]
        assert open_ids == [p.order_id for p in ledger.open_parents.values() if p.account == account]


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 200))
def test_folds_taken_over_from_records_go_on_as_if_they_had_seen_everything(seed: int, n_before: int) -> None:
    story = Story(seed)
    story.grow(n_before)
    taken = OrderReplica(story.ledger.open_parents.values())
    seen = OrderReplica()
    for fact in story.facts:
        seen.apply(fact)
    for fact in story.grow(150):
        expected = seen.apply(fact)
        if taken.knows(fact):
            assert taken.apply(fact) == expected


def test_taking_over_a_record_does_not_share_it() -> None:
    story = Story(3)
    order_id = story.accept()
    story.plan(order_id)
    record = story.ledger.parents[order_id]
    folds = OrderReplica([record])
    child_id = next(iter(record.children))
    fact = story.fill(order_id, child_id, 1000)  # the engine runs ahead
    view = order_view(next(iter(folds.open_orders(record.account))), child_id)
    assert view.cum_qty_units == 0
    after = folds.apply(fact)
    assert after is not None and after.cum_qty_units == 1000 and view.cum_qty_units == 0


def test_a_closed_order_is_forgotten_only_when_nothing_came_after() -> None:
    story = Story(5)
    order_id = story.accept()
    story.plan(order_id)
    done = story.tell(ev.OrderDone(story.ledger.parents[order_id].account, order_id, DoneReason.CANCELED, ""))
    folds = OrderReplica()
    for fact in story.facts:
        folds.apply(fact)
    folds.forget_closed(order_id, done.seq - 1)
    assert len(folds) == 1
    folds.forget_closed(order_id, done.seq)
    assert len(folds) == 0


def test_shrink_keeps_open_orders_and_drops_the_oldest_closed_ones() -> None:
    story = Story(6)
    ids = [story.accept() for _ in range(6)]
    for order_id in ids[:4]:
        story.tell(ev.OrderDone(story.ledger.parents[order_id].account, order_id, DoneReason.EXPIRED, ""))
    folds = OrderReplica()
    for fact in story.facts:
        folds.apply(fact)
    folds.shrink(3)
    assert [order_id in folds for order_id in ids] == [False, False, False, True, True, True]
    folds.shrink(1)
    assert [order_id in folds for order_id in ids] == [False, False, False, False, True, True]


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        (DoneReason.FILLED, ExecType.ORDER_STATUS),
        (DoneReason.CANCELED, ExecType.CANCELED),
        (DoneReason.EXPIRED, ExecType.EXPIRED),
        (DoneReason.REJECTED, ExecType.REJECTED),
    ],
)
def test_exec_type_of_the_end_of_an_order(reason: DoneReason, expected: ExecType) -> None:
    assert exec_type_of(ev.OrderDone("a", "o", reason, "")) is expected


def test_exec_type_tells_a_late_trade_from_a_trade() -> None:
    story = Story(8)
    order_id = story.accept()
    story.plan(order_id)
    child_id = next(iter(story.ledger.parents[order_id].children))
    assert exec_type_of(story.fill(order_id, child_id, 1000).event) is ExecType.TRADE
    story.tell(ev.ChildCanceled(story.ledger.parents[order_id].account, order_id, child_id, -1, "venue"))
    assert exec_type_of(story.late_fill(order_id).event) is ExecType.TRADE_LATE
