"""What would happen to an order now: the gate's answers and the plan that it would get."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from app.domain.enums import Mode
from app.domain.errors import OrderRefused
from app.domain.instrument import Symbol
from app.domain.orders import ParentOrder
from app.domain.plan import Planned
from app.domain.scheduled import ScheduleState
from app.execution.context import Context
from app.execution.foresight import Foreseen, foresee
from app.execution.foretell import Foretold, foretell
from app.execution.parent import approve_and_plan
from app.execution.pooling import with_pool
from app.execution.posting import Post
from app.execution.scheduled import approve_scheduled
from app.execution.stakes import gate_view
from app.execution.swept import require_posting
from app.risk import gate

REFUSED: Final = Foretold(why="A check says no.")


@dataclass(frozen=True, slots=True)
class Preview:
    """What would happen to an order now. `planned` is None where a check says no."""

    symbol: Symbol
    checks: tuple[gate.CheckResult, ...]
    planned: Planned | None
    price_cap_units: int
    mid_half_units: int
    schedule: ScheduleState | None = None
    slices: tuple[Foreseen, ...] = ()
    foretold: Foretold = REFUSED
    resting: tuple[Post, ...] = ()


def preview(ctx: Context, order: ParentOrder, mode: Mode) -> Preview:
    """The gate's answers and the plan; nothing is written.

    Of an order in time: the plan of what is due now, and the slices after it; of one that asks for hidden liquidity:
    its lit route, for nobody is asked. Raises BadRequest for a schedule that cannot be meant, and for what cannot rest.
    """
    view = with_pool(ctx, gate_view(ctx, order, mode), None)
    checks = gate.preview(view)
    planned, cap_units, mid_half_units = None, 0, view.reference.mid_half_units
    if any(check.refusal is not None for check in checks):
        return Preview(view.symbol, checks, None, 0, mid_half_units)
    if order.schedule is not None:
        foreseen = approve_scheduled(ctx, order, view)
        found, cap_units, state = foresee(ctx, view, foreseen), foreseen.price_cap_units, foreseen.state
        told = foretell(ctx, order, mode, cap_units, state)
        about = (view.symbol, checks, found.planned, cap_units, mid_half_units)
        return Preview(*about, state, found.slices, told, found.resting)
    require_posting(ctx, order)
    try:
        approval = approve_and_plan(ctx, order, view)
        planned, cap_units = approval.planned, approval.price_cap_units
    except OrderRefused as refusal:
        checks = (*checks, gate.CheckResult(refusal.code, refusal))
        return Preview(view.symbol, checks, planned, cap_units, mid_half_units)
    told = foretell(ctx, order, mode, cap_units, None)
    return Preview(view.symbol, checks, planned, cap_units, mid_half_units, foretold=told)
