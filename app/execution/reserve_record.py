"""What the log says of children that may leave before their own facts: the reservations that stand (docs/adr/0063).

Part of the ledger: changed by facts only. Made and used by execution/reserving.py.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import Final

from app.domain.enums import TimeInForce
from app.domain.events import (
    CancelRequested,
    ChildAcked,
    ChildCanceled,
    ChildExpired,
    ChildFilled,
    ChildRejected,
    ChildrenReserved,
    ChildSending,
    ChildUnknown,
    Event,
    Fact,
    OrderAccepted,
    OrderDone,
    RoutePlanned,
    TcaReported,
)
from app.domain.records import ParentRecord

# The reason of a ChildUnknown: it was reserved by a process that ended, and may or may not be at its venue.
MAY_HAVE_LEFT: Final = "may_have_left"
# The code of the rejection of one of which it is proven that it never was.
NEVER_LEFT: Final = "never_left"
# Reservations that stand at a time, and of one account.
MAX_ORDERS: Final = 32
MAX_OF_ACCOUNT: Final = 16
# Facts that a reserved child need not wait for: a process that lost them hears from its venues what led to them, or
# they tell of children that wait for them.
_LOSABLE: Final[frozenset[type[Event]]] = frozenset(
    {
        RoutePlanned,
        ChildSending,
        ChildAcked,
        ChildFilled,
        ChildCanceled,
        ChildExpired,
        ChildRejected,
        ChildUnknown,
        OrderDone,
        TcaReported,
    }
)
# Facts of one order on which no other's child hangs.
_ITS_OWN: Final[frozenset[type[Event]]] = frozenset({OrderAccepted, ChildrenReserved, CancelRequested})


def may_leave_ahead(order_ids: Collection[str], undurable: Iterable[Fact]) -> bool:
    """Whether children of these orders, all reserved, may leave while these facts, their own too, are not durable.

    Nothing that they hang on may be among them: an order's acceptance or change, its reservation, what lets it trade.
    """
    return all(
        type(fact.event) in _LOSABLE or (type(fact.event) in _ITS_OWN and fact.event.order_id not in order_ids)  # type: ignore[attr-defined]
        for fact in undurable
    )


@dataclass(slots=True)
class ReserveRecord:
    """`by_order`: what stands, by order id. `n_unborn`: of orders that are not done, how many names of theirs were
    reserved and are no child's; no later child bears one.
    """

    by_order: dict[str, ChildrenReserved] = field(default_factory=dict)
    n_unborn: dict[str, int] = field(default_factory=dict)

    def has_room(self, account: str) -> bool:
        """Whether another order of the account may hold a reservation."""
        return len(self.by_order) < MAX_ORDERS and self.n_of(account) < MAX_OF_ACCOUNT

    def n_of(self, account: str) -> int:
        """How many orders of the account hold one."""
        return sum(event.children[0].account == account for event in self.by_order.values())

    def n_named(self, parent: ParentRecord) -> int:
        """How many names of children the order has used up, those reserved included."""
        standing = self.by_order.get(parent.order_id)
        return self._n_over(parent) + (len(standing.children) if standing is not None else 0)

    def n_before(
        self, parent: ParentRecord, row: tuple[str, int, int, int, int, int], time_in_force: TimeInForce
    ) -> int | None:
        """Of the reserved child that covers the one of this row (as plain_wave's), how many names come before its own.

        None where none does: another venue's, larger, or at a worse price.
        """
        standing = self.by_order.get(parent.order_id)
        if standing is None:
            return None
        venue, lots, ticks, tick_units, lot_units, _ = row
        for n, child in enumerate(standing.children, self._n_over(parent)):
            if child.venue == venue:
                is_within = child.side.sign * (ticks * tick_units - child.price_units) <= 0
                is_within = is_within and lots * lot_units <= child.qty_units
                return n if is_within and child.time_in_force is time_in_force else None
        return None

    def note(self, event: ChildrenReserved) -> None:
        """The newest reservation of an order is the one that stands."""
        self._give_up(event.order_id)
        if event.children:
            self.by_order[event.order_id] = event

    def note_child(self, order_id: str, client_id: str) -> None:
        """A child of the order is told: what was reserved has left as this one, or never will."""
        standing = self._give_up(order_id)
        if standing is not None and any(child.client_id == client_id for child in standing.children):
            self.n_unborn[order_id] -= 1

    def forget(self, order_id: str) -> None:
        """The order is done."""
        self.by_order.pop(order_id, None)
        self.n_unborn.pop(order_id, None)

    def _n_over(self, parent: ParentRecord) -> int:
        return len(parent.children) + self.n_unborn.get(parent.order_id, 0)

    def _give_up(self, order_id: str) -> ChildrenReserved | None:
        standing = self.by_order.pop(order_id, None)
        if standing is not None:
            self.n_unborn[order_id] = self.n_unborn.get(order_id, 0) + len(standing.children)
        return standing
