"""A plain order's later wave, from the instant to what the planner is asked: the common case of `wave.plan_request`.

It gives the very request that the gate's whole view gives; tests hold both together over random lives of a desk. What
a view has beyond it, checks of new orders look at, and a wave of an order that was approved is not asked again.
"""

from __future__ import annotations

from typing import Final

from app.domain.ids import route_id
from app.domain.plan import PlanRequest
from app.domain.quick import maker, tupled
from app.domain.records import ParentRecord
from app.domain.terms import DEFAULT_ESTIMATE_PPM
from app.execution.context import Context
from app.execution.fees import fees_of
from app.execution.wave import with_beliefs
from app.risk import gate
from app.risk.room import Purse, rooms_nano

_request: Final = maker(PlanRequest)
_purse: Final = tupled(Purse)


def is_plain_later(ctx: Context, parent: ParentRecord) -> bool:
    """Whether `later_request` may be asked for the parent's next wave."""
    order, world = parent.accepted.order, ctx.world
    return (
        order.qty_units is not None
        and order.quote_pool is None
        and order.sweep is None
        and order.schedule is None
        and not world.child_cap_nano
        and not world.universe.symbols[order.symbol].fungible.is_inverse
    )


def later_request(ctx: Context, parent: ParentRecord, qty_units: int) -> PlanRequest | None:
    """What the planner is asked for the next wave of `qty_units`; None where no venue is open, or no limits are set."""
    ledger, world, accepted = ctx.ledger, ctx.world, parent.accepted
    order, order_id, account, wave = accepted.order, accepted.order_id, accepted.account, parent.n_waves + 1
    name, limits = order.symbol, ledger.limits.get(account)
    symbol, listings = world.universe.symbols[name], world.universe.listings(name)
    barred = ctx.barred(order, parent.mode, parent)
    if limits is None or len(barred) == len(listings):
        return None
    mid_half_units = ctx.market(name)[1].mid_half_units
    purse = _purse((account, limits.venue_credit_nano, ledger.balances, ledger.positions, ctx.committed()))
    eligible = [venue for venue in listings if venue not in barred] if barred else listings
    request = _request(
        gate.readopt(parent),
        symbol,
        route_id(ctx.now_ns, order_id, wave),
        wave,
        ctx.now_ns,
        qty_units,
        None,
        accepted.price_cap_units,
        listings,
        fees_of(ctx, account, name, listings),
        world.max_book_age_ns,
        rooms_nano(purse, symbol, order.side, mid_half_units, eligible),
        barred,
        mid_half_units,
        order_id,
        {},
        DEFAULT_ESTIMATE_PPM,
        None,
        None,
    )
    return with_beliefs(ctx, request) if world.beliefs is not None or ctx.is_loop_on else request
