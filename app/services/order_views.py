"""Orders as they stood right after a fact, from the facts of that order alone.

A projection beside the engine's ledger, much smaller: it can begin at any order's acceptance, forget a closed order,
and is asked for a frozen view after every fact. States step through the same tables as the ledger's, and a test holds
the two equal after each fact.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final

import msgspec

from app.domain import events as ev
from app.domain.enums import ChildState, DoneReason, ExecType, OrderStatus, ParentState, child_status, parent_status
from app.domain.events import Event, Fact
from app.domain.orders import ChildOrder
from app.domain.records import ParentRecord
from app.execution.machine import ChildStep, next_child, next_parent


class ChildView(msgspec.Struct, frozen=True, gc=False):
    """The child that a fact is about, right after it."""

    child_id: str
    venue: str
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


class FillView(msgspec.Struct, frozen=True, gc=False):
    """A fill with its place in the log."""

    account_seq: int
    ts_ns: int
    fill: ev.ChildFilled


class _Child(msgspec.Struct, gc=False):
    child: ChildOrder
    state: ChildState
    sent_ts_ns: int
    cum_qty_units: int = 0
    is_canceling: bool = False
    acked_ts_ns: int = 0
    code: str = ""
    text: str = ""

    def view(self) -> ChildView:
        leaves_qty_units = 0 if self.state.is_terminal else max(0, self.child.qty_units - self.cum_qty_units)
        return ChildView(
            self.child.child_id,
            self.child.venue,
            child_status(self.state, is_canceling=self.is_canceling),
            self.cum_qty_units,
            leaves_qty_units,
            self.sent_ts_ns,
            self.acked_ts_ns,
            self.code,
            self.text,
        )


class OrderFold(msgspec.Struct):
    """One order under its facts. `status` and `fees_nano` are kept ready, because they are asked for after each."""

    accepted: ev.OrderAccepted
    state: ParentState
    status: OrderStatus
    done_reason: DoneReason | None
    done_detail: str
    cum_qty_units: int
    cum_money_nano: int
    cum_notional_nano: int
    fees_nano: tuple[tuple[str, int], ...]
    is_canceling: bool
    n_waves: int
    route_id: str
    accepted_account_seq: int
    created_ts_ns: int
    updated_ts_ns: int
    last_seq: int
    children: dict[str, _Child]
    fills: list[FillView]

    @property
    def is_done(self) -> bool:
        return self.state is ParentState.DONE

    def view(self, child_id: str = "", status_before: OrderStatus | None = None) -> OrderView:
        """This order frozen as it stands, with the child `child_id` if that is given."""
        order = self.accepted.order
        leaves_qty_units = leaves_notional_nano = None
        if order.qty_units is not None:
            leaves_qty_units = 0 if self.is_done else max(0, order.qty_units - self.cum_qty_units)
        if order.notional_nano is not None:
            leaves_notional_nano = 0 if self.is_done else max(0, order.notional_nano - self.cum_notional_nano)
        return OrderView(
            self.accepted,
            self.status,
            status_before,
            self.cum_qty_units,
            self.cum_money_nano,
            self.cum_notional_nano,
            leaves_qty_units,
            leaves_notional_nano,
            self.fees_nano,
            self.done_reason,
            self.done_detail,
            self.route_id,
            self.n_waves,
            self.accepted_account_seq,
            self.created_ts_ns,
            self.updated_ts_ns,
            self.children[child_id].view() if child_id else None,
        )

    def _restate(self) -> None:
        """Derives the status again: whatever touches state, fills, flags or children ends here."""
        is_unknown = False
        for child in self.children.values():
            if child.state is ChildState.UNKNOWN:
                is_unknown = True
            elif not child.state.is_terminal:
                is_unknown = False
                break
        self.status = parent_status(
            self.state,
            self.done_reason,
            has_fills=self.cum_qty_units > 0,
            is_canceling=self.is_canceling,
            is_unknown=is_unknown,
        )


class OrderFolds:
    """Orders of a log, folded in log order; facts of orders that are not wanted may be missing."""

    def __init__(self, records: Iterable[ParentRecord] = ()) -> None:
        self._orders: dict[str, OrderFold] = {record.order_id: _copied(record) for record in records}
        self._open: dict[str, dict[str, OrderFold]] = {}
        for order_id, order in self._orders.items():
            self._open.setdefault(order.accepted.account, {})[order_id] = order

    def __len__(self) -> int:
        return len(self._orders)

    def knows(self, fact: Fact) -> bool:
        """Whether `fact` can be applied: it is about no order, its order is here, or begins with it."""
        order_id = order_id_of(fact.event)
        return not order_id or order_id in self._orders or isinstance(fact.event, ev.OrderAccepted)

    def apply(self, fact: Fact) -> OrderView | None:
        """The order right after `fact`; None for a fact about no order."""
        event = fact.event
        if isinstance(event, ev.OrderAccepted):
            order = _accepted(fact, event)
            self._orders[event.order_id] = order
            self._open.setdefault(event.account, {})[event.order_id] = order
            return order.view()
        order_id = order_id_of(event)
        if not order_id:
            return None
        order = self._orders[order_id]
        status_before = order.status
        order.updated_ts_ns = fact.ts_ns
        order.last_seq = fact.seq
        step = _STEPS.get(type(event))
        if step is not None:
            step(order, fact, event)
            order._restate()
        if isinstance(event, ev.OrderDone):
            del self._open[event.account][order_id]
        return order.view(child_id_of(event), status_before)

    def open_orders(self, account: str) -> Iterable[OrderFold]:
        """Oldest first."""
        return self._open.get(account, {}).values()

    def forget_closed(self, order_id: str, seq: int) -> None:
        """Drops the order if it is done and nothing came after `seq`."""
        order = self._orders.get(order_id)
        if order is not None and order.is_done and order.last_seq <= seq:
            del self._orders[order_id]

    def shrink(self, n_orders: int) -> None:
        """Drops closed orders, oldest first, until at most `n_orders` are left (or only open ones)."""
        n_excess = len(self._orders) - n_orders
        if n_excess > 0:
            closed = [order_id for order_id, order in self._orders.items() if order.is_done]
            for order_id in closed[:n_excess]:
                del self._orders[order_id]


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
}
# The last fill was the trade; that the order is done because of it is a change of status.
_DONE_EXEC: Final = {
    DoneReason.FILLED: ExecType.ORDER_STATUS,
    DoneReason.CANCELED: ExecType.CANCELED,
    DoneReason.EXPIRED: ExecType.EXPIRED,
    DoneReason.REJECTED: ExecType.REJECTED,
}


def _accepted(fact: Fact, event: ev.OrderAccepted) -> OrderFold:
    return OrderFold(
        accepted=event,
        state=ParentState.ACCEPTED,
        status=OrderStatus.NEW,
        done_reason=None,
        done_detail="",
        cum_qty_units=0,
        cum_money_nano=0,
        cum_notional_nano=0,
        fees_nano=(),
        is_canceling=False,
        n_waves=0,
        route_id="",
        accepted_account_seq=fact.account_seq,
        created_ts_ns=fact.ts_ns,
        updated_ts_ns=fact.ts_ns,
        last_seq=fact.seq,
        children={},
        fills=[],
    )


def _copied(record: ParentRecord) -> OrderFold:
    """A copy of the engine's record: the original runs ahead of what is durable."""
    return OrderFold(
        accepted=record.accepted,
        state=record.state,
        status=record.status,
        done_reason=record.done_reason,
        done_detail=record.done_detail,
        cum_qty_units=record.cum_qty_units,
        cum_money_nano=record.cum_money_nano,
        cum_notional_nano=record.cum_notional_nano,
        fees_nano=tuple(record.fees_nano.items()),
        is_canceling=record.is_canceling,
        n_waves=record.n_waves,
        route_id=record.route_id,
        accepted_account_seq=record.accepted_account_seq,
        created_ts_ns=record.created_ts_ns,
        updated_ts_ns=record.updated_ts_ns,
        last_seq=record.last_seq,
        children={
            child_id: _Child(
                child=c.child,
                state=c.state,
                cum_qty_units=c.cum_qty_units,
                is_canceling=c.is_canceling,
                sent_ts_ns=c.sent_ts_ns,
                acked_ts_ns=c.acked_ts_ns,
                code=c.code,
                text=c.text,
            )
            for child_id, c in record.children.items()
        },
        fills=[FillView(f.account_seq, f.ts_ns, f.fill) for f in record.fills],
    )


