"""A part of the volume: lots due follow what others have traded since the anchor; an end does not force the rest."""

from __future__ import annotations

from app.domain.schedule import PovParameters, Progress, Seen


def due_lots(parameters: PovParameters, progress: Progress, seen: Seen) -> int:
    """Lots of the parent that the plan wants given out by now: from the anchor's up to all of them.

    Rounded down: never more than the rate. What a child did not fill stays due, so it is caught up as the cap allows.
    """
    terms = parameters.terms
    if seen.now_ns < terms.start_ns:
        return progress.anchor_lots
    numerator, denominator = parameters.of_others
    passed_lots = max(seen.others_lots - progress.anchor_others_lots, 0)
    return min(progress.total_lots, progress.anchor_lots + passed_lots * numerator // denominator)
