"""Fits the slippage law and judges it walking forward in time: fitted on what came before, tested on what came after.

The law (kernels/slippage.py) contains its rival: without its terms it is the book walk plus a constant per quantile,
delay and urgency. Volatility, walk and imbalance enter only where an inner split by time says that this pays.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Final

import numpy as np
import numpy.typing as npt

from app.domain.calibration import SlippageParameters, Urgency
from app.domain.errors import InvariantBroken
from app.kernels.slippage import (
    HALF_SPREAD_PPM,
    IMBALANCE_FRAC,
    LEVELS,
    MAX_STRETCH,
    N_FEATURES,
    N_OUT,
    USED_FRAC,
    WALK_PPM,
)
from app.learning.slippage import MAX_USED_FRAC, MEAN_WAIT_S, table_of

Float64Array = npt.NDArray[np.float64]
Int64Array = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]

FIRST_TRAINED_FRAC: Final = 0.4
N_FOLDS: Final = 4
INNER_FRAC: Final = 0.6
# A parent lives at most its longest delay and a second: what overlaps a test is left out of its training.
EMBARGO_S: Final = 2.0
# Costs of neighbouring parents are one observation for about this long.
MEMORY_S: Final = 10.0
SIGMA_POWERS: Final = (0.0, 0.5, 1.0)
N_WALKS: Final = 3
URGENCIES: Final = tuple(Urgency)
_LEVELS: Final = np.array(LEVELS)


@dataclass(frozen=True, slots=True)
class Shape:
    """One candidate: how volatility stretches, whether the walk has tables of its own, whether imbalance drives."""

    sigma_power_frac: float
    has_walk: bool
    has_imbalance: bool


PLAIN: Final = Shape(0.0, has_walk=False, has_imbalance=False)
SHAPES: Final = tuple(Shape(s, w, i) for s, w, i in product(SIGMA_POWERS, (False, True), (False, True)))


@dataclass(frozen=True, slots=True)
class Samples:
    """Marketable parents with what they cost, one row each, in order of `at_s`.

    `cell`: int64[n], delay index x len(URGENCIES) + urgency index. `features`: float64[n, N_FEATURES] of the decision's
    book. `sigma_ppm_sqrt_s`: volatility known at the decision. `cost_ppm`: realised, against the decision's mid.
    """

    at_s: Float64Array
    parent: Int64Array
    cell: Int64Array
    side: Int64Array
    size: Int64Array
    features: Float64Array
    sigma_ppm_sqrt_s: Float64Array
    cost_ppm: Float64Array
    delays_s: tuple[float, ...]

    def where(self, mask: BoolArray) -> Samples:
        """The rows of `mask`."""
        return Samples(
            self.at_s[mask],
            self.parent[mask],
            self.cell[mask],
            self.side[mask],
            self.size[mask],
            self.features[mask],
            self.sigma_ppm_sqrt_s[mask],
            self.cost_ppm[mask],
            self.delays_s,
        )

    @property
    def n(self) -> int:
        return int(self.at_s.size)

    @property
    def is_beyond(self) -> BoolArray:
        """Parents larger than a replay may price."""
        beyond: BoolArray = self.features[:, USED_FRAC] > MAX_USED_FRAC
        return beyond


@dataclass(frozen=True, slots=True)
class Judged:
    """Out-of-sample rows: what was predicted (float64[n, N_OUT]), intervals hit, and pinball losses.

    Losses are means over quantiles, of the model and of both rivals.
    """

    samples: Samples
    predicted_ppm: Float64Array
    within50: BoolArray
    within90: BoolArray
    loss_ppm: Float64Array
    constant_loss_ppm: Float64Array
    cell_loss_ppm: Float64Array


def samples_of(rows: Float64Array, delays_s: tuple[float, ...]) -> Samples:
    """Samples from rows of (at_s, parent, cell, side, size, features ..., sigma, cost); rows without a cost go."""
    kept = rows[np.isfinite(rows).all(axis=1)]
    kept = kept[np.argsort(kept[:, 0], kind="stable")]
    end = 5 + N_FEATURES
    parent, cell, side, size = kept[:, 1:5].T.astype(np.int64)
    features = np.ascontiguousarray(kept[:, 5:end])
    return Samples(kept[:, 0], parent, cell, side, size, features, kept[:, end], kept[:, end + 1], delays_s)


def fit_slippage(samples: Samples, shapes: Sequence[Shape] = SHAPES) -> SlippageParameters:
    """The law of all samples, its shape chosen by an inner split by time."""
    return _fit(samples, _choose(samples, shapes))


def walk_forward(samples: Samples, shapes: Sequence[Shape] = SHAPES) -> Judged:
    """Every row after the first part, predicted by a law fitted on earlier rows alone; rivals learn on the same.

    Raises InvariantBroken where nothing can be both learned and tested.
    """
    first_s, last_s = float(samples.at_s[0]), float(samples.at_s[-1])
    edges = np.linspace(first_s + FIRST_TRAINED_FRAC * (last_s - first_s), last_s, N_FOLDS + 1)
    edges[-1] = np.inf
    parts: list[Judged] = []
    for start, end in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True):
        train = samples.where(samples.at_s < start - EMBARGO_S)
        test = samples.where((samples.at_s >= start) & (samples.at_s < end))
        if train.n and test.n:
            parts.append(_judge(train, test, shapes))
    if not parts:
        raise InvariantBroken(reason="nothing to test on", n_samples=samples.n)
    return _joined(parts)


def predict(law: SlippageParameters, samples: Samples) -> Float64Array:
    """Quantiles and mean of each row at the law's own delays, float64[n, N_OUT]."""
    # [delay, urgency, walk, column], then one row a cell.
    table = np.stack([table_of(law, urgency)[1:] for urgency in URGENCIES], axis=1)
    table = table.reshape(-1, N_WALKS, N_OUT)
    walks_log = np.log1p(np.array(law.walk_knots_ppm))
    at = np.interp(_excess_log(samples), walks_log, np.arange(N_WALKS))
    low = np.minimum(at.astype(np.int64), N_WALKS - 2)
    share = (at - low)[:, None]
    spread = (1.0 - share) * table[samples.cell, low] + share * table[samples.cell, low + 1]
    centre = _centre(samples, law.imbalance_ppm, law.sigma_ppm_sqrt_s)
    found: Float64Array = centre[:, None] + _stretch(samples, law)[:, None] * spread
    return found


