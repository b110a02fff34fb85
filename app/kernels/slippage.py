"""What a marketable order costs beside the mid, and how that cost spreads until the order arrives.

The book walk is arithmetic; the rest is a location-scale law with tabulated quantiles (docs/kernels.md#slippage).
Prices and quantities are the book's integers; costs are ppm of the order's value at the mid, positive is a cost.
"""

# ruff: noqa: PLR0917 - a kernel takes flat arrays by position: Numba has no cheaper way to group them

from __future__ import annotations

import math
from typing import Final

import numpy as np
import numpy.typing as npt

from app.kernels.jit import CALL, kernel
from app.kernels.status import BAD_LEVELS, OK

Int64 = npt.NDArray[np.int64]
Float64 = npt.NDArray[np.float64]

# Columns of a row of book features.
WALK_PPM: Final = 0
HALF_SPREAD_PPM: Final = 1
IMBALANCE_FRAC: Final = 2
USED_FRAC: Final = 3
N_FEATURES: Final = 4

# Entries of a law's weights.
SIGMA_POWER: Final = 0
IMBALANCE_PPM: Final = 1
N_WEIGHTS: Final = 2
# The spread of a law is stretched at most this much either way: beyond it nothing was seen.
MAX_STRETCH: Final = 5.0
# Quantiles of a prediction, then its mean.
LEVELS: Final = (0.05, 0.25, 0.5, 0.75, 0.95)
N_OUT: Final = 6
# Depth that counts as displayed: the reach within which a replay may price a parent.
REACH_PPM: Final = 500.0


@kernel("")
def average_price(price_units: Int64, qty_units: Int64, n_levels: int, wanted_units: float, is_inverse: bool) -> float:
    """Average price of taking `wanted_units` level by level, NaN where the book is too short.

    An inverse contract pays coin, quantity / price, so its average is the harmonic one.
    """
    left = wanted_units
    money = 0.0
    for i in range(n_levels):
        take = min(left, float(qty_units[i]))
        money += take / price_units[i] if is_inverse else take * price_units[i]
        left -= take
        if left <= 0.0:
            break
    if left > 0.0 or wanted_units <= 0.0 or money <= 0.0:
        return math.nan
    return wanted_units / money if is_inverse else money / wanted_units


@kernel("int64(int64[:,::1], int64[:,::1], int64[::1], int64, boolean, float64, float64[::1], float64[:,::1])", CALL)
def book_features(
    price_units: Int64,
    qty_units: Int64,
    n_levels: Int64,
    side: int,
    is_inverse: bool,
    reference_units: float,
    wanted_units: Float64,
    out_features: Float64,
) -> int:
    """What one venue's book says about taking each quantity now.

    price_units, qty_units: int64[2, depth], bids then asks, best first. n_levels: int64[2]. side: +1 buy, -1 sell.
    reference_units: the price that the walk is measured against, 0 for the book's own mid. wanted_units: float64[n].
    out_features: float64[n, N_FEATURES], written: cost of walking the book (NaN: too short), half the spread (both
    ppm), imbalance at the touch seen from the order (+1: all pressure against it), and the quantity as a fraction of
    what is displayed within REACH_PPM of the mid.
    Returns OK, or BAD_LEVELS where a side is empty. Twin: tests/reference/slippage.py.
    """
    if n_levels[0] == 0 or n_levels[1] == 0:
        return BAD_LEVELS
    mid_units = 0.5 * (price_units[0, 0] + price_units[1, 0])
    half_ppm = 0.5 * (price_units[1, 0] - price_units[0, 0]) / mid_units * 1e6
    at_bid = float(qty_units[0, 0])
    at_ask = float(qty_units[1, 0])
    imbalance = side * (at_bid - at_ask) / (at_bid + at_ask)
    against = reference_units if reference_units > 0.0 else mid_units
    row = 1 if side > 0 else 0
    shown = 0.0
    for i in range(n_levels[row]):
        if side * (price_units[row, i] / mid_units - 1.0) * 1e6 > REACH_PPM:
            break
        shown += qty_units[row, i]
    for k in range(wanted_units.size):
        price = average_price(price_units[row], qty_units[row], n_levels[row], wanted_units[k], is_inverse)
        out_features[k, WALK_PPM] = side * (price / against - 1.0) * 1e6
        out_features[k, HALF_SPREAD_PPM] = half_ppm
        out_features[k, IMBALANCE_FRAC] = imbalance
        out_features[k, USED_FRAC] = wanted_units[k] / shown if shown > 0.0 else math.inf
    return OK


@kernel("")
def place_between(knots: Float64, value: float) -> tuple[int, float]:
    """(k, share) so that `value` lies share of the way from knot k - 1 to knot k; outside the knots the nearest one."""
    high = 1
    while high < knots.size - 1 and knots[high] < value:
        high += 1
    share = (value - knots[high - 1]) / (knots[high] - knots[high - 1])
    return high, min(max(share, 0.0), 1.0)


@kernel(
    "int64(float64[:,::1], float64, float64, float64[::1], float64[::1], float64[::1], float64[:,:,::1],"
    " float64[:,::1])",
    CALL,
)
def slippage_quantiles(
    features: Float64,
    sigma_frac: float,
    wait_s: float,
    weights: Float64,
    waits_s: Float64,
    walks_log: Float64,
    table: Float64,
    out_ppm: Float64,
) -> int:
    """Quantiles LEVELS and mean of the cost in ppm, of each row of features, for an order that arrives after `wait_s`.

    Law: walk + weight x imbalance x sigma x sqrt(wait) + sigma ** SIGMA_POWER x table(wait, excess), where excess =
    log(1 + walk beyond half the spread) and the power stays within MAX_STRETCH. sigma_frac: volatility now over the
    calibration's. table: float64[k, m, N_OUT] in ppm, at waits_s (float64[k], the first 0) and walks_log (float64[m]),
    both ascending, linear between, growing as the root beyond the last wait. out_ppm: float64[n, N_OUT], written.
    Returns OK, or BAD_LEVELS where an input is not finite or negative. Twin: tests/reference/slippage.py.
    """
    if not (0.0 < sigma_frac < math.inf and 0.0 <= wait_s < math.inf):
        return BAD_LEVELS
    late, late_share = place_between(waits_s, wait_s)
    stretch = min(max(sigma_frac ** weights[SIGMA_POWER], 1.0 / MAX_STRETCH), MAX_STRETCH)
    stretch *= math.sqrt(max(wait_s / waits_s[waits_s.size - 1], 1.0))
    drift_ppm = weights[IMBALANCE_PPM] * sigma_frac * math.sqrt(wait_s)
    for k in range(features.shape[0]):
        walk = features[k, WALK_PPM]
        centre = walk + drift_ppm * features[k, IMBALANCE_FRAC]
        if not math.isfinite(centre):
            return BAD_LEVELS
        dear, dear_share = place_between(walks_log, math.log1p(max(walk - features[k, HALF_SPREAD_PPM], 0.0)))
        for j in range(N_OUT):
            soon = table[late - 1, dear - 1, j]
            soon += dear_share * (table[late - 1, dear, j] - soon)
            then = table[late, dear - 1, j]
            then += dear_share * (table[late, dear, j] - then)
            out_ppm[k, j] = centre + stretch * (soon + late_share * (then - soon))
    return OK
