"""Children of one wave that arrive together: whoever is nearer waits. Pure.

The first child that arrives tells the market; what is late then finds less. A venue whose way was never measured is not
waited for and does not wait.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from app.execution.inputs import SendChild


def delays_ns(one_way_ns: Mapping[str, int], venues: Sequence[str], most_ns: int) -> dict[str, int]:
    """How long each venue's child waits so that all arrive when the slowest does; at most `most_ns`, 0 switches off."""
    known = [one_way_ns[venue] for venue in venues if venue in one_way_ns]
    if most_ns <= 0 or len(known) < 2:
        return dict.fromkeys(venues, 0)
    slowest_ns = max(known)
    return {venue: min(slowest_ns - one_way_ns.get(venue, slowest_ns), most_ns) for venue in venues}


def aligned(sending: Sequence[SendChild], one_way_ns: Mapping[str, int], most_ns: int) -> list[SendChild]:
    """The wave's commands with their waits, the longest way first: none waits behind one that need not leave yet."""
    if most_ns <= 0 or len(sending) < 2:
        return list(sending)
    waits_ns = delays_ns(one_way_ns, [item.approved.value.venue for item in sending], most_ns)
    told = [replace(item, delay_ns=waits_ns[item.approved.value.venue]) for item in sending]
    return sorted(told, key=lambda item: item.delay_ns)
