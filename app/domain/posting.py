"""What a slice may do before it crosses: where it may rest, how often it follows the touch, what post-only means."""

from __future__ import annotations

from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True)
class Posting:
    """`venues`: where children may rest. `max_reprices`: how often one slice may be posted anew, because the touch has
    moved away or a venue has refused; no sooner than `min_reprice_ns` after it was sent for a touch. `least_rest_ns`:
    for less it is not posted.
    """

    venues: frozenset[str]
    policy: PostOnly = PostOnly.REJECT
    max_reprices: int = 4
    min_reprice_ns: int = 500_000_000
    least_rest_ns: int = 500_000_000
