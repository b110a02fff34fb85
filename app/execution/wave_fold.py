"""The fold of a plain wave: what `evolve` of its facts one by one does, with the parent touched once.

Beside execution/ledger.py the only place that changes records, and only by facts. Live turns come by here; a replay
and every other reader take `evolve`, and must hold the same state.
"""

from __future__ import annotations

from collections.abc import Sequence

from app.domain.enums import ChildState, ParentState
from app.domain.errors import InvariantBroken
from app.domain.events import ChildSending, Fact, RoutePlanned
from app.domain.records import ChildRecord, ParentRecord
from app.execution.ledger import Ledger
from app.execution.machine import next_parent


def evolve_wave(ledger: Ledger, parent: ParentRecord, facts: Sequence[Fact]) -> list[ChildRecord]:
    """Applies a RoutePlanned of `parent` and the ChildSendings behind it, in place; gives the children's records.

    None of the children goes with a dealer's quote. Raises InvariantBroken, before anything is changed, for a gap, for
    other facts than those, and for a child that was sent before.
    """
    planned, account, order_id = facts[0], parent.account, parent.order_id
    event, seq, account_seq = planned.event, ledger.seq, ledger.account_seqs.get(account, 0)
    if not isinstance(event, RoutePlanned) or event.order_id != order_id:
        raise InvariantBroken(order_id=order_id, reason="no wave begins with this fact")
    for fact in facts:
        seq, account_seq = seq + 1, account_seq + 1
        if (fact.seq, fact.account_seq) != (seq, account_seq):
            raise InvariantBroken(expected_seq=seq, seq=fact.seq, account_seq=fact.account_seq)
    records = [_record(ledger, order_id, fact) for fact in facts[1:]]
    if len(records) > 1:
        ids = {name for record in records for name in (record.child.child_id, record.child.client_id)}
        if len(ids) != 2 * len(records):
            raise InvariantBroken(order_id=order_id, reason="a child is sent once")
    parent.state = next_parent(parent.state, ParentState.WORKING)
    parent.n_waves += 1
    parent.route_id = parent.route_id or event.plan.route_id
    parent.routes.append((planned.seq, event))
    for record in records:
        child, child_id = record.child, record.child.child_id
        parent.children[child_id] = ledger.live_children[child_id] = record
        ledger.child_parent[child_id] = order_id
        ledger.by_venue_client_id[child.client_id] = child_id
    ts_ns = planned.ts_ns
    parent.updated_ts_ns, parent.last_seq, parent.last_account_seq = ts_ns, seq, account_seq
    parent.version += len(facts)
    ledger.seq, ledger.ts_ns, ledger.account_seqs[account] = seq, ts_ns, account_seq
    return records


def _record(ledger: Ledger, order_id: str, fact: Fact) -> ChildRecord:
    event = fact.event
    if type(event) is not ChildSending or event.child.order_id != order_id or event.child.quote_id:
        raise InvariantBroken(order_id=order_id, kind=event.KIND, reason="no child of a plain wave")
    child, ts_ns = event.child, fact.ts_ns
    if child.child_id in ledger.child_parent or child.client_id in ledger.by_venue_client_id:
        raise InvariantBroken(child_id=child.child_id, reason="a child is sent once")
    return ChildRecord(
        child,
        ChildState.SENDING,
        venue_order_id="",
        cum_qty_units=0,
        cum_money_nano=0,
        is_canceling=False,
        code="",
        text="",
        sent_ts_ns=ts_ns,
        acked_ts_ns=0,
        updated_ts_ns=ts_ns,
        last_seq=fact.seq,
        mid_half_units=event.mid_half_units,
    )
