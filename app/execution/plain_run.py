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
from app.execution.plain_wave import Wave, approve, children_of, facts_behind, is_plain_plan, sendings_of
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
    plan, gathered, now_ns = planned.plan, ctx.gathered, ctx.now_ns
    if not is_plain_plan(ctx, order, plan):
        return False
    order_id, version = approval.order_id, approval.approved.limits_version
    children = children_of(ctx, order, plan, _wave((order_id, now_ns, 1, 0, TimeInForce.IOC)))
    if not children:
        return False
    sendings, seq = sendings_of(children, version, plan), ledger.seq + gathered.n_facts + 3
    records = [sent(sending, seq + i, now_ns) for i, sending in enumerate(sendings)]
    parts = (order, item.mode, approval.approved, order_id, approval.price_cap_units, planned, len(ctx.turn.replies))
    decided = _decided((*parts, sendings, records))
    gathered.add(decided)
    memory.commitments.note_decided(ledger, ctx.world.universe, decided, ctx.market(order.symbol)[1].mid_half_units)
    for sending in sendings:
        memory.taken.note(sending, now_ns)
    note_lookalike(ctx, order, order_id)
    return True


def write_gathered(ctx: Context) -> None:
    """Acceptance, plan and children of every gathered order, in their order, and its reply."""
    decided, ctx.gathered = ctx.gathered.orders, Gathered()
    for each in decided:
        _write(ctx, each)


def _write(ctx: Context, decided: Decided) -> None:
    order, mode, approved, order_id, cap_units, planned, reply_i, sendings, records = decided
    ledger, turn, account = ctx.ledger, ctx.turn, order.account
    foretold = said_of(ctx, order, mode, cap_units, None)
    accepted = acceptance(ctx, order, mode, (order_id, approved.limits_version, cap_units), foretold)
    seq, account_seq = ledger.seq, ledger.account_seqs.get(account, 0)
    facts = facts_behind(seq, account_seq, ctx.now_ns, [accepted, _planned(account, order_id, planned.plan), *sendings])
    parent = begun(facts[0], accepted)
    commands = approve(ctx, parent, [s.child for s in sendings], approved.limits_version, seq + 3)
    evolve_order(ledger, parent, facts, records)
    turn.facts += facts
    turn.receipts.append((planned.receipt_sha256, planned.receipt))
    turn.commands += commands
    turn.replies[reply_i] = Accepted(accepted, account_seq + 1, is_replay=False)
    if is_held(order):
        await_replan(ctx, parent)
