"""What an order in time would do, said before there is one."""

from __future__ import annotations

from dataclasses import dataclass, replace

from app.domain.enums import Strategy
from app.domain.events import Fact, OrderAccepted
from app.domain.plan import Planned
from app.domain.records import ParentRecord
from app.domain.schedule import Seen
from app.domain.scheduled import parameters_of
from app.execution import slicer
from app.execution.context import Context, side_price
from app.execution.ledger import fold
from app.execution.pooling import pooled
from app.execution.posting import Post
from app.execution.queues import foresee_rest
from app.execution.scheduled import ScheduledApproval, pooled_side_units
from app.execution.wave import Wanted, plan_request
from app.risk.exposure import GateView


@dataclass(frozen=True, slots=True)
class Foreseen:
    """A slice as the plan has it."""

    at_ts_ns: int
    qty_units: int


@dataclass(frozen=True, slots=True)
class Foresight:
    """Of an order in time: where a slice that is due now would go if it crossed, where it would rest before (nowhere:
    it crosses at once), and what the clock's plan gives out and when.
    """

    planned: Planned | None
    resting: tuple[Post, ...]
    slices: tuple[Foreseen, ...]


def foresee(ctx: Context, view: GateView, approval: ScheduledApproval) -> Foresight:
    """What the order would do; changes nothing.

    The plan as if no cap, limit or would-price held it up; empty for a POV, whose plan is the market's to make.
    """
    order, state = view.order, approval.state
    found = parameters_of(state.schedule, order.side, approval.price_cap_units, state.lot_units, state.mid_half_units)
    price_units = pooled_side_units(ctx, side_price(view.reference, order.side), view)
    _, now_lots = slicer.release(found, state.progress, Seen(ctx.now_ns, 0, price_units or None))
    planned, resting = None, tuple[Post, ...]()
    if now_lots:
        resting = foresee_rest(ctx, _as_accepted(ctx, view, approval), state, now_lots)
        wanted = Wanted(approval.order_id, 1, now_lots * state.lot_units, None)
        request = plan_request(ctx, approval.approved, view, approval.price_cap_units, wanted)
        planned = ctx.world.planner.plan(*pooled(ctx, request, view))
    if state.schedule.strategy is Strategy.POV:
        return Foresight(planned, resting, ())
    clock = replace(state.schedule, cap_ppm=None, would_price_units=None)
    free = parameters_of(clock, order.side, 0, state.lot_units, state.mid_half_units)
    slices, progress = [], state.progress
    for k in range(free.terms.n_slices):
        at_ns = free.terms.start_ns + k * free.terms.slice_ns
        progress, lots = slicer.release(free, progress, Seen(max(at_ns, ctx.now_ns)))
        if lots:
            slices.append(Foreseen(at_ns, lots * state.lot_units))
    return Foresight(planned, resting, tuple(slices))


def _as_accepted(ctx: Context, view: GateView, approval: ScheduledApproval) -> ParentRecord:
    """The parent that the order would be; it stands in no ledger."""
    order, reference = view.order, view.reference
    accepted = OrderAccepted(
        account=order.account,
        order_id=approval.order_id,
        order=order,
        mode=view.mode,
        limits_version=approval.approved.limits_version,
        price_cap_units=approval.price_cap_units,
        arrival_bid_units=reference.best_bid_units,
        arrival_ask_units=reference.best_ask_units,
        received_mid_half_units=reference.mid_half_units,
        approved_mid_half_units=reference.mid_half_units,
        approved_ts_ns=ctx.now_ns,
    )
    parent = fold([Fact(1, ctx.now_ns, 1, accepted)]).parents[approval.order_id]
    parent.schedule = approval.state
    return parent
