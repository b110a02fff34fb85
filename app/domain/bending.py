"""How an adaptive schedule (version 2) bends its plain plan: what was forecast, and how far ahead or behind it made it.

A bend is decided once a slice and is a fact with what it was decided on, so the log alone gives the same plan.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from app.domain.units import PPM

# No forecast makes a slice more than twice, or less than half, of what the plain plan gives it.
MOST_WEIGHT_PPM: Final = 2 * PPM
LEAST_WEIGHT_PPM: Final = PPM // 2
# Without a word of the desk a plan is bent by at most a tenth of the parent.
DEFAULT_TILT_PPM: Final = PPM // 10
MOST_TILT_PPM: Final = PPM // 2


@dataclass(frozen=True, slots=True)
class Outlook:
    """What is forecast of the next slice, each as a part of what is usual there: PPM is as usual, or not known.

    `volume_ppm`: what others trade, against the usual of this time of day. `spread_ppm`: mean spread of the venues.
    `sigma_ppm`: volatility. `watched_s`: how long the market has been watched for it; 0: nothing is known.
    """

    volume_ppm: int = PPM
    spread_ppm: int = PPM
    sigma_ppm: int = PPM
    watched_s: int = 0


@dataclass(frozen=True, slots=True)
class Bend:
    """The slice that begins at `from_ns`, of the plan that runs from `anchor_ns`: `lead_lots` ahead of the plain plan
    at its end (negative: behind), `before_lots` ahead of it at its begin.
    """

    anchor_ns: int
    from_ns: int
    before_lots: int
    lead_lots: int


def bent_lead_lots(
    before_lots: int, plain_lots: tuple[int, int, int], weight_ppm: int, bounds_lots: tuple[int, int]
) -> int:
    """How far ahead of the plain plan a slice ends that takes `weight_ppm` of its usual part of what is left.

    `plain_lots`: the plain plan's cumulative lots at the slice's begin and end, and all of them. `before_lots`: how far
    ahead of it the slice begins. `bounds_lots`: most behind (positive) and most ahead. What is gained or lost is spread
    over all that follows in the plain plan's proportions, so the lead fades by itself, and is 0 at the end.
    """
    begin, end, total = plain_lots
    left, later = max(total - begin - before_lots, 0), total - end
    if later <= 0:
        return 0
    wanted = (end - begin) * weight_ppm
    whole = wanted + later * PPM
    at_end = begin + before_lots + (2 * left * wanted + whole) // (2 * whole)
    most_behind, most_ahead = bounds_lots
    return min(max(at_end - end, -most_behind), most_ahead, later)
