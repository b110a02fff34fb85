"""The part of a ledger that is kept in memory: orders come in when a fact concerns them, done ones leave.

Letting an order go and taking it in again changes nothing that `evolve` gives: the order's rows hold it exactly.
"""

from __future__ import annotations

from app.domain.conditional_records import ConditionalRecord
from app.domain.enums import ParentState
from app.domain.events import ChildrenReserved, ChildSending, Event, OrderAccepted
from app.domain.records import ParentRecord
from app.execution.closed import Marks, fill_mark, name_mark
from app.execution.ledger import Ledger


def order_of(event: Event) -> str:
    """The order that a fact concerns, empty if none: a reservation changes nothing of its order."""
    if isinstance(event, ChildSending):
        return event.child.order_id
    if isinstance(event, ChildrenReserved):
        return ""
    return str(getattr(event, "order_id", ""))


def is_lacking(ledger: Ledger, event: Event) -> bool:
    """True where `evolve` needs an order that the ledger does not hold."""
    order_id = order_of(event)
    return bool(order_id) and not isinstance(event, OrderAccepted) and order_id not in ledger.parents


def adopt(ledger: Ledger, parent: ParentRecord) -> None:
    """Puts an order back with everything that finds it."""
    order_id, order = parent.order_id, parent.accepted.order
    ledger.parents[order_id] = parent
    ledger.by_client_id[parent.account, order.client_order_id] = (order_id, order.body_hash)
    if parent.state is not ParentState.DONE:
        ledger.open_parents[order_id] = parent
        ledger.open_by_account.setdefault(parent.account, {})[order_id] = parent
    for child_id, record in parent.children.items():
        ledger.child_parent[child_id] = order_id
        ledger.by_venue_client_id[record.child.client_id] = child_id
        if not record.state.is_terminal:
            ledger.live_children[child_id] = record
    for fill in parent.fills:
        ledger.fill_keys.add(fill.fill.key)


def release(ledger: Ledger, order_id: str) -> None:
    """Lets a done order go; `adopt` brings it back."""
    parent = ledger.parents.pop(order_id)
    assert parent.state is ParentState.DONE
    ledger.by_client_id.pop((parent.account, parent.accepted.order.client_order_id), None)
    for child_id, record in parent.children.items():
        ledger.child_parent.pop(child_id, None)
        ledger.by_venue_client_id.pop(record.child.client_id, None)
        ledger.live_children.pop(child_id, None)
    for fill in parent.fills:
        ledger.fill_keys.discard(fill.fill.key)


def adopt_definition(ledger: Ledger, record: ConditionalRecord) -> None:
    """Puts a definition back with everything that finds it; its orders are put back apart."""
    ledger.definitions.adopt(record)
    definition = record.accepted.definition
    ledger.by_client_id[record.account, definition.client_order_id] = (record.conditional_id, definition.body_hash)


def put_away(ledger: Ledger, parent: ParentRecord) -> None:
    """`release`, and marks by which its names and fills are known to have been here."""
    marks = _marks(ledger)
    marks.add(name_mark(parent.account, parent.accepted.order.client_order_id))
    for fill in parent.fills:
        marks.add(fill_mark(fill.fill.key))
    release(ledger, parent.order_id)


def put_definition_away(ledger: Ledger, record: ConditionalRecord) -> None:
    """Lets a done definition go, with a mark of its name."""
    name = record.account, record.accepted.definition.client_order_id
    _marks(ledger).add(name_mark(*name))
    ledger.by_client_id.pop(name, None)
    ledger.definitions.release(record.conditional_id)


def _marks(ledger: Ledger) -> Marks:
    if ledger.closed is None:
        ledger.closed = Marks()
    return ledger.closed


def may_have_left(ledger: Ledger, account: str, client_order_id: str) -> bool:
    """Whether an order or a definition of this name, which memory does not hold, may have been here."""
    return ledger.closed is not None and name_mark(account, client_order_id) in ledger.closed
