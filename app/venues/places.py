"""Where children may rest, and what is known of the queues there."""

from __future__ import annotations

from dataclasses import dataclass

from app.venues.cex.profile_table import profile_of
from app.venues.paper import BASIC


@dataclass(frozen=True, slots=True)
class Places:
    """Sets of venues. `rest`: a child may rest there; `icebergs`: and hide a part; `shows_own`: the book shows ours.
    `moved_by_cancels`: a cancel before an order moves it on, whether a child of ours may rest there or not.
    """

    rest: frozenset[str]
    icebergs: frozenset[str]
    shows_own: frozenset[str]
    moved_by_cancels: frozenset[str]


def simulated_places(venues: frozenset[str], family: str) -> Places:
    """Everywhere; the basic market's orders stand outside its book, so no cancel moves them; families hide nothing."""
    nowhere = frozenset[str]()
    if family == BASIC:
        return Places(venues, icebergs=venues, shows_own=nowhere, moved_by_cancels=nowhere)
    return Places(venues, icebergs=nowhere, shows_own=nowhere, moved_by_cancels=venues)


def live_places(venues: frozenset[str], *, may_rest: bool) -> Places:
    """Where post-only has been shown on our local exchange, if anywhere at all; nothing is hidden."""
    shown = frozenset(venue for venue in venues if profile_of(venue).rests) if may_rest else frozenset[str]()
    return Places(shown, icebergs=frozenset(), shows_own=shown, moved_by_cancels=venues)
