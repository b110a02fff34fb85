"""Evenly over time: lots due are proportional to the time from the anchor to the end of the slice that has begun."""

from __future__ import annotations

from app.domain.schedule import Progress, Seen, TwapParameters
from app.domain.units import div_half_even


def due_lots(parameters: TwapParameters, progress: Progress, seen: Seen) -> int:
    """Lots of the parent that the plan wants given out by now: from the anchor's up to all of them.

    Rounded to the nearest lot of the exact cumulative target, so it is never more than half a lot away from it.
    """
    terms = parameters.terms
    from_ns = max(progress.anchor_ns, terms.start_ns)
    until_ns = terms.slice_end_ns(seen.now_ns)
    left_lots = progress.total_lots - progress.anchor_lots
    if seen.now_ns >= terms.end_ns or from_ns >= terms.end_ns:
        return progress.total_lots
    if until_ns <= from_ns:
        return progress.anchor_lots
    return progress.anchor_lots + div_half_even(left_lots * (until_ns - from_ns), terms.end_ns - from_ns)
