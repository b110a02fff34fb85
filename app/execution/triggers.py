"""Does a condition hold now? Levels are twice the price, from books that may be believed; 0 where there is none.

Laws: a stale, gapped, crossed or one-sided book has no say, so a halt triggers nothing and ends with the first book
that may be believed: a stop that was jumped over triggers there. A last trade that is too old has none either. A water
mark only ever moves the leg's own way.
"""

from __future__ import annotations

from typing import Final

from app.domain.conditional_records import LegRecord
from app.domain.conditions import Condition, ConditionKind, TriggerSource
from app.domain.enums import Side
from app.risk.reference import Reference

# What is not in a book, so that no book wakes anybody for it.
TOLD_SOURCES: Final = frozenset({TriggerSource.LAST, TriggerSource.MARK})


def level_half_units(condition: Condition, side: Side, reference: Reference, last_units: int = 0) -> int:
    """The level to hold against the condition; with cross_venue that of the last of the `n_venues` that must agree.

    `last_units`: the newest trade that may be believed, 0 for none.
    """
    if condition.source is TriggerSource.LAST:
        return 2 * last_units
    if condition.source is not TriggerSource.CROSS_VENUE:
        return reference.mid_half_units
    mids = sorted(reference.venue_mids.values(), reverse=condition.is_rising(side))
    return mids[condition.n_venues - 1] if len(mids) >= condition.n_venues else 0


def calmer_half_units(level_half: int, calm_half: int, moved: Side) -> int:
    """The level less what our own fills of side `moved` may have done: leaving venues out may hold a condition back, it
    never makes one hold. `calm_half`: the level of the other venues, 0 where they have none; then all venues answer.
    """
    if not level_half or not calm_half:
        return level_half
    return min(level_half, calm_half) if moved is Side.BUY else max(level_half, calm_half)


def is_beyond(condition: Condition, side: Side, level_half: int, stop_half: int) -> bool:
    """Whether `level_half` has come to `stop_half`."""
    return level_half >= stop_half if condition.is_rising(side) else level_half <= stop_half


def next_mark_half_units(condition: Condition, side: Side, mark_half: int, level_half: int) -> int:
    """The water mark after `level_half` was seen: the best so far, 0 while the trail is not active."""
    trail = condition.trail
    assert trail is not None
    if mark_half:
        return max(mark_half, level_half) if side is Side.SELL else min(mark_half, level_half)
    start_half = 2 * trail.activation_units
    is_active = not start_half or (level_half >= start_half if side is Side.SELL else level_half <= start_half)
    return level_half if is_active else 0


def stop_half_units(condition: Condition, side: Side, mark_half: int) -> int:
    """The level at which the condition holds; 0 for a trail that is not active."""
    if condition.kind is not ConditionKind.TRAIL:
        return 2 * condition.price_units
    assert condition.trail is not None
    return condition.trail.stop_half_units(mark_half, side) if mark_half else 0


def is_mark_due(condition: Condition, leg: LegRecord, mark_half: int, now_ns: int, every_ns: int) -> bool:
    """Whether a moved mark is written now: the first at once, later ones after `every_ns` or a sixteenth of the trail.

    What is not written yet is all that a restart can lose.
    """
    if mark_half == leg.mark_half_units:
        return False
    if not leg.mark_half_units or now_ns - leg.marked_ts_ns >= every_ns:
        return True
    trail = condition.trail
    assert trail is not None
    offset_half = 2 * trail.offset_units or mark_half * trail.offset_ppm // 1_000_000
    return 16 * abs(mark_half - leg.mark_half_units) >= offset_half
