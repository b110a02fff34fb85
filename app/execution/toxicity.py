"""What resting at a venue is believed to lose to who knows more, and where nothing rests because of it.

Two measures: what fills there lost a second later (the loop's belief, where the loop is on) and the signed flow of the
last seconds. Together they are a cost of resting; where it is as much as resting saves against crossing there, or where
the loop has demoted the venue for that side, nothing rests until both are well again. A demoted venue is tried with the
loop's own propensity, so that healing is seen.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from app.domain.belief import BeliefKey, Measure
from app.domain.enums import Side
from app.domain.placement_facts import PostingTurned
from app.domain.plan import MAX_ESTIMATE_PPM
from app.domain.units import PPM
from app.execution.context import Context
from app.learning.beliefs import draw_ppm

# What a flow that takes from one side only adds; it begins where three quarters of the volume do.
FLOW_PPM: Final = 100
FLOW_FROM_PPM: Final = PPM // 2
Place = tuple[str, str, Side]


@dataclass(frozen=True, slots=True)
class Toxic:
    """What is believed of resting at one place. `is_tried`: this order rests there all the same, so that it is seen."""

    place: Place
    markout_ppm: int
    flow_ppm: int
    saved_ppm: int
    is_demoted: bool
    is_down: bool
    is_tried: bool

    @property
    def cost_ppm(self) -> int:
        return self.markout_ppm + self.flow_ppm

    @property
    def is_barred(self) -> bool:
        return self.is_down and not self.is_tried


def weigh(ctx: Context, order_id: str, place: Place, saved_ppm: int) -> Toxic:
    """What resting there costs this order now, against `saved_ppm` that it saves. Changes nothing.

    What is down comes back at half of what turned it: else a belief at the edge would turn it at every look.
    """
    venue, symbol, side = place
    belief = ctx.ledger.beliefs.get(BeliefKey(Measure.MARKOUT, *place)) if ctx.is_loop_on else None
    markout_ppm = min(max(belief.new_ppm, 0), MAX_ESTIMATE_PPM) if belief is not None else 0
    outflows = ctx.world.outflows
    against_ppm = outflows.against_ppm(venue, symbol, side, ctx.now_ns) if outflows is not None else 0
    flow_ppm = FLOW_PPM * max(0, against_ppm - FLOW_FROM_PPM) // (PPM - FLOW_FROM_PPM)
    is_demoted = belief is not None and belief.is_demoted
    cost_ppm = markout_ppm + flow_ppm
    is_dear = 2 * cost_ppm > saved_ppm if place in ctx.ledger.turned_down else cost_ppm >= saved_ppm
    is_tried = belief is not None and is_demoted and draw_ppm(order_id, venue) < belief.tried_ppm
    is_down = is_demoted or (cost_ppm > 0 and is_dear)
    return Toxic(place, markout_ppm, flow_ppm, saved_ppm, is_demoted, is_down, is_tried)


def tell(ctx: Context, found: Toxic) -> None:
    """Writes that a place has turned; nothing where it is as it was."""
    if found.is_down == (found.place in ctx.ledger.turned_down):
        return
    if found.is_down:
        reason = "demoted" if found.is_demoted else "markout" if found.markout_ppm >= found.flow_ppm else "flow"
    else:
        reason = "healed"
    venue, symbol, side = found.place
    numbers = found.markout_ppm, found.flow_ppm, found.saved_ppm
    ctx.emit(PostingTurned("", venue, symbol, side, found.is_down, *numbers, reason))


def is_barred(ctx: Context, order_id: str, place: Place) -> bool:
    """Whether what rests there must leave: the place was turned down, or its venue is demoted by now."""
    belief = ctx.ledger.beliefs.get(BeliefKey(Measure.MARKOUT, *place)) if ctx.is_loop_on else None
    is_demoted = belief is not None and belief.is_demoted
    if is_demoted and belief is not None and draw_ppm(order_id, place[0]) < belief.tried_ppm:
        return False
    return is_demoted or place in ctx.ledger.turned_down
