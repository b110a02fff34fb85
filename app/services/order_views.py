"""Orders as they stood right after a fact: `evolve` over some orders' facts only, and a frozen view of the outcome.

Much smaller than the engine's ledger: it can begin at any order's acceptance and forget a closed order.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Final

import msgspec

from app.domain import events as ev
from app.domain.enums import DoneReason, ExecType, OrderStatus, ParentState
from app.domain.events import Event, Fact
from app.domain.records import ChildRecord, ParentRecord
from app.execution.ledger import Ledger, evolve


class ChildView(msgspec.Struct, frozen=True, gc=False):
    """The child that a fact is about, right after it."""

    child_id: str
    venue: str
    venue_order_id: str
    status: OrderStatus
    cum_qty_units: int
    leaves_qty_units: int
    sent_ts_ns: int
    acked_ts_ns: int
    code: str
    text: str


class OrderView(msgspec.Struct, frozen=True, gc=False):
    """A parent right after one fact. `status_before` is None at its acceptance and in snapshots.

    `leaves_*` is what may still be placed or filled, zero once done; one of the two is None, as in the order.
    """

    accepted: ev.OrderAccepted
    status: OrderStatus
    status_before: OrderStatus | None
    cum_qty_units: int
    cum_money_nano: int
    cum_notional_nano: int
    leaves_qty_units: int | None
    leaves_notional_nano: int | None
    fees_nano: tuple[tuple[str, int], ...]
    done_reason: DoneReason | None
    done_detail: str
    route_id: str
    n_waves: int
    accepted_account_seq: int
    created_ts_ns: int
    updated_ts_ns: int
    child: ChildView | None


class OrderReplica:
    """Some orders of a log, folded in log order; facts of other orders may be missing."""

    def __init__(self, records: Iterable[ParentRecord] = ()) -> None:
        self._ledger = Ledger()
        self._statuses: dict[str, OrderStatus] = {}
        for record in records:
            self.adopt(record)

    def __len__(self) -> int:
        return len(self._ledger.parents)

    def __contains__(self, order_id: object) -> bool:
        return order_id in self._ledger.parents

    def knows(self, fact: Fact) -> bool:
        """Whether `fact` can be applied: it is about no order, its order is here, or begins with it."""
        order_id = order_id_of(fact.event)
        return not order_id or order_id in self._statuses or isinstance(fact.event, ev.OrderAccepted)

    def apply(self, fact: Fact) -> OrderView | None:
        """The order right after `fact`; None for a fact about no order."""
        order_id = order_id_of(fact.event)
        if not order_id:
            return None
        # The ledger checks that facts come without a gap; others' facts are left out here, so it is moved on first.
        self._ledger.seq = fact.seq - 1
        self._ledger.account_seqs[fact.account] = fact.account_seq - 1
        evolve(self._ledger, fact)
        parent = self._ledger.parents[order_id]
        status_before = self._statuses.get(order_id)
        status = self._statuses[order_id] = parent.status
        return _view(parent, status, status_before, child_id_of(fact.event))

    def open_orders(self, account: str) -> Iterable[ParentRecord]:
        """Oldest first."""
        return self._ledger.open_by_account.get(account, {}).values()

    def forget_closed(self, order_id: str, seq: int) -> None:
        """Drops the order if it is done and nothing came after `seq`."""
        parent = self._ledger.parents.get(order_id)
        if parent is not None and parent.state is ParentState.DONE and parent.last_seq <= seq:
            self._forget(parent)

    def shrink(self, n_orders: int) -> None:
        """Drops closed orders, oldest first, until at most `n_orders` are left (or only open ones)."""
        n_excess = len(self) - n_orders
        if n_excess > 0:
            closed = [parent for parent in self._ledger.parents.values() if parent.state is ParentState.DONE]
            for parent in closed[:n_excess]:
                self._forget(parent)

    def adopt(self, record: ParentRecord) -> None:
        """Takes a copy: the original is the engine's, which runs ahead of what is durable."""
        ledger = self._ledger
        order_id = record.order_id
        children = {child_id: replace(child) for child_id, child in record.children.items()}
        copy = replace(
            record,
            fees_nano=dict(record.fees_nano),
            children=children,
            fills=list(record.fills),
            routes=list(record.routes),
            paths=list(record.paths),
        )
        ledger.parents[order_id] = copy
        if record.state is not ParentState.DONE:
            ledger.open_parents[order_id] = copy
            ledger.open_by_account.setdefault(record.account, {})[order_id] = copy
        for child_id, child in children.items():
            ledger.child_parent[child_id] = order_id
            ledger.by_venue_client_id[child.child.client_id] = child_id
            if not child.state.is_terminal:
                ledger.live_children[child_id] = child
        ledger.fill_keys.update(fill.fill.key for fill in record.fills)
        self._statuses[order_id] = copy.status

    def _forget(self, parent: ParentRecord) -> None:
        ledger = self._ledger
        del ledger.parents[parent.order_id]
        del self._statuses[parent.order_id]
        ledger.by_client_id.pop((parent.account, parent.accepted.order.client_order_id), None)
        for child_id, child in parent.children.items():
            ledger.child_parent.pop(child_id, None)
            ledger.by_venue_client_id.pop(child.child.client_id, None)
            ledger.live_children.pop(child_id, None)
        for record in parent.fills:
            ledger.fill_keys.discard(record.fill.key)


