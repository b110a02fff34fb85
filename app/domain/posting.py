"""What a slice may do before it crosses: where it may rest, how often it follows the touch, what post-only means."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum, unique


@unique
class PostOnly(StrEnum):
    """What happens where a child that was to rest would take instead.

    REJECT: its venue refuses it, and it is posted anew at the touch of then. BACK_OFF: the same, one tick further back
    for each refusal. CONVERT: it takes what it meets, and its rest rests.
    """

    REJECT = "reject"
    BACK_OFF = "back_off"
    CONVERT = "convert"


@unique
class Peg(StrEnum):
    """What the price of a child that rests is tied to, at its own venue.

    NONE: the near touch when it was posted; a touch that moves away is followed, one that comes nearer is not. NEAR:
    the near touch, both ways. MID: the middle of the touches on its own side's tick, both ways.
    """

    NONE = "none"
    NEAR = "near"
    MID = "mid"


@unique
class OneTouch(StrEnum):
    """Why a slice rests at one touch instead of being split over queues.

    UNMEASURED: of no venue enough was seen. PEGGED, ICEBERG: queues of others say nothing of a price between the
    touches, or of a child that lines up again and again. AGAIN: it has been posted before, and follows a price.
    AT_CAP: the rest of a sweep. UNSAID: an older fact, of before there were splits.
    """

    UNMEASURED = "unmeasured"
    PEGGED = "pegged"
    ICEBERG = "iceberg"
    AGAIN = "again"
    AT_CAP = "at_cap"
    UNSAID = "unsaid"


@unique
class Switch(StrEnum):
    """Whether an order has something, whatever the setting says."""

    OFF = "off"
    ON = "on"


@dataclass(frozen=True, slots=True)
class RestTerms:
    """What one order says of its children that rest; None: as the setting has it.

    `display_units`: what its venue may show of a child at a time, in symbol units; 0: all of it.
    """

    posting: Switch | None = None
    post_only: PostOnly | None = None
    peg: Peg = Peg.NONE
    display_units: int = 0


@dataclass(frozen=True, slots=True)
class Posting:
    """`venues`: where children may rest, `icebergs`: those of them that can hide a part, `shows_own`: those whose books
    show ours too. `is_on`: where an order does not say. `max_reprices`: how often one slice may be posted anew, because
    the price it is tied to has moved or a venue has refused; no sooner than `min_reprice_ns` after it was sent.
    `least_rest_ns`: for less it is not posted.
    """

    venues: frozenset[str]
    policy: PostOnly = PostOnly.REJECT
    max_reprices: int = 4
    min_reprice_ns: int = 500_000_000
    least_rest_ns: int = 500_000_000
    is_on: bool = True
    icebergs: frozenset[str] = frozenset()
    shows_own: frozenset[str] = frozenset()

    def of(self, terms: RestTerms | None) -> Posting | None:
        """What holds for an order that says `terms`; None where its children never rest."""
        terms = terms or RestTerms()
        is_on = self.is_on if terms.posting is None else terms.posting is Switch.ON
        if not is_on:
            return None
        venues = self.venues & self.icebergs if terms.display_units else self.venues
        return replace(self, venues=venues, policy=terms.post_only or self.policy)
