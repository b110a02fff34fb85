"""Adaptive schedules in the engine: once a slice, what is forecast decides how far the plan runs ahead or behind.

The slice's usual part is weighed by `volume x (2 - spread) / volatility`, each as a part of the usual: what is least
dear where own impact grows with volatility and with the part of the volume, and a slice's impact is about as dear as
half a usual spread. A shortfall's is weighed by its own law at the forecast volatility instead of dividing by it.
Reasons: docs/adr/0037-schedules-bend-within-a-band.md.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from app.domain.bending import LEAST_WEIGHT_PPM, MOST_WEIGHT_PPM, Bend, Outlook, bent_lead_lots
from app.domain.records import ParentRecord
from app.domain.schedule import MEANING, PlainParameters, Progress, ScheduleTerms, ShortfallParameters
from app.domain.scheduled import ScheduleState, parameters_of
from app.domain.timing_facts import ScheduleBent
from app.domain.units import PPM
from app.execution import slicer
from app.execution.context import Context
from app.execution.schedules.shortfall import planned_shares

_HALF_SPREADS: Final = 2 * PPM


def bent(ctx: Context, parent: ParentRecord, state: ScheduleState) -> ScheduleState:
    """The state with the bend of the slice that has begun, which is written down if it is new."""
    schedule, progress = state.schedule, state.progress
    if not schedule.is_adaptive or progress.is_paused or not schedule.start_ns <= ctx.now_ns < schedule.end_ns:
        return state
    cap_units = parent.soft_cap_units
    plain = parameters_of(schedule, parent.accepted.order.side, cap_units, state.lot_units, state.mid_half_units)
    from_ns = max(_slice_from_ns(plain.terms, ctx.now_ns), progress.anchor_ns)
    old = state.bend if state.bend is not None and state.bend.anchor_ns == progress.anchor_ns else None
    if old is not None and old.from_ns == from_ns:
        return state
    outlooks = ctx.world.outlooks
    horizon_ns = plain.terms.slice_end_ns(ctx.now_ns) - ctx.now_ns
    outlook = outlooks.outlook(parent.accepted.order.symbol, horizon_ns) if outlooks is not None else Outlook()
    left_lots = progress.total_lots - _begin_lots(plain, progress, from_ns)
    weight_ppm = weigh(plain, outlook, left_lots, plain.terms.end_ns - from_ns)
    bend = bend_of(plain, progress, old, (from_ns, ctx.now_ns), (weight_ppm, schedule.max_tilt_ppm))
    ctx.emit(ScheduleBent(parent.account, parent.order_id, outlook, weight_ppm, bend))
    return replace(state, bend=bend)


def weigh(plain: PlainParameters, outlook: Outlook, left_lots: int, left_ns: int) -> int:
    """How much of its usual part of what is left the slice takes, in ppm, between half and twice.

    `left_lots`, `left_ns`: of the plain plan and of time, from the slice's begin to the end.
    """
    part = outlook.volume_ppm / PPM * max(_HALF_SPREADS - outlook.spread_ppm, 0) / PPM
    sigma = max(outlook.sigma_ppm, 1) / PPM
    if isinstance(plain, ShortfallParameters):
        part *= _hurry(plain, left_lots, left_ns, sigma)
    else:
        part /= sigma
    return min(max(round(part * PPM), LEAST_WEIGHT_PPM), MOST_WEIGHT_PPM)


def _hurry(plain: ShortfallParameters, qty_lots: int, left_ns: int, sigma: float) -> float:
    """What the law gives its next slice at `sigma` times the volatility and impact it was told, over what it does."""
    if qty_lots <= 0 or left_ns <= 0 or sigma == 1.0:
        return 1.0
    # In steps of a fiftieth, for a law's plan is remembered by its parameters.
    sigma = max(round(sigma * 50), 1) / 50
    belief = replace(plain.belief, impact_ppm=plain.belief.impact_ppm * sigma)
    stirred = replace(plain, sigma_ppm_sqrt_s=plain.sigma_ppm_sqrt_s * sigma, belief=belief)
    usual = planned_shares(plain, qty_lots, left_ns)[0]
    return planned_shares(stirred, qty_lots, left_ns)[0] / usual if usual > 0.0 else 1.0


def bend_of(
    plain: PlainParameters,
    progress: Progress,
    old: Bend | None,
    at_ns: tuple[int, int],
    push_ppm: tuple[int, int],
) -> Bend:
    """The bend of a slice. `at_ns`: its begin and now; `push_ppm`: its weight and the most tilt.

    Slices that passed unseen had their usual part of what was left.
    """
    (from_ns, now_ns), (weight_ppm, max_tilt_ppm) = at_ns, push_ppm
    total, most_lots = progress.total_lots, progress.total_lots * max_tilt_ppm // PPM
    begin = _begin_lots(plain, progress, from_ns)
    end = slicer.plain_lots(plain, progress, now_ns)
    before_lots = 0
    if old is not None:
        was_left = total - slicer.plain_lots(plain, progress, old.from_ns)
        before_lots = old.lead_lots * (total - begin) // was_left if was_left > 0 else 0
    behind_lots = most_lots * MEANING[plain.terms.urgency].behind_ppm // PPM
    lead_lots = bent_lead_lots(before_lots, (begin, end, total), weight_ppm, (behind_lots, most_lots))
    return Bend(progress.anchor_ns, from_ns, before_lots, lead_lots)


def _begin_lots(plain: PlainParameters, progress: Progress, from_ns: int) -> int:
    """What the plain plan has given out before the slice that begins at `from_ns`."""
    if from_ns <= progress.anchor_ns:
        return progress.anchor_lots
    return slicer.plain_lots(plain, progress, from_ns - 1)


def _slice_from_ns(terms: ScheduleTerms, now_ns: int) -> int:
    return terms.start_ns + (now_ns - terms.start_ns) // terms.slice_ns * terms.slice_ns
