"""Along a volume curve: lots due are proportional to the volume expected from the anchor to the end of this slice."""

from __future__ import annotations

from app.domain.schedule import Progress, Seen, VwapParameters
from app.domain.units import div_half_even


def due_lots(parameters: VwapParameters, progress: Progress, seen: Seen) -> int:
    """Lots of the parent that the plan wants given out by now: from the anchor's up to all of them.

    Rounded to the nearest lot of the exact cumulative target, so it is never more than half a lot away from it. Where
    the curve expects nothing more, all is due.
    """
    terms = parameters.terms
    from_ns = max(progress.anchor_ns, terms.start_ns)
    until_ns = terms.slice_end_ns(seen.now_ns)
    if seen.now_ns >= terms.end_ns or from_ns >= terms.end_ns:
        return progress.total_lots
    if until_ns <= from_ns:
        return progress.anchor_lots
    before = _volume_until(parameters, from_ns)
    left = _volume_until(parameters, terms.end_ns) - before
    if left == 0:
        return progress.total_lots
    passed = _volume_until(parameters, until_ns) - before
    return progress.anchor_lots + div_half_even((progress.total_lots - progress.anchor_lots) * passed, left)


def _volume_until(parameters: VwapParameters, at_ns: int) -> int:
    """The curve's volume from its start to `at_ns`, even within a bin, in weights x nanoseconds of the window."""
    span_ns = parameters.terms.end_ns - parameters.terms.start_ns
    bin_i, into = divmod((at_ns - parameters.terms.start_ns) * len(parameters.weights), span_ns)
    whole = sum(parameters.weights[:bin_i]) * span_ns
    return whole + (parameters.weights[bin_i] * into if into else 0)
