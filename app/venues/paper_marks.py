"""Mark prices of a paper venue's perpetuals: an index, and a bounded part of its own book's way from it. Simulated.

mark = index + clamp(own mid - index, +-BASIS_PPM of the index), rounded to the venue's tick. The index is the median of
the mids of its venues. A venue without a believable book of its own marks at its index; without any there is no mark.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median_low
from typing import Final

from app.domain.enums import ContractKind
from app.execution.simulator import Listing
from app.venues.exchange_spec import Market
from app.venues.simulated_market import Sides

BASIS_PPM: Final = 500  # 5 bps: a thin book that runs away moves its mark by no more


@dataclass(frozen=True, slots=True)
class PaperMarks:
    """The marks of one venue. `index_venues`: perpetual -> whose mids are its index; absent: its own alone."""

    venue_id: str
    market: Market
    listings: Mapping[str, Listing]
    index_venues: Mapping[str, tuple[str, ...]]

    def symbols(self) -> tuple[str, ...]:
        """What the venue marks: its contracts."""
        kinds = {name: listing.symbol.fungible.kind for name, listing in self.listings.items()}
        return tuple(name for name, kind in kinds.items() if kind is not ContractKind.SPOT)

    def units(self, symbol: str, now_ns: int) -> int:
        """The mark price now; 0 for spot, and where no venue of the index has a book."""
        listing = self.listings[symbol]
        if listing.symbol.fungible.kind is ContractKind.SPOT:
            return 0
        venues = self.index_venues.get(symbol, (self.venue_id,))
        mids = [_mid_half_units(self.market.sides(venue, symbol, now_ns)) for venue in venues]
        own_half = _mid_half_units(self.market.sides(self.venue_id, symbol, now_ns))
        return mark_price_units(mids, own_half, listing.instrument.tick_units)


def mark_price_units(index_halves: Sequence[int], own_half: int, tick_units: int) -> int:
    """The mark of these mids (twice the price; 0: no book), on the tick below; 0 for none."""
    known = [half for half in index_halves if half]
    if not known:
        return 0
    index_half = median_low(known)
    most_half = index_half * BASIS_PPM // 1_000_000
    basis_half = max(-most_half, min(most_half, own_half - index_half)) if own_half else 0
    return (index_half + basis_half) // (2 * tick_units) * tick_units


def _mid_half_units(sides: Sides) -> int:
    return sides.bids[0][0] + sides.asks[0][0] if sides.bids and sides.asks else 0
