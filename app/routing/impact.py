"""Books with impact as convex curves: per venue, segments whose marginal cost rises, ready for a waterfill over them.

A venue's marginal cost after q units is its level's all-in unit cost plus the displacement that q causes there. Impact
is an estimate, so it is bounded like every other: the displacement stops growing at `max_ppm`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from app.domain.errors import InvariantBroken
from app.domain.plan import MAX_ESTIMATE_PPM
from app.domain.terms import DEFAULT_ESTIMATE_PPM
from app.kernels import impact as kernel
from app.kernels.status import OK

Int64Array = npt.NDArray[np.int64]
Float64Array = npt.NDArray[np.float64]

LINEAR, SQUARE_ROOT = kernel.LINEAR, kernel.SQUARE_ROOT


@dataclass(frozen=True, slots=True)
class VenueImpact:
    """One venue's law: `peak_ppm` is the displacement that `scale_units` of quantity cause; 0 means none."""

    law_number: int
    peak_ppm: float
    scale_units: float


@dataclass(frozen=True, slots=True)
class ImpactCurves:
    """Venue v owns segments first[v] .. first[v + 1]: `qty_units` of each, marginal cost in nano at its two ends.

    float64[n] and int64. Marginals never fall within a venue, so its cost is convex; between the ends it is a line.
    """

    first: Int64Array
    qty_units: Int64Array
    low_nano: Float64Array
    high_nano: Float64Array


def impact_curves(
    first: Int64Array,
    qty_units: Int64Array,
    unit_nano: Float64Array,
    impacts: tuple[VenueImpact, ...],
    *,
    mid_unit_nano: float,
    max_ppm: float = DEFAULT_ESTIMATE_PPM,
) -> ImpactCurves:
    """Curves of flat levels (as in RouteProblem) under one law a venue; one segment a level.

    unit_nano: all-in cost of one unit of each level, rising within a venue. mid_unit_nano: what a unit is worth.
    Raises InvariantBroken where the shapes or a law do not fit.
    """
    n_venues = first.size - 1
    if len(impacts) != n_venues or qty_units.size != unit_nano.size or int(first[-1]) != qty_units.size:
        raise InvariantBroken(reason="shapes", n_venues=n_venues, n_impacts=len(impacts), n_levels=qty_units.size)
    most_ppm = min(max(max_ppm, 0.0), float(MAX_ESTIMATE_PPM))
    low, high = unit_nano.copy(), unit_nano.copy()
    per_ppm = abs(mid_unit_nano) * 1e-6
    for venue_i, law in enumerate(impacts):
        start, end = int(first[venue_i]), int(first[venue_i + 1])
        if law.peak_ppm == 0.0 or start == end:
            continue
        taken = np.concatenate(([0.0], np.cumsum(qty_units[start:end], dtype=np.float64)))
        shift_ppm, average_ppm = np.empty_like(taken), np.empty_like(taken)
        found = kernel.impact_costs(law.law_number, law.peak_ppm, law.scale_units, taken, shift_ppm, average_ppm)
        if found != OK or not law.peak_ppm > 0.0:
            raise InvariantBroken(reason="impact", peak_ppm=law.peak_ppm, scale_units=law.scale_units)
        np.minimum(shift_ppm, most_ppm, out=shift_ppm)
        low[start:end] += shift_ppm[:-1] * per_ppm
        high[start:end] += shift_ppm[1:] * per_ppm
    return ImpactCurves(first, qty_units, low, high)


def split_at(curves: ImpactCurves, price_nano: float) -> Float64Array:
    """Units that each venue takes while its marginal cost is at most `price_nano`, float64[n_venues]."""
    width = curves.high_nano - curves.low_nano
    inside = np.divide(price_nano - curves.low_nano, width, out=np.zeros_like(width), where=width > 0)
    share = np.where(width > 0, np.clip(inside, 0.0, 1.0), (curves.low_nano <= price_nano).astype(np.float64))
    taken = np.concatenate(([0.0], np.cumsum(share * curves.qty_units)))
    units: Float64Array = taken[curves.first[1:]] - taken[curves.first[:-1]]
    return units


def cost_of(curves: ImpactCurves, units: Float64Array) -> Float64Array:
    """Cost in nano of taking `units` at each venue, float64[n_venues]; NaN beyond the venue's depth."""
    cost = np.zeros(units.size)
    for venue_i in range(units.size):
        left = float(units[venue_i])
        for i in range(int(curves.first[venue_i]), int(curves.first[venue_i + 1])):
            if left <= 0.0:
                break
            size = float(curves.qty_units[i])
            take = min(left, size)
            rise = curves.high_nano[i] - curves.low_nano[i]
            cost[venue_i] += take * (curves.low_nano[i] + 0.5 * rise * take / size)
            left -= take
        if left > 1e-9 * max(float(units[venue_i]), 1.0):
            cost[venue_i] = np.nan
    return cost
