"""Means with honest errors: fills of one parent are one draw, and neighbouring parents are not independent.

Unit: the parent (cluster), in order of time. Error: stationary bootstrap over parents, mean block twice the integrated
autocorrelation time of the parents' means, t quantiles below 30 blocks (EVIDENCE: errors). Fewer than four blocks have
no interval. Everything is a function of the values and the seed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import atan, ceil, cos, erfc, exp, lgamma, log, pi, sqrt, tan
from typing import Final

import numpy as np
import numpy.typing as npt

Float64Array = npt.NDArray[np.float64]
N_RESAMPLES: Final = 400
MAX_CELLS: Final = 500_000  # of one batch of resamples: bounds memory, changes nothing else
MIN_BLOCKS: Final = 4
T_BELOW_BLOCKS: Final = 30
SEED: Final = 20_261_126
_Z975: Final = 1.959963984540054
_Z80: Final = 0.8416212335729143
SMALLEST_BPS: Final = 0.1  # of a markout: the smallest effect of interest
# Horizon -> fills a venue that 0.1 bp needs at 80 % power, two arms: 1 s and 60 s as measured on recorded markets,
# the other two on the straight line through them in logarithms.
NEEDED_FILLS: Final = (330, 2_300, 16_100, 73_000)
NEEDED_PARENTS: Final = 7_300  # an arm, for 1 bp of 30-minute arrival slippage


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean with its 95 % interval; None where too little was seen. `n_needed`: what the smallest effect needs."""

    mean_bps: float | None
    low_bps: float | None
    high_bps: float | None
    n: int
    n_clusters: int
    n_eff_units: float
    n_needed: int

    @property
    def is_underpowered(self) -> bool:
        return self.low_bps is None or self.n < self.n_needed


@dataclass(frozen=True, slots=True)
class Spread:
    """A mean and how sure it is. `se_bps` is None below MIN_BLOCKS blocks; `t_quantile` widens it to 95 %."""

    mean_bps: float
    se_bps: float | None
    n: int
    n_clusters: int
    n_eff_units: float
    n_blocks: float

    @property
    def t_quantile_ratio(self) -> float:
        return t975(self.n_blocks - 1) if self.n_blocks < T_BELOW_BLOCKS else _Z975

    @property
    def half_width_bps(self) -> float | None:
        return None if self.se_bps is None else self.t_quantile_ratio * self.se_bps

    @property
    def detectable_bps(self) -> float | None:
        """What 80 % power would see; a little too large below 30 blocks, never too small."""
        wide = self.half_width_bps
        return None if wide is None else wide * (1 + _Z80 / _Z975)

    @property
    def p_value_frac(self) -> float:
        """Two-sided, of a mean of zero; 1 where nothing is known of the error."""
        if self.se_bps is None:
            return 1.0
        if self.se_bps <= 0:
            return 1.0 if self.mean_bps == 0 else 0.0
        ratio = abs(self.mean_bps) / self.se_bps
        return t_tails(ratio, self.n_blocks - 1) if self.n_blocks < T_BELOW_BLOCKS else erfc(ratio / sqrt(2))


def spread(values: Sequence[float], clusters: Sequence[str], seed: int = SEED) -> Spread:
    """Mean and bootstrap error of `values` (at least one, in order of time), each of the cluster that it names."""
    sums, counts = _by_cluster(values, clusters)
    n_clusters = sums.size
    mean = float(sums.sum() / counts.sum())
    iat = autocorrelation_time(sums / counts)
    block = min(max(1, ceil(2 * iat)), n_clusters)
    n_blocks = n_clusters / block
    error = None if n_blocks < MIN_BLOCKS else _bootstrap_error(sums, counts, block, seed)
    return Spread(mean, error, len(values), n_clusters, n_clusters / iat, n_blocks)


def estimate(values: Sequence[float], clusters: Sequence[str], n_needed: int, seed: int = SEED) -> Estimate:
    """The mean of `values` (in order of time), each belonging to the parent named in `clusters`."""
    if not values:
        return Estimate(None, None, None, 0, 0, 0.0, n_needed)
    found = spread(values, clusters, seed)
    mean, wide = found.mean_bps, found.half_width_bps
    low, high = (None, None) if wide is None else (mean - wide, mean + wide)
    return Estimate(mean, low, high, found.n, found.n_clusters, found.n_eff_units, n_needed)