def pinball(cost_ppm: Float64Array, quantiles_ppm: Float64Array) -> Float64Array:
    """Mean over LEVELS of each row's pinball loss; quantiles float64[n, len(LEVELS)]."""
    miss = cost_ppm[:, None] - quantiles_ppm
    loss: Float64Array = np.maximum(_LEVELS * miss, (_LEVELS - 1.0) * miss).mean(axis=1)
    return loss


def _judge(train: Samples, test: Samples, shapes: Sequence[Shape]) -> Judged:
    found = predict(fit_slippage(train, shapes), test)
    cost = test.cost_ppm
    n_sizes = int(max(train.size.max(), test.size.max())) + 1

    def cells(samples: Samples) -> Int64Array:
        return samples.cell * n_sizes + samples.size

    return Judged(
        samples=test,
        predicted_ppm=found,
        within50=(cost >= found[:, 1]) & (cost <= found[:, 3]),
        within90=(cost >= found[:, 0]) & (cost <= found[:, 4]),
        loss_ppm=pinball(cost, found[:, : _LEVELS.size]),
        constant_loss_ppm=_rival_loss(train, test, lambda samples: np.zeros(samples.n, dtype=np.int64)),
        cell_loss_ppm=_rival_loss(train, test, cells),
    )


def _rival_loss(train: Samples, test: Samples, cells: Callable[[Samples], Int64Array]) -> Float64Array:
    """Loss of the book walk plus one constant per quantile and cell; an unseen cell gets the constant of everything."""
    residual = train.cost_ppm - train.features[:, WALK_PPM]
    known, asked = cells(train), cells(test)
    constants = np.tile(np.quantile(residual, _LEVELS), (test.n, 1))
    for cell in np.unique(asked).tolist():
        seen = residual[known == cell]
        if seen.size:
            constants[asked == cell] = np.quantile(seen, _LEVELS)
    return pinball(test.cost_ppm, test.features[:, WALK_PPM, None] + constants)


def _joined(parts: list[Judged]) -> Judged:
    samples = Samples(
        at_s=np.concatenate([part.samples.at_s for part in parts]),
        parent=np.concatenate([part.samples.parent for part in parts]),
        cell=np.concatenate([part.samples.cell for part in parts]),
        side=np.concatenate([part.samples.side for part in parts]),
        size=np.concatenate([part.samples.size for part in parts]),
        features=np.concatenate([part.samples.features for part in parts]),
        sigma_ppm_sqrt_s=np.concatenate([part.samples.sigma_ppm_sqrt_s for part in parts]),
        cost_ppm=np.concatenate([part.samples.cost_ppm for part in parts]),
        delays_s=parts[0].samples.delays_s,
    )
    return Judged(
        samples,
        np.concatenate([part.predicted_ppm for part in parts]),
        np.concatenate([part.within50 for part in parts]),
        np.concatenate([part.within90 for part in parts]),
        np.concatenate([part.loss_ppm for part in parts]),
        np.concatenate([part.constant_loss_ppm for part in parts]),
        np.concatenate([part.cell_loss_ppm for part in parts]),
    )


def _choose(samples: Samples, shapes: Sequence[Shape]) -> Shape:
    """The shape with the least loss on the later part of `samples`; the first where nothing is better."""
    first_s, last_s = float(samples.at_s[0]), float(samples.at_s[-1])
    cut_s = first_s + INNER_FRAC * (last_s - first_s)
    early, late = samples.where(samples.at_s < cut_s - EMBARGO_S), samples.where(samples.at_s >= cut_s)
    best, least = shapes[0], np.inf
    if early.n == 0 or late.n == 0:
        return best
    for shape in shapes:
        loss = float(pinball(late.cost_ppm, predict(_fit(early, shape), late)[:, : _LEVELS.size]).mean())
        if loss < least * (1.0 - 1e-9):
            best, least = shape, loss
    return best


