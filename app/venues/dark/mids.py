"""The price that venues without a book trade around."""

from __future__ import annotations

from collections.abc import Sequence

from app.venues.exchange_spec import Market


def lit_mid(lit: Market, venues: Sequence[str], symbol: str, now_ns: int) -> int:
    """Twice the mean mid of the `venues` with both sides and no cross, in symbol units, rounded down; 0 for none."""
    mids = []
    for venue in venues:
        sides = lit.sides(venue, symbol, now_ns)
        if sides.bids and sides.asks and sides.bids[0][0] < sides.asks[0][0]:
            mids.append(sides.bids[0][0] + sides.asks[0][0])
    return sum(mids) // len(mids) if mids else 0
