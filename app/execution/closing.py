"""The end of a parent: its last fact, and the judgement of its cost."""

from __future__ import annotations

from app.domain.enums import DoneReason
from app.domain.events import OrderDone
from app.domain.records import ParentRecord
from app.execution.context import Context


def finish(ctx: Context, parent: ParentRecord, reason: DoneReason, detail: str) -> None:
    """Ends the parent and judges its cost in the same turn."""
    ctx.emit(OrderDone(parent.account, parent.order_id, reason, detail))
    ctx.memory.next_replan_ns.pop(parent.order_id, None)
    await_no_more(ctx, parent)
    ctx.memory.searching.pop(parent.order_id, None)
    ctx.memory.volume_base_units.pop(parent.order_id, None)
    judge(ctx, parent)


def judge(ctx: Context, parent: ParentRecord) -> None:
    """Writes (or, after a late fill, rewrites) the parent's cost; the closing mid stays that of the parent's end."""
    order = parent.accepted.order
    symbol = ctx.world.universe.symbols[order.symbol]
    closing = parent.tca.closing_mid_half_units if parent.tca else ctx.mid_half_units(order.symbol)
    ctx.emit(ctx.world.judge(parent, symbol, closing))


def await_no_more(ctx: Context, parent: ParentRecord) -> None:
    """The order is looked at or over: no book is waited for on its behalf until it says so again."""
    waiting = ctx.memory.awaited.get(parent.accepted.order.symbol, {})
    if parent.order_id in waiting:
        del waiting[parent.order_id]
        if not waiting:
            del ctx.memory.awaited[parent.accepted.order.symbol]
