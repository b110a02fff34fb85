"""What is different between two readings of a venue's listings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum, unique

from app.domain.listing import Listing


@unique
class ListingChange(StrEnum):
    """NEW and GONE are whole listings. CLASS: the same name is another thing now; orders by the old one are wrong."""

    NEW = "new"
    GONE = "gone"
    CLASS = "class"
    TICK = "tick"
    LOT = "lot"
    MIN_QTY = "min_qty"
    MIN_NOTIONAL = "min_notional"
    EXPIRY = "expiry"
    HALTED = "halted"
    RESUMED = "resumed"


@dataclass(frozen=True, slots=True)
class Changed:
    """One difference, the two values as text."""

    venue: str
    venue_symbol: str
    unified: str
    what: ListingChange
    was: str = ""
    now: str = ""


_FIELDS = (
    (ListingChange.TICK, "tick"),
    (ListingChange.LOT, "lot"),
    (ListingChange.MIN_QTY, "min_qty"),
    (ListingChange.MIN_NOTIONAL, "min_notional"),
    (ListingChange.EXPIRY, "expiry_ts_ns"),
)


def changes(old: Sequence[Listing], new: Sequence[Listing]) -> list[Changed]:
    """Every difference, by the venue's own symbol, in the order of the new reading; what is gone comes last."""
    before = {(each.venue, each.venue_symbol): each for each in old}
    after = {(each.venue, each.venue_symbol): each for each in new}
    found = []
    for key, listing in after.items():
        known = before.get(key)
        if known is None:
            found.append(Changed(*key, listing.unified, ListingChange.NEW, now=listing.unified))
        elif known != listing:
            found += _between(known, listing)
    gone = [each for key, each in before.items() if key not in after]
    return found + [Changed(each.venue, each.venue_symbol, each.unified, ListingChange.GONE) for each in gone]


def _between(old: Listing, new: Listing) -> list[Changed]:
    name = (new.venue, new.venue_symbol, new.unified)
    found = []
    if (old.fungible, old.unified) != (new.fungible, new.unified):
        sizes = (f"{each.unified} x {each.fungible.multiplier_nano}" for each in (old, new))
        found.append(Changed(*name, ListingChange.CLASS, *sizes))
    for what, field in _FIELDS:
        was, now = getattr(old, field), getattr(new, field)
        if was != now:
            found.append(Changed(*name, what, str(was), str(now)))
    if old.is_active != new.is_active:
        found.append(Changed(*name, ListingChange.RESUMED if new.is_active else ListingChange.HALTED))
    return found
