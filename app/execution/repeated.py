"""A client id that was used before: the same body gets the answer that it got then, another body is refused.

Of what has left memory only a mark says that the name may have been used. The rows know; whoever asks takes the order
back first (services/archive.py), so that a turn meets a mark only where it was let go again in between.
"""

from __future__ import annotations

from app.domain.conditions import Conditional
from app.domain.errors import BadRequest, Unavailable
from app.domain.orders import ParentOrder
from app.execution.context import Context
from app.execution.inputs import Accepted, ConditionalTaken, Failed, Reply
from app.execution.working_set import may_have_left


def repeated_order(ctx: Context, order: ParentOrder) -> Reply | None:
    """The answer to an order whose client id is taken, None where it is free."""
    known = ctx.ledger.by_client_id.get((order.account, order.client_order_id))
    if known is None:
        return None if ctx.ledger.closed is None else _unproven(ctx, order.account, order.client_order_id)
    order_id, body_hash = known
    if body_hash != order.body_hash or order_id not in ctx.ledger.parents:
        return _conflict(order.client_order_id, order_id)
    parent = ctx.ledger.parents[order_id]
    return Accepted(parent.acknowledged, parent.accepted_account_seq, is_replay=True)


def repeated_definition(ctx: Context, definition: Conditional) -> Reply | None:
    """The answer to a conditional order whose client id is taken, None where it is free."""
    known = ctx.ledger.by_client_id.get((definition.account, definition.client_order_id))
    if known is None:
        return _unproven(ctx, definition.account, definition.client_order_id)
    conditional_id, body_hash = known
    record = ctx.ledger.definitions.all.get(conditional_id)
    if record is None or body_hash != definition.body_hash:
        return _conflict(definition.client_order_id, conditional_id)
    return ConditionalTaken(record.accepted, record.accepted_account_seq, is_replay=True)


def _unproven(ctx: Context, account: str, client_order_id: str) -> Failed | None:
    if not may_have_left(ctx.ledger, account, client_order_id):
        return None
    detail = f"client_order_id {client_order_id} may have been used before what memory holds; nothing was placed."
    return Failed(Unavailable("history_unavailable", detail))


def _conflict(client_order_id: str, order_id: str) -> Failed:
    detail = f"client_order_id {client_order_id} already names {order_id} with another body."
    return Failed(BadRequest("client_order_id_conflict", detail, pointer="/client_order_id", hint="Use a new id."))
