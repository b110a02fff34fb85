"""The life of a schedule: what is released now, and what pause, resume and amend make of it. Pure, and of integers.

Every slice is a difference of cumulative lots, so children sum to the parent whatever happens between them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from typing import Any, Final

from app.domain.errors import BadRequest, InvariantBroken
from app.domain.schedule import (
    MEANING,
    AdaptiveParameters,
    DisguisedParameters,
    PlainParameters,
    PovParameters,
    Progress,
    ScheduleParameters,
    ScheduleTerms,
    Seen,
    ShortfallParameters,
    TwapParameters,
    VwapParameters,
)
from app.domain.units import MAX_UNITS, PPM, div_up
from app.execution.disguise import Bounds, Clip, Crowd, Window, curve_weights, disguise, next_clip_ns, seed_of
from app.execution.disguise import due_lots as due_clip_lots
from app.execution.schedules import pov, shortfall, twap, vwap

# One signature: (parameters, progress, seen) -> lots due, from the anchor's up to all, never falling with time.
_DUE: Final[dict[type, Callable[[Any, Progress, Seen], int]]] = {
    TwapParameters: twap.due_lots,
    VwapParameters: vwap.due_lots,
    PovParameters: pov.due_lots,
    ShortfallParameters: shortfall.due_lots,
}
# Looks at a plain plan for the curve that a disguise follows: a draw strays further than more of them would tell.
MAX_CURVE_LOOKS: Final = 60


def begin(total_lots: int, seen: Seen) -> Progress:
    """The progress of a parent of `total_lots` that comes now."""
    if not 0 < total_lots < MAX_UNITS:
        raise BadRequest("invalid_request", "a parent has at least one lot", pointer="/qty")
    return Progress(total_lots, seen.now_ns, 0, seen.others_lots, 0, seen.others_lots)


def target_lots(parameters: ScheduleParameters, progress: Progress, seen: Seen) -> int:
    """Lots of the parent that ought to be given out by now: at least those that are, at most all of them.

    The plan's lots, or all at the would-price; within the cap; none beyond the limit, before the start or in a pause;
    no less than the least clip at once.
    """
    terms, released = parameters.terms, progress.released_lots
    if progress.is_paused or seen.now_ns < terms.start_ns or not _is_within_limit(terms, seen):
        return released
    if _is_at_would_price(terms, seen):
        wanted = progress.total_lots
    else:
        wanted = _due_lots(parameters, progress, seen)
    slice_lots = min(wanted - released, _room_lots(parameters, progress, seen))
    is_last = released + slice_lots == progress.total_lots
    if slice_lots <= 0 or (slice_lots < terms.min_clip_lots and not is_last):
        return released
    return released + slice_lots


def release(parameters: ScheduleParameters, progress: Progress, seen: Seen) -> tuple[Progress, int]:
    """(progress after, lots of the slice that is given out now: 0 for none)."""
    target = target_lots(parameters, progress, seen)
    slice_lots = target - progress.released_lots
    if slice_lots == 0:
        return progress, 0
    return replace(progress, released_lots=target, mark_others_lots=seen.others_lots), slice_lots


def next_due_ns(parameters: ScheduleParameters, progress: Progress, now_ns: int) -> int:
    """When a disguised plan's next clip leaves, 0 where none does; 0 for plain plans, whose slices say it."""
    if not isinstance(parameters, DisguisedParameters):
        return 0
    return next_clip_ns(_clips(parameters, progress.total_lots, progress.anchor_ns, progress.anchor_lots), now_ns)


def give_back(progress: Progress, unfilled_lots: int) -> Progress:
    """Lots of a child that ended unfilled are due again. Raises InvariantBroken for more than were given out."""
    if not 0 <= unfilled_lots <= progress.released_lots:
        raise InvariantBroken(reason="give back", unfilled_lots=unfilled_lots, released_lots=progress.released_lots)
    return replace(progress, released_lots=progress.released_lots - unfilled_lots)


def settle(progress: Progress, taken_lots: int) -> Progress:
    """What is out is what children have filled or may still fill, whichever way that differs from what was thought:
    an ended child gives back, a late fill takes again. Never more than the whole.
    """
    if taken_lots < 0:
        raise InvariantBroken(reason="settle", taken_lots=taken_lots)
    return replace(progress, released_lots=min(taken_lots, progress.total_lots))


def regain(parameters: ScheduleParameters, progress: Progress, unfilled_lots: int) -> Progress:
    """The room under the cap comes back that lots took which rested and did not fill: they were no part of the volume.

    The mark goes back by the volume that the cap asks for so many lots, to within a lot: in all, no more is out than
    the cap's part of what others traded. A POV whose urgency keeps it below its cap gives them out again at that pace.
    """
    cap_ppm = parameters.terms.cap_ppm
    if cap_ppm is None or unfilled_lots <= 0:
        return progress
    passed_lots = unfilled_lots * PPM // cap_ppm
    return replace(progress, mark_others_lots=progress.mark_others_lots - passed_lots)


def pause(progress: Progress) -> Progress:
    """Nothing is released until it is resumed; what is out stays out."""
    return replace(progress, is_paused=True)


def resume(progress: Progress, seen: Seen) -> Progress:
    """What is left is planned anew from now to the same end; the pause's own volume gives no room under the cap."""
    if not progress.is_paused:
        return progress
    return _anchored(replace(progress, is_paused=False), seen)


