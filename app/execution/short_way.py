"""A plain order's way from its account's bounds to its first plan: the common case of `parent.approve_or_prepare`.

It gives the very approval that the long way gives, or nothing, and then the long way looks at the order: so every
refusal, and every word of it, is the long way's. Writes nothing.
"""

from __future__ import annotations

from typing import Final

from app.domain import quick
from app.domain.enums import Mode
from app.domain.ids import route_id
from app.domain.orders import ParentOrder
from app.domain.plan import PlanRequest
from app.domain.terms import DEFAULT_ESTIMATE_PPM
from app.execution.context import Context
from app.execution.parent import Approval
from app.execution.stakes import ground_of, lookalike_id
from app.execution.wave import with_beliefs
from app.risk import gate
from app.risk.plain import Instant, is_plain

_request: Final = quick.maker(PlanRequest)
_approval: Final = quick.maker(Approval)
_instant: Final = quick.tupled(Instant)


def approve_plain(ctx: Context, order: ParentOrder, mode: Mode, wait_ns: int) -> Approval | None:
    """The approval of a plain order with its first plan, or with the problem to be searched; None: go the long way.

    `wait_ns`: what the throttle has said, asked once for either way.
    """
    ground = ground_of(ctx, order, mode) if is_plain(order) else None
    if ground is None:
        return None
    ledger, world, now_ns = ctx.ledger, ctx.world, ctx.now_ns
    bounds, listings, fees, barred = ground
    alike_id = lookalike_id(ctx, order) if bounds.limits.duplicate_window_ns else ""
    gathered = ctx.gathered
    n_open_orders = len(ledger.open_by_account.get(order.account, ())) + gathered.n_open.get(order.account, 0)
    now = _instant((ledger.seq + gathered.n_facts + 1, wait_ns, n_open_orders, alike_id))
    passed = gate.approve_plain(bounds, order, ctx.committed(), now)
    if passed is None:
        return None
    approved, cap_units, capacity_nano = passed
    order_id, is_informed = ctx.next_order_id("ord"), world.beliefs is not None or ctx.is_loop_on
    request = _request(
        approved,
        bounds.symbol,
        route_id(now_ns, order_id, 1),
        1,
        now_ns,
        order.qty_units,
        None,
        cap_units,
        listings,
        fees,
        world.max_book_age_ns,
        capacity_nano,
        barred,
        bounds.mid_half_units,
        order_id,
        {},
        DEFAULT_ESTIMATE_PPM,
        None,
        None if is_informed else ground,
    )
    if is_informed:
        request = with_beliefs(ctx, request)
    books = ctx.left(order.symbol, order.side)
    prepared = world.away.prepare(request, books) if world.away is not None else None
    planned = world.planner.plan(request, books) if prepared is None else None
    return _approval(approved, planned, order_id, cap_units, prepared)
