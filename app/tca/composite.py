"""The class mid that markouts are measured by: a depth-weighted median over venues, with and without one of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from app.domain.enums import Side
from app.risk.reference import Reference, read_reference
from app.shm.books import SymbolBooks

SHOWN_PPM: Final = 500  # 5 bps: what a replay's reach is measured in


@dataclass(frozen=True, slots=True)
class Sample:
    """One look at a symbol's books. Mids are twice the price, 0 where no book was fresh, uncrossed and two-sided.

    `mid_half_units`: the reference that an order's four prices are stamped with (risk/reference.py: the plain median),
    so that an interval's mean can be compared with them.

    `best_bid_units`, `best_ask_units`: over the valid venues. `without_half_units`: listed venue -> class mid of the
    others, weighted by depth. `shown_*_units`: displayed within SHOWN_PPM of the class mid, all valid venues.
    """

    ts_ns: int
    mid_half_units: int
    best_bid_units: int
    best_ask_units: int
    without_half_units: Mapping[str, int]
    shown_bid_units: int = 0
    shown_ask_units: int = 0

    def shown_units(self, side: Side) -> int:
        """What a taker of `side` finds displayed near the mid."""
        return self.shown_ask_units if side is Side.BUY else self.shown_bid_units


def take_sample(books: SymbolBooks, max_book_age_ns: Mapping[str, int], now_ns: int) -> Sample:
    """The books judged as the gate judges them; each weighs as much as it shows at its touch, both sides together."""
    reference = read_reference(books, max_book_age_ns, now_ns)
    touch_units = books.qty_units[:, :, 0]
    weights_units = dict(zip(books.venues, (touch_units[:, 0] + touch_units[:, 1]).tolist(), strict=True))
    quotes = sorted((mid, weights_units[venue], venue) for venue, mid in reference.venue_mids.items())
    everybody = weighted_median([(mid, weight) for mid, weight, _ in quotes])
    without = {
        venue: weighted_median([(mid, weight) for mid, weight, quoting in quotes if quoting != venue])
        if venue in reference.venue_mids
        else everybody
        for venue in books.venues
    }
    mid = reference.mid_half_units
    bids, asks = _shown_units(books, reference, mid) if mid else (0, 0)
    return Sample(now_ns, mid, reference.best_bid_units, reference.best_ask_units, without, bids, asks)


def _shown_units(books: SymbolBooks, reference: Reference, mid_half_units: int) -> tuple[int, int]:
    """Displayed bids and asks within SHOWN_PPM of the mid, over the valid venues."""
    gap_half_units = 2 * books.price_units
    gap_half_units -= mid_half_units
    bids_half_units = gap_half_units[:, 0]
    np.negative(bids_half_units, out=bids_half_units)
    is_near = gap_half_units <= mid_half_units * SHOWN_PPM // 1_000_000
    is_near &= np.arange(books.price_units.shape[2]) < books.n_levels[:, :, None]
    for row, venue in enumerate(books.venues):
        if venue not in reference.venue_mids:
            is_near[row] = False
    bids, asks = np.multiply(books.qty_units, is_near).sum(axis=(0, 2)).tolist()
    return bids, asks


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
