"""The loop: what was measured of venues weighs in the next route, within the bound of estimates, and is told as facts.

A demoted venue is ranked dearer by the whole bound, never barred: it still gets what its price pays for. In some
orders, drawn by the order's own name with a propensity that is written down, it is ranked as if it were well, so that
healing is seen. One switch (`SetLoop`, or the setting) ends all of it: then no request is touched.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from app.domain.belief import BeliefKey, Measure, Observation
from app.domain.enums import Side
from app.domain.events import BeliefChanged, LoopSet, LoopWeighed
from app.domain.ids import hash80
from app.domain.plan import MAX_ESTIMATE_PPM, Planned, PlanRequest, VenueEstimate
from app.domain.records import ParentRecord
from app.domain.units import PPM, div_half_even
from app.execution.context import Context
from app.learning.beliefs import draw_ppm
from app.learning.quote_age import GONE_OF

SETTING_ACTOR: Final = "setting"
# What a child that did not fill costs elsewhere, in ppm: recorded books a second later are about 1 bp off.
REFILL_PPM: Final = 100
# A belief is told again when it has moved by so much, and by a quarter of its interval; before so many it is not told.
TOLD_PPM: Final = 10
N_TOLD: Final = 20
# Part of the waves that are planned once more as if the loop were off: the shadow arm.
SHADOW_PPM: Final = 50_000


def begin_loop(ctx: Context) -> None:
    """On at the first start where the setting allows it; what the log calls demoted stays so in this process."""
    if ctx.world.may_loop and ctx.ledger.loop is None:
        ctx.emit(LoopSet("", is_on=True, actor=SETTING_ACTOR))
    ctx.memory.loop.ages = ctx.world.ages
    if ctx.is_loop_on:
        ctx.memory.loop.remember(ctx.ledger)
    ctx.memory.loop.book.demote(key for key, belief in ctx.ledger.beliefs.items() if belief.is_demoted)


def take_measured(ctx: Context, observations: Iterable[Observation]) -> None:
    """Markouts and the like, measured after the fact; nothing while the loop is off."""
    if ctx.is_loop_on:
        for seen in observations:
            ctx.memory.loop.take(seen)


def take_shown(ctx: Context) -> None:
    """What books alone say of how touches stand; nothing while the loop is off."""
    if ctx.is_loop_on:
        ctx.memory.loop.take_shown()


def tell_beliefs(ctx: Context) -> None:
    """Writes what has changed enough to be worth a fact: at once what was demoted or healed."""
    touched, ctx.memory.loop.touched = ctx.memory.loop.touched, {}
    if not ctx.is_loop_on:
        return
    for key, has_changed in touched.items():
        told, found = ctx.ledger.beliefs.get(key), ctx.memory.loop.book.belief(key)
        old_ppm = told.new_ppm if told is not None else 0
        least_ppm = max(TOLD_PPM, (found.high_ppm - found.low_ppm) // 4)
        has_moved = found.n_observed >= N_TOLD and abs(found.ppm - old_ppm) >= least_ppm
        is_more_tried = told is not None and found.is_demoted and found.tried_ppm >= 2 * told.tried_ppm
        if not (has_changed or has_moved or is_more_tried):
            continue
        reason = ("demoted" if found.is_demoted else "healed") if has_changed else "measured"
        numbers = (old_ppm, found.ppm, found.low_ppm, found.high_ppm, found.tried_ppm, found.n_observed)
        ctx.emit(BeliefChanged("", key.measure, key.venue, key.symbol, key.side, found.is_demoted, *numbers, reason))


def weigh_in(ctx: Context, request: PlanRequest) -> PlanRequest:
    """The request with the loop's bounded terms; the one it was is kept for the shadow arm."""
    side, symbol = request.approved.value.side, request.symbol.name
    estimates, tried = dict(request.estimates), []
    most_ppm = min(request.max_estimate_ppm, MAX_ESTIMATE_PPM)
    for venue in request.instruments:
        beliefs = {m: ctx.ledger.beliefs.get(BeliefKey(m, venue, symbol, side)) for m in Measure}
        demoted = [b for b in beliefs.values() if b is not None and b.is_demoted]
        terms = _terms(beliefs, fade_ppm(ctx, venue, symbol, side))
        if demoted:
            propensity_ppm, drawn_ppm = min(b.tried_ppm for b in demoted), draw_ppm(request.order_id, venue)
            tried.append((venue, propensity_ppm, drawn_ppm))
            terms = () if drawn_ppm < propensity_ppm else (("demoted", most_ppm),)
        if terms:
            estimates[venue] = _added(venue, estimates.get(venue), terms, most_ppm)
    if estimates == request.estimates and not tried:
        return request
    ctx.weighed[(request.order_id, request.wave)] = request, tuple(tried)
    return replace(request, estimates=estimates)


