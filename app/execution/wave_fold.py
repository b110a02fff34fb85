"""The fold of a plain wave: what `evolve` of its facts one by one does, with the parent touched once.

Beside execution/ledger.py the only place that changes records, and only by facts. Live turns come by here; a replay
and every other reader take `evolve`, and must hold the same state.
"""

from __future__ import annotations

from collections.abc import Sequence

from app.domain.enums import ParentState
from app.domain.errors import InvariantBroken
from app.domain.events import ChildSending, Fact, RoutePlanned
from app.domain.records import ChildRecord, ParentRecord, sent
from app.execution.ledger import Ledger, enter
from app.execution.machine import next_parent


def evolve_wave(ledger: Ledger, parent: ParentRecord, facts: Sequence[Fact]) -> list[ChildRecord]:
    """Applies a RoutePlanned of `parent` and the ChildSendings behind it, in place; gives the children's records.

    None of the children goes with a dealer's quote. Raises InvariantBroken, before anything is changed, for a gap, for
    other facts than those, and for a child that was sent before.
    """
    _require_next(ledger, parent, facts)
    records = [sent(_sending(parent, fact), fact.seq, fact.ts_ns) for fact in facts[1:]]
    _require_wave(ledger, parent, facts[0], records)
    _fold(ledger, parent, facts[0], records)
    return records


def evolve_order(ledger: Ledger, parent: ParentRecord, facts: Sequence[Fact], records: Sequence[ChildRecord]) -> None:
    """As `evolve_wave`, of an order's first wave and of its acceptance before it. `parent`, `records`: what these facts
    have begun, of which the ledger knows nothing yet. Raises for an order that was accepted before, too.
    """
    if facts[0].event is not parent.accepted or len(facts) != 2 + len(records):
        raise InvariantBroken(order_id=parent.order_id, reason="no order begins with these facts")
    _require_next(ledger, parent, facts)
    for fact, record in zip(facts[2:], records, strict=True):
        if _sending(parent, fact).child is not record.child or fact.seq != record.last_seq:
            raise InvariantBroken(order_id=parent.order_id, reason="a record of another fact")
    _require_wave(ledger, parent, facts[1], records)
    enter(ledger, parent)
    _fold(ledger, parent, facts[1], records)


def _require_next(ledger: Ledger, parent: ParentRecord, facts: Sequence[Fact]) -> None:
    """That the facts go on where the ledger is, each with its account's next number."""
    seq, account_seq = ledger.seq, ledger.account_seqs.get(parent.account, 0)
    for fact in facts:
        seq, account_seq = seq + 1, account_seq + 1
        if fact.seq != seq or fact.account_seq != account_seq:
            raise InvariantBroken(expected_seq=seq, seq=fact.seq, account_seq=fact.account_seq)


def _sending(parent: ParentRecord, fact: Fact) -> ChildSending:
    event = fact.event
    if type(event) is not ChildSending or event.child.order_id != parent.order_id or event.child.quote_id:
        raise InvariantBroken(order_id=parent.order_id, kind=event.KIND, reason="no child of a plain wave")
    return event


def _require_wave(ledger: Ledger, parent: ParentRecord, planned: Fact, records: Sequence[ChildRecord]) -> None:
    """That the first fact is a plan of the parent's, and that no child was sent before."""
    event = planned.event
    if type(event) is not RoutePlanned or event.order_id != parent.order_id:
        raise InvariantBroken(order_id=parent.order_id, reason="no wave begins with this fact")
    for record in records:
        child = record.child
        if child.child_id in ledger.child_parent or child.client_id in ledger.by_venue_client_id:
            raise InvariantBroken(child_id=child.child_id, reason="a child is sent once")
    if len(records) > 1:
        ids = {name for record in records for name in (record.child.child_id, record.child.client_id)}
        if len(ids) != 2 * len(records):
            raise InvariantBroken(order_id=parent.order_id, reason="a child is sent once")


def _fold(ledger: Ledger, parent: ParentRecord, planned: Fact, records: Sequence[ChildRecord]) -> None:
    event, order_id, seq, n_children = planned.event, parent.order_id, planned.seq, len(records)
    assert isinstance(event, RoutePlanned)
    parent.state = next_parent(parent.state, ParentState.WORKING)
    parent.n_waves += 1
    parent.route_id = parent.route_id or event.plan.route_id
    parent.routes.append((seq, event))
    for record in records:
        child = record.child
        child_id = child.child_id
        parent.children[child_id] = ledger.live_children[child_id] = record
        ledger.child_parent[child_id] = order_id
        ledger.by_venue_client_id[child.client_id] = child_id
        if order_id in ledger.reserved.by_order:
            ledger.reserved.note_child(order_id, child.client_id)
    ts_ns, account_seq = planned.ts_ns, planned.account_seq + n_children
    parent.updated_ts_ns, parent.last_seq, parent.last_account_seq = ts_ns, seq + n_children, account_seq
    parent.version += 1 + n_children
    ledger.seq, ledger.ts_ns, ledger.account_seqs[event.account] = seq + n_children, ts_ns, account_seq