def t_tails(ratio: float, n_free: float) -> float:
    """Both tails of Student's t beyond +-`ratio` >= 0, by Simpson's rule on its density; within 1e-6."""
    if ratio > 1e3:
        return 0.0
    head = lgamma((n_free + 1) / 2) - lgamma(n_free / 2) - log(n_free * pi) / 2
    # In theta = atan(t / sqrt(v)) the density is cos(theta)^(v - 1): smooth, over a finite interval.
    end, n_steps = atan(ratio / sqrt(n_free)), 2_000
    step = end / n_steps
    body = sum((4 if k % 2 else 2) * cos(k * step) ** (n_free - 1) for k in range(1, n_steps))
    area = (1.0 + body + cos(end) ** (n_free - 1)) * step / 3
    within: float = 2 * exp(head) * sqrt(n_free) * area
    return max(0.0, 1.0 - within)


def needed_n(sd_bps: float, effect_bps: float) -> int:
    """How many values an arm two arms need to tell `effect_bps` apart at 80 % power, 5 % two-sided."""
    return ceil(2 * ((_Z975 + _Z80) * sd_bps / effect_bps) ** 2)


def autocorrelation_time(series: Float64Array) -> float:
    """Integrated autocorrelation time in steps: Geyer's initial positive sequence; at least 1, 1 of a short series."""
    n = series.size
    centred = series - series.mean()
    variance = float(centred @ centred) / n
    if n < 4 or variance <= 0:
        return 1.0
    total = -1.0
    for k in range(0, n - 2, 2):
        pair = sum(float(centred[: n - lag] @ centred[lag:]) for lag in (k, k + 1)) / n / variance
        if pair <= 0:
            break
        total += 2 * pair
    return min(max(1.0, total), float(n))


def t975(n_free: float) -> float:
    """The 97.5 % quantile of Student's t with `n_free` >= 1 degrees of freedom, within 0.5 % from 3 on, exact below."""
    if n_free < 2:
        return tan(pi * 0.475)
    if n_free < 3:
        return 0.95 * sqrt(2 / (1 - 0.95**2))
    z, v = _Z975, n_free
    first = (z**3 + z) / 4
    second = (5 * z**5 + 16 * z**3 + 3 * z) / 96
    third = (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384
    fourth = (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92_160
    return z + first / v + second / v**2 + third / v**3 + fourth / v**4


def _by_cluster(values: Sequence[float], clusters: Sequence[str]) -> tuple[Float64Array, Float64Array]:
    places: dict[str, int] = {}
    index = np.array([places.setdefault(cluster, len(places)) for cluster in clusters])
    sums = np.bincount(index, weights=np.asarray(values, dtype=np.float64), minlength=len(places))
    return sums.astype(np.float64), np.bincount(index, minlength=len(places)).astype(np.float64)


def _bootstrap_error(sums: Float64Array, counts: Float64Array, block: int, seed: int) -> float:
    """Standard deviation of the resampled ratio; blocks of geometric length wrap around the end."""
    n, random = sums.size, np.random.Generator(np.random.PCG64(seed))
    n_batch = max(1, min(N_RESAMPLES, MAX_CELLS // n))
    sizes = [min(n_batch, N_RESAMPLES - done) for done in range(0, N_RESAMPLES, n_batch)]
    means = [_resampled_means(sums, counts, block, size, random) for size in sizes]
    return float(np.concatenate(means).std(ddof=1))


def _resampled_means(
    sums: Float64Array, counts: Float64Array, block: int, n_samples: int, random: np.random.Generator
) -> Float64Array:
    n = sums.size
    starts = random.integers(0, n, size=(n_samples, n))
    is_new = random.random((n_samples, n)) < 1 / block
    is_new[:, 0] = True
    steps = np.arange(n)
    last_new = np.maximum.accumulate(np.where(is_new, steps, 0), axis=1)
    picked = (np.take_along_axis(starts, last_new, axis=1) + steps - last_new) % n
    means: Float64Array = sums[picked].sum(axis=1) / counts[picked].sum(axis=1)
    return means
