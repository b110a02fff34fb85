"""Errors of a replay: paired by parent, autocorrelated in time, so resampled in blocks and never as if independent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

import numpy as np
import numpy.typing as npt

from app.services.replay_protocol import ErrorRules

Float64Array = npt.NDArray[np.float64]
_ZERO_BPS = 1e-9  # below this a difference is no number, only the rounding of fees and money to 1e-9
_MIN_BLOCKS = 4  # fewer say nothing about their own spread: never equivalent, always underpowered


@dataclass(frozen=True, slots=True)
class Summary:
    """One arm's cost over parents in bps: `cvar95` is the mean of the dearest 5 %."""

    mean: float
    median: float
    q95: float
    cvar95: float


@dataclass(frozen=True, slots=True)
class Difference:
    """Mean of (rival - own) in bps with its error; positive: the rival is dearer.

    `iat` in parents, `n_eff` = n / iat, `block` in parents. `is_equivalent`: within the equivalence margin by two
    one-sided tests at 5 %. `is_underpowered`: the smallest effect of interest would be missed too often.
    """

    mean: float
    se: float
    low: float
    high: float
    p_value: float
    iat: float
    n_eff: float
    block: int
    is_identical: bool
    is_equivalent: bool
    is_underpowered: bool


def summarise(costs_bps: Sequence[float]) -> Summary:
    """Mean, median, 95 % quantile and CVaR95 of one arm."""
    costs = np.asarray(costs_bps, dtype=np.float64)
    q95 = float(np.quantile(costs, 0.95))
    return Summary(float(costs.mean()), float(np.median(costs)), q95, float(costs[costs >= q95].mean()))


def compare(own_bps: Sequence[float], rivals_bps: Sequence[Sequence[float]], rules: ErrorRules) -> list[Difference]:
    """Each rival against the own arm on the same parents; all are resampled together, in blocks of one length."""
    own = np.asarray(own_bps, dtype=np.float64)
    gaps = np.column_stack([np.asarray(rival, dtype=np.float64) - own for rival in rivals_bps])
    gaps[np.abs(gaps) < _ZERO_BPS] = 0.0
    iats = [autocorrelation_time(gaps[:, k]) for k in range(gaps.shape[1])]
    block = min(max(1, ceil(rules.min_block_iat * max(iats))), max(1, len(own) // 2))
    errors = _block_errors(gaps, block, rules)
    return [_difference(gaps[:, k], float(errors[k]), iats[k], block, rules) for k in range(gaps.shape[1])]


def autocorrelation_time(series: Float64Array) -> float:
    """Integrated autocorrelation time in steps: 1 + 2 sum of rho, cut where a pair of neighbours stops being positive.

    Geyer's initial positive sequence; 1 for a constant or very short series, never below 1.
    """
    n = series.size
    centred = series - series.mean()
    variance = float(centred @ centred) / n
    if n < 4 or variance < _ZERO_BPS**2:
        return 1.0
    total = -1.0
    for k in range(0, n - 2, 2):
        pair = sum(float(centred[: n - lag] @ centred[lag:]) for lag in (k, k + 1)) / n / variance
        if pair <= 0:
            break
        total += 2 * pair
    return max(1.0, total)


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's adjusted p values, in the order given."""
    order = sorted(range(len(p_values)), key=lambda i: p_values[i])
    adjusted, floor = [0.0] * len(p_values), 0.0
    for rank, i in enumerate(order):
        floor = max(floor, min(1.0, (len(p_values) - rank) * p_values[i]))
        adjusted[i] = floor
    return adjusted


def _block_errors(gaps: Float64Array, block: int, rules: ErrorRules) -> Float64Array:
    from arch.bootstrap import MovingBlockBootstrap

    bootstrap = MovingBlockBootstrap(block, gaps, seed=np.random.default_rng(rules.seed))
    means = bootstrap.apply(lambda sample: sample.mean(axis=0), rules.n_replications)
    errors: Float64Array = np.asarray(means, dtype=np.float64).std(axis=0, ddof=1)
    return errors


def _difference(gap: Float64Array, se: float, iat: float, block: int, rules: ErrorRules) -> Difference:
    """t quantiles with (blocks - 1) degrees of freedom below the protocol's number of blocks, normal ones above."""
    from scipy.stats import norm, t

    mean, n_blocks = float(gap.mean()), gap.size / block
    law = t(max(1, int(n_blocks) - 1)) if n_blocks < rules.t_below_blocks else norm()
    wide = float(law.ppf(0.5 + rules.confidence / 2)) * se
    if se > 0:
        p_value = 2 * float(law.sf(abs(mean) / se))
    else:
        p_value = 1.0 if mean == 0 else 0.0
    detectable = (float(law.ppf(0.5 + rules.confidence / 2)) + float(law.ppf(rules.power))) * se
    return Difference(
        mean=mean,
        se=se,
        low=mean - wide,
        high=mean + wide,
        p_value=p_value,
        iat=iat,
        n_eff=gap.size / iat,
        block=block,
        is_identical=bool((gap == 0).all()),
        is_equivalent=n_blocks >= _MIN_BLOCKS and abs(mean) + float(law.ppf(0.95)) * se < rules.equivalence_bps,
        is_underpowered=n_blocks < _MIN_BLOCKS or detectable > rules.smallest_effect_bps,
    )