def _fit(samples: Samples, shape: Shape) -> SlippageParameters:
    sigma = max(float(np.median(samples.sigma_ppm_sqrt_s)), 1e-6)
    walks_log, stratum = _strata(_excess_log(samples))
    plain = SlippageParameters(
        sigma_ppm_sqrt_s=sigma,
        sigma_power_frac=shape.sigma_power_frac,
        imbalance_ppm=_imbalance_weight(samples, sigma) if shape.has_imbalance else 0.0,
        knots_s=samples.delays_s,
        walk_knots_ppm=tuple(np.expm1(walks_log).tolist()),
        tables=(),
    )
    spread = (samples.cost_ppm - _centre(samples, plain.imbalance_ppm, sigma)) / _stretch(samples, plain)
    tables: list[tuple[Urgency, tuple[tuple[float, ...], ...]]] = []
    for u, urgency in enumerate(URGENCIES):
        rows: list[tuple[float, ...]] = []
        for i in range(len(samples.delays_s)):
            cell = samples.cell == i * len(URGENCIES) + u
            for walk in range(N_WALKS):
                own = cell & (stratum == walk)
                rows.append(_table_row(samples, spread, own if shape.has_walk and own.any() else cell))
        tables.append((urgency, tuple(rows)))
    return replace(plain, tables=tuple(tables))


def _strata(excess_log: Float64Array) -> tuple[Float64Array, Int64Array]:
    """(knots, stratum of each row): thirds by the walk beyond half the spread, each with its median, kept apart."""
    edges = np.quantile(excess_log, np.arange(1, N_WALKS) / N_WALKS)
    stratum = np.searchsorted(edges, excess_log, side="left")
    knots = np.empty(N_WALKS)
    for k in range(N_WALKS):
        own = excess_log[stratum == k]
        knots[k] = np.median(own) if own.size else edges[min(k, N_WALKS - 2)]
        if k:
            knots[k] = max(knots[k], knots[k - 1] + 1e-2)
    return knots, stratum


def _excess_log(samples: Samples) -> Float64Array:
    excess = np.maximum(samples.features[:, WALK_PPM] - samples.features[:, HALF_SPREAD_PPM], 0.0)
    logged: Float64Array = np.log1p(excess)
    return logged


def _table_row(samples: Samples, spread: Float64Array, mask: BoolArray) -> tuple[float, ...]:
    """Quantiles, and the mean drawn towards zero by its own uncertainty (positive-part James-Stein)."""
    seen = spread[mask]
    if seen.size == 0:
        return (0.0,) * N_OUT
    quantiles: list[float] = np.quantile(seen, _LEVELS).tolist()
    mean, variance = float(seen.mean()), float(seen.var())
    lasted_s = float(samples.at_s[-1] - samples.at_s[0])
    noise = variance / max(lasted_s / MEMORY_S, 1.0)
    kept = max(0.0, 1.0 - noise / mean**2) if mean else 0.0
    return (*(value + 0.0 for value in quantiles), kept * mean + 0.0)  # no negative zeros in a file


def _imbalance_weight(samples: Samples, sigma: float) -> float:
    """Least squares through zero on costs cut at three deviations: ppm per unit of imbalance after a second."""
    drive = _drift(samples, sigma)
    most = 3.0 * sigma * np.sqrt(_wait_s(samples))
    residual = np.clip(samples.cost_ppm - samples.features[:, WALK_PPM], -most, most)
    power = float(drive @ drive)
    return float(drive @ residual) / power if power > 0 else 0.0


def _drift(samples: Samples, sigma: float) -> Float64Array:
    ratio: Float64Array = samples.sigma_ppm_sqrt_s / max(sigma, 1e-6)
    drift: Float64Array = samples.features[:, IMBALANCE_FRAC] * ratio * np.sqrt(_wait_s(samples))
    return drift


def _centre(samples: Samples, imbalance_ppm: float, sigma: float) -> Float64Array:
    centre: Float64Array = samples.features[:, WALK_PPM] + imbalance_ppm * _drift(samples, sigma)
    return centre


def _stretch(samples: Samples, law: SlippageParameters) -> Float64Array:
    stretch = (samples.sigma_ppm_sqrt_s / law.sigma_ppm_sqrt_s) ** law.sigma_power_frac
    bounded: Float64Array = np.clip(stretch, 1.0 / MAX_STRETCH, MAX_STRETCH)
    return bounded


def _wait_s(samples: Samples) -> Float64Array:
    waits = np.array([d + MEAN_WAIT_S[u] for d in samples.delays_s for u in URGENCIES], dtype=np.float64)
    wait_s: Float64Array = waits[samples.cell]
    return wait_s