def order_view(parent: ParentRecord, child_id: str = "") -> OrderView:
    """`parent` frozen as it stands, with its child `child_id` if that is given."""
    return _view(parent, parent.status, None, child_id)


def order_id_of(event: Event) -> str:
    """The parent that `event` is about, empty if none."""
    if isinstance(event, ev.ChildSending):
        return event.child.order_id
    return getattr(event, "order_id", "")


def child_id_of(event: Event) -> str:
    """The child that `event` is about, empty if none."""
    if isinstance(event, ev.ChildSending):
        return event.child.child_id
    return getattr(event, "child_id", "")


def exec_type_of(event: Event) -> ExecType:
    """FIX 150 of an order's fact: what happened."""
    if isinstance(event, ev.ChildFilled):
        return ExecType.TRADE_LATE if event.is_late else ExecType.TRADE
    if isinstance(event, ev.OrderDone):
        return _DONE_EXEC[event.reason]
    return _EXEC.get(type(event), ExecType.ORDER_STATUS)


_EXEC: Final[dict[type[Event], ExecType]] = {
    ev.OrderAccepted: ExecType.NEW,
    ev.RoutePlanned: ExecType.ROUTED,
    ev.CancelRequested: ExecType.PENDING_CANCEL,
    ev.OrderAmended: ExecType.REPLACED,
    ev.SchedulePaused: ExecType.SUSPENDED,
    ev.ScheduleResumed: ExecType.RESTATED,
}
# The last fill was the trade; that the order is done because of it is a change of status.
_DONE_EXEC: Final = {
    DoneReason.FILLED: ExecType.ORDER_STATUS,
    DoneReason.CANCELED: ExecType.CANCELED,
    DoneReason.EXPIRED: ExecType.EXPIRED,
    DoneReason.REJECTED: ExecType.REJECTED,
}


def _view(parent: ParentRecord, status: OrderStatus, status_before: OrderStatus | None, child_id: str) -> OrderView:
    order = parent.accepted.order
    is_done = parent.state is ParentState.DONE
    leaves_qty_units = leaves_notional_nano = None
    if order.qty_units is not None:
        leaves_qty_units = 0 if is_done else max(0, order.qty_units - parent.cum_qty_units)
    if order.notional_nano is not None:
        leaves_notional_nano = 0 if is_done else max(0, order.notional_nano - parent.cum_notional_nano)
    return OrderView(
        parent.accepted,
        status,
        status_before,
        parent.cum_qty_units,
        parent.cum_money_nano,
        parent.cum_notional_nano,
        leaves_qty_units,
        leaves_notional_nano,
        tuple(parent.fees_nano.items()),
        parent.done_reason,
        parent.done_detail,
        parent.route_id,
        parent.n_waves,
        parent.accepted_account_seq,
        parent.created_ts_ns,
        parent.updated_ts_ns,
        _child_view(parent.children[child_id]) if child_id else None,
    )


def _child_view(record: ChildRecord) -> ChildView:
    return ChildView(
        record.child.child_id,
        record.child.venue,
        record.venue_order_id,
        record.status,
        record.cum_qty_units,
        record.leaves_qty_units,
        record.sent_ts_ns,
        record.acked_ts_ns,
        record.code,
        record.text,
    )
