"""A wave where the plan alone says what goes where: its children are made, approved and folded together.

That is a quantity in the order's own quote currency, with no cap of an uncertified venue, no dealer's quote and no loop
that watches each child. Facts, ids, commands and state are those of execution/wave.py and of `evolve`, one by one.
An order's first wave is written with the order (execution/plain_run.py) out of the same parts.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from app.domain import tabled
from app.domain.enums import TimeInForce
from app.domain.errors import InvariantBroken, OrderRefused
from app.domain.events import ChildSending, Event, Fact, RoutePlanned
from app.domain.ids import venue_client_id
from app.domain.orders import ChildOrder, ParentOrder
from app.domain.plan import Planned, RoutePlan
from app.domain.quick import maker, maker_of
from app.domain.records import ParentRecord
from app.execution.context import Context
from app.execution.inputs import SendChild
from app.execution.wave_fold import evolve_wave
from app.risk import gate

_NO: Final = False  # a field's word, by its place
_fact: Final = maker(Fact)
_planned: Final = maker(RoutePlanned)
_sending: Final = maker(ChildSending)
_child: Final = maker(ChildOrder)
_send: Final = maker_of(SendChild, "approved", "delay_ns")


# Of a child: its venue, lots, limit in ticks, and of its listing and venue the units of a tick and of a lot, and until
# when it may be on its way.
Row = tuple[str, int, int, int, int, int]


class Wave(NamedTuple):
    """Whose children: the order's id, when it was accepted, its wave, and how many names of children are used up."""

    order_id: str
    accepted_ns: int
    wave: int
    n_named: int
    time_in_force: TimeInForce


def is_plain(ctx: Context, parent: ParentRecord, plan: RoutePlan) -> bool:
    """Whether `write_plain` may write the wave."""
    return is_plain_plan(ctx, parent.accepted.order, plan) and parent.order_id not in ctx.ledger.hidden.quotes


def is_plain_plan(ctx: Context, order: ParentOrder, plan: RoutePlan) -> bool:
    """Whether the wave is plain if no dealer was asked."""
    world = ctx.world
    return (
        order.qty_units is not None
        and not plan.conversions
        and not world.child_cap_nano
        and not world.max_align_ns
        and not (world.may_loop and ctx.is_loop_on)
    )


def write_plain(ctx: Context, parent: ParentRecord, planned: Planned, time_in_force: TimeInForce) -> None:
    """RoutePlanned, one ChildSending for each of the plan's children, and the commands that may leave after them."""
    ledger, plan, version = ctx.ledger, planned.plan, ctx.ledger.limits[parent.account].version
    order, order_id = parent.accepted.order, parent.order_id
    rows, reserved = rows_of(ctx, order, plan), ledger.reserved
    n_named = reserved.n_before(parent, rows[0], time_in_force) if len(rows) == 1 else None
    if n_named is None:
        n_named = reserved.n_named(parent)
    else:
        ctx.turn.n_reserved += 1
    wave = Wave(order_id, parent.created_ts_ns, parent.n_waves + 1, n_named, time_in_force)
    children = children_of(order, rows, wave)
    sendings = sendings_of(children, version, plan)
    commands = approve(ctx, parent, children, version, ledger.seq + 2)
    fold_wave(ctx, parent, _planned(parent.account, parent.order_id, plan), sendings)
    ctx.turn.receipts.append((planned.receipt_sha256, planned.receipt))
    ctx.turn.commands += commands


def rows_of(ctx: Context, order: ParentOrder, plan: RoutePlan) -> list[Row]:
    """A row for each of the plan's children."""
    universe, name, now_ns, rows = ctx.world.universe, order.symbol, ctx.now_ns, []
    for venue, qty_lots, limit_ticks in tabled.children_of(plan):
        if qty_lots > 0:
            listing, until_ns = universe.instruments[venue, name], now_ns + universe.venues[venue].request_deadline_ns
            rows.append((venue, qty_lots, limit_ticks, listing.tick_units, listing.lot_units, until_ns))
    return rows


def children_of(order: ParentOrder, rows: Sequence[Row], wave: Wave) -> list[ChildOrder]:
    """A plan's children in the words of their venues; ids go on from those of the order's earlier children."""
    account, name, side = order.account, order.symbol, order.side
    order_id, accepted_ns, wave_i, n_named, time_in_force = wave
    made = []
    for venue, qty_lots, limit_ticks, tick_units, lot_units, until_ns in rows:
        n_named += 1
        client_id = venue_client_id(accepted_ns, order_id, n_named)
        made.append(
            _child(
                "chd_" + client_id,
                client_id,
                order_id,
                account,
                wave_i,
                venue,
                name,
                side,
                time_in_force,
                limit_ticks,
                qty_lots,
                tick_units,
                lot_units,
                until_ns,
                _NO,
                0,
                None,
                0,
                0,
                "",
            )
        )
    return made


def sendings_of(children: Sequence[ChildOrder], limits_version: int, plan: RoutePlan) -> list[ChildSending]:
    """What is written of each child before it leaves."""
    mid_half_units = plan.mid_half_units
    return [_sending(child.account, child, limits_version, mid_half_units) for child in children]


def approve(
    ctx: Context, parent: ParentRecord, children: Sequence[ChildOrder], limits_version: int, first_seq: int
) -> list[SendChild]:
    """The last gate, and the commands that may leave; `first_seq`: of the first child's fact.

    Kill switches were looked at in this turn, so only a plan beyond its own parent is refused here: our bug, and an
    InvariantBroken.
    """
    try:
        approved = gate.approve_wave(children, parent, ctx.ledger.kills, limits_version, first_seq)
    except OrderRefused as refusal:
        raise InvariantBroken(
            order_id=parent.order_id, code=refusal.code.value, limit=refusal.limit, value=refusal.value
        ) from refusal
    return [_send(proof, 0) for proof in approved]


def fold_wave(ctx: Context, parent: ParentRecord, planned: RoutePlanned, sent: Sequence[ChildSending]) -> None:
    """As `ctx.emit` of the plan and then of each child of a plain wave: the same facts, the same state and sums.

    Raises InvariantBroken as `evolve_wave`; then nothing was written.
    """
    ledger, now_ns = ctx.ledger, ctx.now_ns
    facts = facts_behind(ledger.seq, ledger.account_seqs[parent.account], now_ns, [planned, *sent])
    records = evolve_wave(ledger, parent, facts)
    ctx.turn.facts += facts
    ctx.memory.commitments.note_sent(ledger, ctx.world.universe, records)
    for sending in sent:
        ctx.memory.taken.note(sending, now_ns)


def facts_behind(seq: int, account_seq: int, now_ns: int, events: Sequence[Event]) -> list[Fact]:
    """The facts that these events of one account are, behind those numbers."""
    return [_fact(seq + i, now_ns, account_seq + i, event) for i, event in enumerate(events, 1)]