def amend(progress: Progress, seen: Seen, *, total_lots: int | None = None) -> Progress:
    """For new parameters or a new total: what is left is planned anew from now. Refuses less than is already out."""
    total = progress.total_lots if total_lots is None else total_lots
    if not max(progress.released_lots, 1) <= total < MAX_UNITS:
        raise BadRequest("invalid_request", f"{progress.released_lots} lots are already out", pointer="/qty")
    return _anchored(replace(progress, total_lots=total), seen)


def _anchored(progress: Progress, seen: Seen) -> Progress:
    return replace(
        progress,
        anchor_ns=seen.now_ns,
        anchor_lots=progress.released_lots,
        anchor_others_lots=seen.others_lots,
        mark_others_lots=seen.others_lots,
    )


def _due_lots(parameters: ScheduleParameters, progress: Progress, seen: Seen) -> int:
    if isinstance(parameters, AdaptiveParameters):
        return _bent_lots(parameters, progress, seen)
    if not isinstance(parameters, DisguisedParameters):
        return _DUE[type(parameters)](parameters, progress, seen)
    if seen.now_ns >= parameters.terms.end_ns:
        return progress.total_lots
    clips = _clips(parameters, progress.total_lots, progress.anchor_ns, progress.anchor_lots)
    return progress.anchor_lots + due_clip_lots(clips, seen.now_ns)


def plain_lots(plain: PlainParameters, progress: Progress, now_ns: int) -> int:
    """Lots that a plan of the clock wants given out by `now_ns`, whatever else holds it up."""
    return _DUE[type(plain)](plain, progress, Seen(now_ns))


def _bent_lots(parameters: AdaptiveParameters, progress: Progress, seen: Seen) -> int:
    """The plain plan's lots and the bend of the slice; before the slice that was bent last, the bend it began with."""
    plain, bend = _DUE[type(parameters.plain)](parameters.plain, progress, seen), parameters.bend
    if bend is None or bend.anchor_ns != progress.anchor_ns or seen.now_ns >= parameters.terms.end_ns:
        return plain
    lead_lots = bend.lead_lots if seen.now_ns >= bend.from_ns else bend.before_lots
    return min(max(plain + lead_lots, progress.anchor_lots), progress.total_lots)


@lru_cache(maxsize=1_024)
def _clips(parameters: DisguisedParameters, total_lots: int, anchor_ns: int, anchor_lots: int) -> tuple[Clip, ...]:
    """The clips of what was left at the anchor, from then to the end: the same for the same arguments, for ever.

    A new anchor (resume, amend) has a seed of its own, so that what was seen before it tells nothing of what follows.
    """
    terms, left_lots = parameters.terms, total_lots - anchor_lots
    start_ns = max(anchor_ns, terms.start_ns)
    if not left_lots or start_ns >= terms.end_ns:
        return ()
    window = Window(start_ns, terms.end_ns, _weights(parameters.plain, total_lots, start_ns, anchor_lots))
    bounds = Bounds(min_lots=terms.min_clip_lots)
    seed_bits = seed_of(str(parameters.seed_bits), str(anchor_ns))
    return disguise(seed_bits, left_lots, window, Crowd(parameters.sizes_lots), bounds)


def _weights(plain: PlainParameters, total_lots: int, start_ns: int, anchor_lots: int) -> tuple[int, ...]:
    """The plain plan's curve from `start_ns` to the end, even within a slice; none for one that is even throughout."""
    if isinstance(plain, TwapParameters):
        return ()
    terms, anchored = plain.terms, Progress(total_lots, start_ns, anchor_lots, 0, anchor_lots, 0)
    at_ns, due_lots = [start_ns], [anchor_lots]
    look_ns = max((terms.end_ns - start_ns) // MAX_CURVE_LOOKS, terms.slice_ns)
    while at_ns[-1] < terms.end_ns:
        due_lots.append(_DUE[type(plain)](plain, anchored, Seen(min(at_ns[-1] + look_ns, terms.end_ns) - 1)))
        at_ns.append(terms.slice_end_ns(min(at_ns[-1] + look_ns, terms.end_ns) - 1))
    return curve_weights(at_ns, due_lots)


def _is_within_limit(terms: ScheduleTerms, seen: Seen) -> bool:
    """Without a price there is no market to be within the limit of."""
    if terms.limit_price_ticks is None:
        return True
    if seen.price_ticks is None:
        return False
    return terms.side.sign * (seen.price_ticks - terms.limit_price_ticks) <= 0


def _is_at_would_price(terms: ScheduleTerms, seen: Seen) -> bool:
    if terms.would_price_ticks is None or seen.price_ticks is None:
        return False
    return terms.side.sign * (seen.price_ticks - terms.would_price_ticks) <= 0


def _room_lots(parameters: ScheduleParameters, progress: Progress, seen: Seen) -> int:
    """Most lots that the cap, and a POV's urgency, let out now: a part of what others traded since the last release."""
    terms = parameters.terms
    left_lots = progress.total_lots - progress.released_lots
    if terms.cap_ppm is None:
        return left_lots
    passed_lots = max(seen.others_lots - progress.mark_others_lots, 0)
    capped_lots = passed_lots * terms.cap_ppm // PPM
    if isinstance(parameters, PovParameters) and not _is_at_would_price(terms, seen):
        # Between the rate and the cap, as far as the urgency says; rounded up, or a plan of few lots would fall behind.
        rate, base = parameters.of_others
        over = MEANING[terms.urgency].catch_up_ppm * (terms.cap_ppm * base - rate * PPM)
        capped_lots = min(capped_lots, div_up(passed_lots * (rate * PPM * PPM + over), base * PPM * PPM))
    return min(left_lots, capped_lots)
