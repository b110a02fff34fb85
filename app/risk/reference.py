"""Which venues' books may be believed now, and the class mid they give together.

Stale, crossed, gapped and one-sided are properties of one venue's book; that venue is left out. A cross between
venues is an opportunity and never an error.
"""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace

from app.domain.enums import ExclusionCode
from app.domain.plan import Exclusion
from app.domain.quick import quick_init
from app.shm.books import SymbolBooks


@quick_init
@dataclass(frozen=True, slots=True)
class Reference:
    """`mid_half_units`: median of valid venues' bid + ask (twice the mid), 0 when there is none.

    `best_bid_units`, `best_ask_units`: consolidated over valid venues, 0 when none. `barred`: why a venue is out.
    `venue_mids`: bid + ask of each valid venue.
    """

    mid_half_units: int
    best_bid_units: int
    best_ask_units: int
    barred: Mapping[str, Exclusion]
    venue_mids: Mapping[str, int]
    has_any_book: bool


def read_reference(books: SymbolBooks, max_book_age_ns: Mapping[str, int], now_ns: int) -> Reference:
    """Judges each venue's book at `now_ns`; a venue without an age limit is barred (fails closed)."""
    barred: dict[str, Exclusion] = {}
    mids: dict[str, int] = {}
    best_bid_units, best_ask_units = 0, 0
    n_levels = books.n_levels.tolist()
    sequences = books.book_seq.tolist()
    received = books.received_ts_ns.tolist()
    gapped = books.is_gapped.tolist()
    tops = books.price_units[:, :, 0].tolist()
    for i, venue in enumerate(books.venues):
        limit_ns, age_ns, (bid_units, ask_units) = max_book_age_ns.get(venue, 0), now_ns - received[i], tops[i]
        if not sequences[i]:
            barred[venue] = Exclusion(venue, ExclusionCode.NO_BOOK)
        elif gapped[i]:
            barred[venue] = Exclusion(venue, ExclusionCode.BOOK_GAP, value=sequences[i])
        elif age_ns > limit_ns:
            barred[venue] = Exclusion(venue, ExclusionCode.STALE_BOOK, limit=limit_ns, value=age_ns)
        elif not n_levels[i][0] or not n_levels[i][1]:
            barred[venue] = Exclusion(venue, ExclusionCode.EMPTY_SIDE)
        elif bid_units >= ask_units:
            barred[venue] = Exclusion(venue, ExclusionCode.CROSSED_BOOK, limit=ask_units, value=bid_units)
        else:
            mids[venue] = bid_units + ask_units
            # Words in the place of max and min, which would cost as much as all else here.
            best_bid_units = bid_units if bid_units > best_bid_units else best_bid_units
            best_ask_units = ask_units if not 0 < best_ask_units <= ask_units else best_ask_units
    return Reference(_median(sorted(mids.values())), best_bid_units, best_ask_units, barred, mids, any(sequences))


def without(reference: Reference, books: SymbolBooks, venues: AbstractSet[str]) -> Reference:
    """What the other valid venues say; the same where none of `venues` is valid."""
    if not reference.venue_mids.keys() & venues:
        return reference
    mids = {venue: mid for venue, mid in reference.venue_mids.items() if venue not in venues}
    tops = {venue: books.price_units[i, :, 0].tolist() for i, venue in enumerate(books.venues) if venue in mids}
    return replace(
        reference,
        mid_half_units=_median(sorted(mids.values())),
        best_bid_units=max((bid for bid, _ in tops.values()), default=0),
        best_ask_units=min((ask for _, ask in tops.values()), default=0),
        venue_mids=mids,
    )


def _median(ordered: list[int]) -> int:
    if not ordered:
        return 0
    middle = len(ordered) // 2
    if len(ordered) % 2:
        return ordered[middle]
    return (ordered[middle - 1] + ordered[middle]) // 2