def _planned(order: OrderFold, fact: Fact, event: ev.RoutePlanned) -> None:
    order.state = next_parent(order.state, ParentState.WORKING)
    order.n_waves += 1
    order.route_id = order.route_id or event.plan.route_id


def _sending(order: OrderFold, fact: Fact, event: ev.ChildSending) -> None:
    order.children[event.child.child_id] = _Child(event.child, ChildState.SENDING, fact.ts_ns)


def _acked(order: OrderFold, fact: Fact, event: ev.ChildAcked) -> None:
    child = order.children[event.child_id]
    child.state = next_child(child.state, ChildStep.ACK)
    child.acked_ts_ns = fact.ts_ns


def _filled(order: OrderFold, fact: Fact, event: ev.ChildFilled) -> None:
    child = order.children[event.child_id]
    child.cum_qty_units += event.qty_units
    if not event.is_late:
        is_full = child.cum_qty_units >= child.child.qty_units
        child.state = next_child(child.state, ChildStep.FULL_FILL if is_full else ChildStep.PARTIAL_FILL)
    order.cum_qty_units += event.qty_units
    order.cum_money_nano += event.money_nano
    order.cum_notional_nano += event.notional_nano
    fees_nano = dict(order.fees_nano)
    fees_nano[event.fee_currency] = fees_nano.get(event.fee_currency, 0) + event.fee_nano
    order.fees_nano = tuple(fees_nano.items())
    order.fills.append(FillView(fact.account_seq, fact.ts_ns, event))