def tell_weighed(ctx: Context, parent: ParentRecord, planned: Planned) -> None:
    """Writes propensities of this wave and, for part of the waves, the route without the loop; nothing if it is off."""
    plan = planned.plan
    request, tried = ctx.weighed.pop((parent.order_id, plan.wave), (None, ()))
    if request is None:
        return
    is_shadowed = hash80("shadow", parent.order_id, plan.wave) % PPM < SHADOW_PPM and request.pool is None
    without: tuple[tuple[str, int], ...] = ()
    if is_shadowed:
        books = ctx.left(request.symbol.name, request.approved.value.side)
        shadow = ctx.world.planner.plan(request, books).plan
        without = tuple((item.venue, item.qty_units) for item in shadow.allocations)
    if tried or is_shadowed:
        ctx.emit(LoopWeighed(parent.account, parent.order_id, plan.wave, tried, is_shadowed, without))


def fade_ppm(ctx: Context, venue: str, symbol: str, side: Side) -> int:
    """Part of what a child is to find there now that will be gone: of touches as old as the one that stands.

    By our own children at such touches, where enough have come; else by books alone; else by all that we know of it.
    """
    ages = ctx.memory.loop.ages
    measure = ages.measure(venue, symbol, side, ctx.now_ns) if ages is not None else Measure.FADE
    asked = (measure, GONE_OF[measure], Measure.FADE) if ages is not None else (measure,)
    told = (ctx.ledger.beliefs.get(BeliefKey(m, venue, symbol, side)) for m in asked)
    return next((belief.new_ppm for belief in told if belief is not None), 0)


def _terms(beliefs: dict[Measure, BeliefChanged | None], fading_ppm: int) -> tuple[tuple[str, int], ...]:
    """Costs in ppm of gross money: the markout as it is, what fades or is refused at what it costs elsewhere."""
    markout, reject = beliefs[Measure.MARKOUT], beliefs[Measure.REJECT]
    found = (
        ("markout", markout.new_ppm if markout is not None else 0),
        ("fade", div_half_even(fading_ppm * REFILL_PPM, PPM)),
        ("reliability", div_half_even(reject.new_ppm * REFILL_PPM, PPM) if reject is not None else 0),
    )
    return tuple((name, ppm) for name, ppm in found if ppm)


def _added(venue: str, known: VenueEstimate | None, terms: tuple[tuple[str, int], ...], most_ppm: int) -> VenueEstimate:
    """What was estimated before and the loop's terms, together within the bound; what was cut is a term."""
    known = known or VenueEstimate(venue, 0, 0, 0, ())
    more_ppm = sum(ppm for _, ppm in terms)
    ppm = min(max(known.ppm + more_ppm, -most_ppm), most_ppm)
    cut_ppm = ppm - known.ppm - more_ppm
    kept = (*known.terms, *terms, *((("loop_bounded", cut_ppm),) if cut_ppm else ()))
    return VenueEstimate(venue, ppm, min(known.low_ppm + more_ppm, ppm), max(known.high_ppm + more_ppm, ppm), kept)
