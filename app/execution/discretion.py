"""Discretion: a slice that may rest, or that is beyond its limit, crosses where all of it is shown within reach.

As FIX has it (DiscretionInst 388 = 0, DiscretionOffsetType 842 = 2): so many ticks beyond the displayed price, which is
where the slice rests or would rest; beyond its limit, where nothing rests, the limit or a nearer near touch. The limit
price stays hard unless the order says that discretion goes past it; a slippage cap is always hard. What crosses must be
shown whole within reach: discretion never takes a part and leaves the rest.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from app.domain.enums import ChildState, Side
from app.domain.errors import BadRequest
from app.domain.orders import ParentOrder
from app.domain.records import ChildRecord, ParentRecord
from app.domain.scheduled import Schedule
from app.domain.timing_facts import DiscretionUsed
from app.execution.context import Context
from app.execution.posting import posting_of, pull
from app.execution.stakes import gate_view

_AT: Final = "/strategy_params"


@dataclass(frozen=True, slots=True)
class Reach:
    """How far a slice may cross now; prices and quantities in symbol units."""

    rest_price_units: int
    price_units: int
    shown_qty_units: int


def check_discretion(ctx: Context, order: ParentOrder, schedule: Schedule) -> None:
    """Raises BadRequest for discretion that could never be used."""
    if schedule.is_discretion_past_limit and order.limit_price_units is None:
        detail = "There is no limit price to go past."
        raise BadRequest("invalid_request", detail, pointer=f"{_AT}/discretion_past_limit")
    if posting_of(ctx, schedule) is None and not schedule.is_discretion_past_limit:
        raise BadRequest(
            "invalid_request",
            "Nothing rests here, so there is no price to be discreet from.",
            pointer=f"{_AT}/discretion_ticks",
            hint="Say posting: on, or let discretion go past the limit.",
        )


def reach_of(ctx: Context, parent: ParentRecord, qty_units: int, rest_price_units: int = 0) -> Reach | None:
    """How far `qty_units` may cross now by discretion; None where they may not, or are not all shown in reach.

    `rest_price_units`: where they rest; 0: where they would, at the best near touch within the limit.
    """
    order, state = parent.accepted.order, parent.schedule
    discretion_units = state.schedule.discretion_units if state is not None else 0
    rest_units = rest_price_units or _rest_units(ctx, parent)
    if not discretion_units or not rest_units:
        return None
    sign, hard_units = order.side.sign, parent.accepted.price_cap_units
    reach_units = rest_units + sign * discretion_units
    if hard_units and sign * (reach_units - hard_units) > 0:
        reach_units = hard_units
    shown_units = _shown_units(ctx, parent, reach_units)
    return Reach(rest_units, reach_units, shown_units) if shown_units >= qty_units > 0 else None


def rested_units(parent: ParentRecord, prices_units: Sequence[int], rest_until_ns: int) -> int:
    """The best price at which a slice has rested, or would rest at `prices_units`: what its discretion counts from.

    So a child that was taken back because its far side came near does not rest anew further off.
    """
    rested = [c.child.price_units for c in parent.children.values() if c.child.rest_until_ns == rest_until_ns]
    return (max if parent.accepted.order.side is Side.BUY else min)([*prices_units, *rested])


def tell_discretion(ctx: Context, parent: ParentRecord, reach: Reach, slice_units: int) -> None:
    """The fact that a slice crosses by discretion; before its release."""
    ctx.emit(
        DiscretionUsed(
            account=parent.account,
            order_id=parent.order_id,
            rest_price_units=reach.rest_price_units,
            reach_price_units=reach.price_units,
            shown_qty_units=reach.shown_qty_units,
            slice_qty_units=slice_units,
        )
    )


def watch_discretion(ctx: Context) -> None:
    """Takes back what rests of a parent where all that is left of it is shown in reach: it crosses once that is gone.

    All of its children or none: what is taken back waits for the last of them.
    """
    resting: dict[str, list[ChildRecord]] = {}
    for record in ctx.ledger.live_children.values():
        if record.child.rests:
            resting.setdefault(record.child.order_id, []).append(record)
    for order_id, records in resting.items():
        parent = ctx.ledger.parents[order_id]
        stands = (ChildState.ACKED, ChildState.PARTIALLY_FILLED)
        if any(record.state not in stands or record.is_canceling for record in records):
            continue
        left_units = sum(record.child.qty_units - record.cum_qty_units for record in records)
        prices = [record.child.price_units for record in records]
        best_units = max(prices) if parent.accepted.order.side is Side.BUY else min(prices)
        if reach_of(ctx, parent, left_units, best_units) is not None:
            for record in records:
                pull(ctx, parent, record, "discretion")


def _rest_units(ctx: Context, parent: ParentRecord) -> int:
    """The best near touch, no further than the limit; 0 without one."""
    order, reference = parent.accepted.order, ctx.market(parent.accepted.order.symbol)[1]
    near_units = reference.best_bid_units if order.side is Side.BUY else reference.best_ask_units
    soft_units = parent.soft_cap_units
    if near_units and soft_units and order.side.sign * (near_units - soft_units) > 0:
        return soft_units
    return near_units


def _shown_units(ctx: Context, parent: ParentRecord, reach_units: int) -> int:
    """What the venues that the order may use show on the far side up to `reach_units`, in the order's own symbol."""
    order, books = parent.accepted.order, ctx.market(parent.accepted.order.symbol)[0]
    eligible = set(gate_view(ctx, order, parent.mode, parent=parent).eligible)
    row, sign = (1 if order.side is Side.BUY else 0), order.side.sign
    shown = 0
    for i, venue in enumerate(books.venues):
        if venue in eligible:
            n = int(books.n_levels[i, row])
            prices, qtys = books.price_units[i, row, :n].tolist(), books.qty_units[i, row, :n].tolist()
            shown += sum(qty for price, qty in zip(prices, qtys, strict=True) if sign * (price - reach_units) <= 0)
    return shown
