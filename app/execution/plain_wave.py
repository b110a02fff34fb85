"""A wave where the plan alone says what goes where: its children are made, approved and folded together.

That is a quantity in the order's own quote currency, with no cap of an uncertified venue, no dealer's quote and no loop
that watches each child. Facts, ids, commands and state are those of execution/wave.py and of `evolve`, one by one.
"""

from __future__ import annotations

from typing import Final

from app.domain import tabled
from app.domain.enums import TimeInForce
from app.domain.errors import InvariantBroken, OrderRefused
from app.domain.events import ChildSending, Fact, RoutePlanned
from app.domain.ids import venue_client_id
from app.domain.orders import ChildOrder
from app.domain.plan import Planned, RoutePlan
from app.domain.quick import maker, maker_of
from app.domain.records import ParentRecord
from app.execution.context import Context
from app.execution.inputs import SendChild
from app.execution.wave_fold import evolve_wave
from app.risk import gate

_fact: Final = maker(Fact)
_planned: Final = maker(RoutePlanned)
_sending: Final = maker(ChildSending)
_child: Final = maker(ChildOrder)
_send: Final = maker_of(SendChild, "approved", "delay_ns")


def is_plain(ctx: Context, parent: ParentRecord, plan: RoutePlan) -> bool:
    """Whether `write_plain` may write the wave."""
    world = ctx.world
    return (
        parent.accepted.order.qty_units is not None
        and not plan.conversions
        and not world.child_cap_nano
        and not world.max_align_ns
        and not (world.may_loop and ctx.is_loop_on)
        and parent.order_id not in ctx.ledger.hidden.quotes
    )


def write_plain(ctx: Context, parent: ParentRecord, planned: Planned, time_in_force: TimeInForce) -> None:
    """RoutePlanned, one ChildSending for each of the plan's children, and the commands that may leave after them."""
    ledger, plan, account = ctx.ledger, planned.plan, parent.account
    ctx.turn.receipts.append((planned.receipt_sha256, planned.receipt))
    children, version = _children(ctx, parent, plan, time_in_force), ledger.limits[account].version
    try:
        approved = gate.approve_wave(children, parent, ledger.kills, version, ledger.seq + 2)
    except OrderRefused as refusal:
        # Kill switches were looked at in this turn, so only a plan beyond its own parent comes here: our bug.
        raise InvariantBroken(
            order_id=parent.order_id, code=refusal.code.value, limit=refusal.limit, value=refusal.value
        ) from refusal
    sent = [_sending(account, child, version, plan.mid_half_units) for child in children]
    fold_wave(ctx, parent, _planned(account, parent.order_id, plan), sent)
    ctx.turn.commands += [_send(proof, 0) for proof in approved]


def _children(ctx: Context, parent: ParentRecord, plan: RoutePlan, time_in_force: TimeInForce) -> list[ChildOrder]:
    """The plan's children in the words of their venues; ids go on from those of the parent's earlier children."""
    universe, order_id, account = ctx.world.universe, parent.order_id, parent.account
    name, side = parent.accepted.order.symbol, parent.accepted.order.side
    wave, n_children, made = parent.n_waves + 1, len(parent.children), []
    for venue, qty_lots, limit_ticks in tabled.children_of(plan):
        if qty_lots <= 0:
            continue
        n_children += 1
        listing = universe.instruments[venue, name]
        client_id = venue_client_id(parent.created_ts_ns, order_id, n_children)
        deadline_ns = ctx.now_ns + universe.venues[venue].request_deadline_ns
        made.append(
            _child(
                f"chd_{client_id}",
                client_id,
                order_id,
                account,
                wave,
                venue,
                name,
                side,
                time_in_force,
                limit_ticks,
                qty_lots,
                listing.tick_units,
                listing.lot_units,
                deadline_ns,
                is_post_only=False,
                rest_until_ns=0,
                stop=None,
                display_lots=0,
                min_qty_lots=0,
                quote_id="",
            )
        )
    return made


def fold_wave(ctx: Context, parent: ParentRecord, planned: RoutePlanned, sent: list[ChildSending]) -> None:
    """As `ctx.emit` of the plan and then of each child of a plain wave: the same facts, the same state and sums.

    Raises InvariantBroken as `evolve_wave`; then nothing was written.
    """
    ledger, now_ns = ctx.ledger, ctx.now_ns
    seq, account_seq = ledger.seq + 1, ledger.account_seqs[parent.account] + 1
    facts = [_fact(seq, now_ns, account_seq, planned)]
    for sending in sent:
        seq += 1
        account_seq += 1
        facts.append(_fact(seq, now_ns, account_seq, sending))
    records = evolve_wave(ledger, parent, facts)
    ctx.turn.facts += facts
    ctx.memory.commitments.note_sent(ledger, ctx.world.universe, records)
    for sending in sent:
        ctx.memory.taken.note(sending, now_ns)
