"""Children whose end is due and not proven: a person must see them, and may settle them with evidence.

A venue that says "filled" and never tells all the fills, or keeps answering that an immediate order is open, leaves its
child as it is, with its whole exposure: nothing here ends by itself, for whatever would end it may be wrong.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from app.domain.enums import ChildState, ParentState
from app.domain.errors import BadRequest
from app.domain.events import ChildResolved, ChildUnknown
from app.domain.records import ChildRecord, ParentRecord
from app.execution.context import Context, Memory
from app.execution.inputs import Done, Failed, Reply, Resolve
from app.execution.ledger import Ledger
from app.execution.parent import advance

# Venues answer a question within seconds; what is not proven after a minute of them waits for something else.
OVERDUE_NS: Final = 60_000_000_000


@dataclass(frozen=True, slots=True)
class Overdue:
    """`due_ts_ns`: when its end was to be expected, or since when nothing is proven of it."""

    record: ChildRecord
    due_ts_ns: int


def overdue_children(ledger: Ledger, memory: Memory, now_ns: int) -> Iterator[Overdue]:
    """Live children that are due since OVERDUE_NS or longer."""
    for record in ledger.live_children.values():
        due_ns = _due_ns(memory, record)
        if 0 < due_ns <= now_ns - OVERDUE_NS:
            yield Overdue(record, due_ns)


def _due_ns(memory: Memory, record: ChildRecord) -> int:
    """0 for one that may stay: it rests, and nobody has wished it away."""
    if record.state is ChildState.UNKNOWN:
        return record.updated_ts_ns
    if not record.child.rests:
        return record.child.deadline_ts_ns
    return memory.canceling_ns.get(record.child.child_id, 0) if record.is_canceling else 0


def resolve(ctx: Context, item: Resolve) -> Reply:
    """An operator's word ends a child that is unknown or overdue, with evidence and never without.

    One of which its venue still speaks is first said to be unknown. Its order must be canceled before: else what the
    venue may have filled and not told would be sent once more.
    """
    parent = ctx.ledger.parents.get(item.order_id)
    record = parent.children.get(item.child_id) if parent and parent.account == item.account else None
    if parent is None or record is None:
        return Failed(BadRequest("not_found", "No such child order.", hint="See GET /v1/orders/{id}/children."))
    if record.state is not ChildState.UNKNOWN:
        why = _why_not(ctx, parent, record)
        if why is not None:
            return Failed(why)
    if not item.evidence.strip():
        return Failed(BadRequest("evidence_missing", "Say what proves it.", pointer="/evidence"))
    n_before = len(ctx.turn.facts)
    if record.state is not ChildState.UNKNOWN:
        ctx.emit(ChildUnknown(parent.account, parent.order_id, item.child_id, "overdue"))
    ctx.emit(ChildResolved(parent.account, parent.order_id, item.child_id, item.actor, item.evidence))
    advance(ctx, parent)
    return Done(tuple(fact.event for fact in ctx.turn.facts[n_before:]))


def _why_not(ctx: Context, parent: ParentRecord, record: ChildRecord) -> BadRequest | None:
    due_ns = _due_ns(ctx.memory, record)
    if record.state.is_terminal or not 0 < due_ns <= ctx.now_ns - OVERDUE_NS:
        detail = f"The child is {record.state.value}; only an unknown or overdue one can be resolved."
        return BadRequest("not_unknown", detail, hint="Wait for the venue's own word.")
    if not parent.is_canceling and parent.state is not ParentState.DONE:
        detail = "Its venue still has it: the rest of its order would be sent again."
        return BadRequest("not_unknown", detail, hint="Cancel the order first, then resolve the child.")
    return None
