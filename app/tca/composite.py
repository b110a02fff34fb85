"""The class mid that markouts are measured by: a depth-weighted median over venues, with and without one of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from app.risk.reference import read_reference
from app.shm.books import SymbolBooks


@dataclass(frozen=True, slots=True)
class Sample:
    """One look at a symbol's books. Mids are twice the price, 0 where no book was fresh, uncrossed and two-sided.

    `best_bid_units`, `best_ask_units`: over the valid venues. `without_half_units`: listed venue -> class mid of the
    others.
    """

    ts_ns: int
    mid_half_units: int
    best_bid_units: int
    best_ask_units: int
    without_half_units: Mapping[str, int]


def take_sample(books: SymbolBooks, max_book_age_ns: Mapping[str, int], now_ns: int) -> Sample:
    """The books judged as the gate judges them; each weighs as much as it shows at its touch, both sides together."""
    reference = read_reference(books, max_book_age_ns, now_ns)
    shown = books.qty_units[:, :, 0].sum(axis=1).tolist()
    weights_units = dict(zip(books.venues, shown, strict=True))
    quotes = sorted((mid, weights_units[venue], venue) for venue, mid in reference.venue_mids.items())
    everybody = weighted_median([(mid, weight) for mid, weight, _ in quotes])
    without = {
        venue: weighted_median([(mid, weight) for mid, weight, quoting in quotes if quoting != venue])
        if venue in reference.venue_mids
        else everybody
        for venue in books.venues
    }
    return Sample(now_ns, everybody, reference.best_bid_units, reference.best_ask_units, without)


def weighted_median(ordered: Sequence[tuple[int, int]]) -> int:
    """Of (value, weight > 0), ascending by value: where half the weight lies on either side; 0 of nothing.

    Exactly half below gives the mean of the two neighbours, rounded down.
    """
    total = sum(weight for _, weight in ordered)
    below = 0
    for i, (value, weight) in enumerate(ordered):
        below += weight
        if 2 * below > total:
            return value
        if 2 * below == total:
            return (value + ordered[i + 1][0]) // 2
    return 0