def _stepped(step: ChildStep) -> Callable[[OrderFold, Fact, Any], None]:
    def apply(order: OrderFold, fact: Fact, event: Any) -> None:
        child = order.children[event.child_id]
        child.state = next_child(child.state, step)

    return apply


def _rejected(order: OrderFold, fact: Fact, event: ev.ChildRejected) -> None:
    child = order.children[event.child_id]
    child.state = next_child(child.state, ChildStep.REJECT)
    child.code, child.text = event.code, event.text


def _unknown(order: OrderFold, fact: Fact, event: ev.ChildUnknown) -> None:
    child = order.children[event.child_id]
    child.state = next_child(child.state, ChildStep.LOSE)
    child.code = event.reason


def _resolved(order: OrderFold, fact: Fact, event: ev.ChildResolved) -> None:
    child = order.children[event.child_id]
    child.state = next_child(child.state, ChildStep.RESOLVE)
    child.code, child.text = "resolved", event.evidence


def _cancel_requested(order: OrderFold, fact: Fact, event: ev.CancelRequested) -> None:
    order.is_canceling = True
    for child in order.children.values():
        if not child.state.is_terminal:
            child.is_canceling = True


def _done(order: OrderFold, fact: Fact, event: ev.OrderDone) -> None:
    order.state = next_parent(order.state, ParentState.DONE)
    order.done_reason, order.done_detail = event.reason, event.detail


_STEPS: Final[dict[type[Event], Callable[[OrderFold, Fact, Any], None]]] = {
    ev.RoutePlanned: _planned,
    ev.ChildSending: _sending,
    ev.ChildAcked: _acked,
    ev.ChildFilled: _filled,
    ev.ChildCanceled: _stepped(ChildStep.CANCEL),
    ev.ChildExpired: _stepped(ChildStep.EXPIRE),
    ev.ChildRejected: _rejected,
    ev.ChildUnknown: _unknown,
    ev.ChildResolved: _resolved,
    ev.CancelRequested: _cancel_requested,
    ev.OrderDone: _done,
}
