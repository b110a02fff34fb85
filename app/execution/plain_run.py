"""Plain orders of one turn: decided one after the other, then written one after the other.

An order's decision must see what those before it take: sums, what they take of the books, names and numbers, and no
more. What else is to do for each - its expected cost, its acceptance, facts, records - nobody reads before the turn
goes on to something else. Done for all orders in a row it costs half: the code has just run. Whatever a turn comes to
that is no such order has those written first, and `Context.emit` writes no fact before them. Facts, ids, replies,
commands and state are those of orders that are written one by one.
"""

from __future__ import annotations

from typing import Final

from app.domain.enums import TimeInForce
from app.domain.events import RoutePlanned
from app.domain.quick import maker, tupled
from app.domain.records import begun, sent
from app.execution.context import Context
from app.execution.foretell import said_of
from app.execution.gathered import Decided, Gathered
from app.execution.inputs import Accepted, Submit
from app.execution.parent import Approval, acceptance, note_lookalike
from app.execution.plain_wave import Wave, approve, children_of, facts_behind, is_plain_plan, rows_of, sendings_of
from app.execution.wave import await_replan, is_held
from app.execution.wave_fold import evolve_order

_decided: Final = tupled(Decided)
_planned: Final = maker(RoutePlanned)
_wave: Final = tupled(Wave)


def gathers(ctx: Context, item: Submit, approval: Approval) -> bool:
    """Takes an order with the approval of `approve_plain`; False, and nothing is done, where it needs more than that.

    Its reply, the next one of the turn, is put in its place by `write_gathered`.
    """
    ledger, memory, order, planned = ctx.ledger, ctx.memory, item.order, approval.planned
    if planned is None or ledger.definitions.open or ledger.hidden.is_waiting:
        return False
    plan, order_id = planned.plan, approval.order_id
    rows = rows_of(ctx, order, plan) if is_plain_plan(ctx, order, plan) else ()
    if not rows:
        return False
    name, cap_units, taken = order.symbol, approval.price_cap_units, memory.taken
    place, takings, takes = (name, order.side), [], []
    for venue, qty_lots, limit_ticks, tick_units, lot_units, until_ns in rows:
        qty_units, limit_units = qty_lots * lot_units, limit_ticks * tick_units
        takings.append((venue, qty_units, limit_units))
        takes.append(taken.take(place, venue, limit_units, qty_units, until_ns))
    judged = cap_units, ctx.market(name)[1].mid_half_units, plan.mid_half_units
    parts = memory.commitments.decide(ledger, ctx.world.universe, order, judged, takings)
    reply_i = len(ctx.turn.replies)
    ctx.gathered.add(
        _decided((order, item.mode, approval.approved, order_id, cap_units, planned, reply_i, rows, parts, takes))
    )
    note_lookalike(ctx, order, order_id)
    return True


def write_gathered(ctx: Context) -> None:
    """Acceptance, plan and children of every gathered order, in their order, and its reply."""
    decided, ctx.gathered = ctx.gathered.orders, Gathered()
    for each in decided:
        _write(ctx, each)


def _write(ctx: Context, decided: Decided) -> None:
    order, mode, approved, order_id, cap_units, planned, reply_i, rows, parts, takes = decided
    ledger, memory, turn, now_ns, account = ctx.ledger, ctx.memory, ctx.turn, ctx.now_ns, order.account
    version, plan, seq, account_seq = (
        approved.limits_version,
        planned.plan,
        ledger.seq,
        ledger.account_seqs.get(account, 0),
    )
    accepted = acceptance(ctx, order, mode, (order_id, version, cap_units), said_of(ctx, order, mode, cap_units, None))
    children = children_of(order, rows, _wave((order_id, now_ns, 1, 0, TimeInForce.IOC)))
    sendings = sendings_of(children, version, plan)
    facts = facts_behind(seq, account_seq, now_ns, [accepted, _planned(account, order_id, plan), *sendings])
    parent, records = begun(facts[0], accepted), [sent(each, seq + i, now_ns) for i, each in enumerate(sendings, 3)]
    commands = approve(ctx, parent, children, version, seq + 3)
    evolve_order(ledger, parent, facts, records)
    memory.commitments.name(order_id, parts, records)
    for child, take in zip(children, takes, strict=True):
        memory.taken.name(child, take)
    turn.facts += facts
    turn.receipts.append((planned.receipt_sha256, planned.receipt))
    turn.commands += commands
    turn.replies[reply_i] = Accepted(accepted, account_seq + 1, is_replay=False)
    if is_held(order):
        await_replan(ctx, parent)
