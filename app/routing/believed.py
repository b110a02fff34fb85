"""What a plan's estimates come to: they were believed, not computed, and are told apart from what is certified."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from app.domain.plan import VenueEstimate
from app.domain.units import PPM, div_half_even

UBPS_PER_PPM: Final = 10_000
# What the bound took off (or added to) a venue's terms, so that the terms still sum to what ranked it.
BOUNDED: Final = "bounded"


class Believed(NamedTuple):
    """Terms (name, 1e-6 bps of the plan's money), and the interval of their sum in nano."""

    terms: tuple[tuple[str, int], ...] = ()
    low_nano: int = 0
    high_nano: int = 0


NOTHING_BELIEVED: Final = Believed()


def weigh(estimates: Mapping[str, VenueEstimate], children: Sequence[tuple[str, int, int]]) -> Believed:
    """The estimates of a plan's children (venue, money nano, ppm by which the venue was ranked), weighted by money."""
    total = sum([money for _, money, _ in children])
    sums: dict[str, int] = {}
    low = high = 0
    for venue, money, ranked_ppm in children:
        estimate = estimates.get(venue)
        if estimate is None:
            continue
        told = 0
        for name, ppm in estimate.terms:
            sums[name] = sums.get(name, 0) + money * ppm
            told += ppm
        if told != ranked_ppm:
            sums[BOUNDED] = sums.get(BOUNDED, 0) + money * (ranked_ppm - told)
        low += money * min(estimate.low_ppm, ranked_ppm)
        high += money * max(estimate.high_ppm, ranked_ppm)
    if not sums:
        return NOTHING_BELIEVED
    terms = tuple((name, div_half_even(value * UBPS_PER_PPM, max(total, 1))) for name, value in sums.items())
    return Believed(terms, div_half_even(low, PPM), div_half_even(high, PPM))
