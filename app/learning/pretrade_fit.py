"""The fit of a pre-trade law to finished parents, and how it is judged on parents of other worlds or days.

Mean and scale are least squares with no coefficient below zero; each cell's errors are quantiles of what like parents
were off by, drawn towards those of fewer conditions by their number (split conformal within groups). Unit of dependence
everywhere: the cluster, a simulated world or a day of a desk.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Final

import numpy as np
import numpy.typing as npt

from app.domain.errors import BadRequest
from app.domain.pretrade import ANY, LEVELS_PPM, Basis, CostAsk, CostCell, CostLaw, Pace, PretradeLaw
from app.learning.pretrade import (
    N_MEAN,
    CostEstimator,
    Float64Array,
    bucket,
    mean_features,
    quantiles_bps,
    scale_features,
)

BoolArray = npt.NDArray[np.bool_]

LEVELS: Final = np.array(LEVELS_PPM) * 1e-6
N_BUCKETS: Final = 3
# A cell of so many parents is believed half against the cell of fewer conditions.
PRIOR_N: Final = 40.0
VENUE_PRIOR_N: Final = 30.0
LEAST_PARENTS: Final = 60
# A standard error of fewer clusters is itself not known.
LEAST_CLUSTERS: Final = 8
N_ROUNDS: Final = 4
N_RESAMPLES: Final = 400
INTERVALS: Final = (("50 %", 0.5, 1, 3), ("90 %", 0.9, 0, 4))


@dataclass(frozen=True, slots=True)
class Sample:
    """A finished parent. `cluster`: what errors may depend within; `family`: where it was simulated, or the desk."""

    cluster: str
    family: str
    ask: CostAsk
    cost_bps: float


def fit(samples: Sequence[Sample], basis: Basis, source: str, as_of: str) -> PretradeLaw:
    """A law, digest still empty. BadRequest where no pace has LEAST_PARENTS."""
    laws = []
    for pace in Pace:
        own = [sample for sample in samples if sample.ask.pace is pace]
        if len(own) >= LEAST_PARENTS:
            laws.append(_fit_pace(pace, own))
    if not laws:
        raise BadRequest("bad_calibration", f"A law takes at least {LEAST_PARENTS} finished parents of one pace.")
    return PretradeLaw(basis, source, as_of, "", tuple(laws))


def _fit_pace(pace: Pace, samples: Sequence[Sample]) -> CostLaw:
    asks = [sample.ask for sample in samples]
    cost = np.array([sample.cost_bps for sample in samples])
    sigmas = np.array([ask.sigma_bps_sqrt_s for ask in asks])
    usual = float(np.median(sigmas[sigmas > 0])) if (sigmas > 0).any() else 1.0
    sigmas = np.where(sigmas > 0, sigmas, usual)
    used = np.array([ask.used_frac for ask in asks])
    edges = [tuple(np.quantile(x, (1 / 3, 2 / 3)).tolist()) for x in (used, sigmas)]
    strategies, venues = sorted({a.strategy.value for a in asks}), sorted({a.venue for a in asks})
    grown = np.array([mean_features(a, s) for a, s in zip(asks, sigmas, strict=True)])
    spread = np.array([scale_features(a, s) for a, s in zip(asks, sigmas, strict=True)])
    is_strategy = np.array([[a.strategy.value == name for name in strategies] for a in asks], dtype=np.float64)
    is_venue = np.array([[a.venue == name for name in venues] for a in asks], dtype=np.float64)
    beyond = cost - np.array([ask.walk_bps for ask in asks])
    scale, mean_part = np.ones(cost.size), np.zeros(cost.size)
    coefs, widths = np.zeros(0), np.zeros(0)
    for _ in range(N_ROUNDS):
        coefs = _least_squares(np.hstack((grown, is_strategy, is_venue)), beyond, scale, N_MEAN, len(venues))
        mean_part = np.hstack((grown, is_strategy, is_venue)) @ coefs
        widths = _least_squares(spread, np.abs(beyond - mean_part), scale, spread.shape[1], 0)
        widths[0] = max(widths[0], 1e-3)
        scale = spread @ widths
    n_strategies = len(strategies)
    factors = _spreads((beyond - mean_part) / scale, is_strategy)
    error = (beyond - mean_part) / (scale * (is_strategy @ factors))
    return CostLaw(
        pace=pace,
        n_parents=len(asks),
        sigma_bps_sqrt_s=usual,
        most_used_frac=float(used.max()),
        size_edges=edges[0],
        sigma_edges=edges[1],
        mean_coefs=tuple(coefs[:N_MEAN].tolist()),
        scale_coefs=tuple(widths.tolist()),
        intercepts=tuple(zip(strategies, coefs[N_MEAN : N_MEAN + n_strategies].tolist(), strict=True)),
        offsets=tuple(zip(venues, coefs[N_MEAN + n_strategies :].tolist(), strict=True)),
        spreads=tuple(zip(strategies, factors.tolist(), strict=True)),
        cells=_cells(asks, error, sigmas, edges, venues),
    )


def _spreads(error: Float64Array, is_strategy: Float64Array) -> Float64Array:
    """How much wider than usual each strategy's errors are, drawn to 1 as a cell's are to its prior."""
    size = np.abs(error)
    n = is_strategy.sum(axis=0)
    own: Float64Array = (size @ is_strategy + PRIOR_N * size.mean()) / ((n + PRIOR_N) * size.mean())
    return own


def _least_squares(
    design: Float64Array, target: Float64Array, scale: Float64Array, n_positive: int, n_shrunk: int
) -> Float64Array:
    """Weighted by 1 / scale squared; the first `n_positive` coefficients are not negative (the worst offender goes to
    zero until none is), the last `n_shrunk` are drawn to zero as if VENUE_PRIOR_N parents had said so."""
    weighted, aimed = design / scale[:, None], target / scale
    ridge = np.full(design.shape[1], 1e-9 * design.shape[0])
    if n_shrunk:
        ridge[-n_shrunk:] = VENUE_PRIOR_N * float((1.0 / scale**2).mean())
    is_free = np.ones(design.shape[1], dtype=bool)
    found = np.zeros(design.shape[1])
    for _ in range(n_positive + 1):
        part = weighted[:, is_free]
        found[:] = 0.0
        found[is_free] = np.linalg.solve(part.T @ part + np.diag(ridge[is_free]), part.T @ aimed)
        worst = int(np.argmin(found[:n_positive])) if n_positive else 0
        if not n_positive or found[worst] >= 0.0:
            break
        is_free[worst] = False
    return found


def _cells(
    asks: Sequence[CostAsk],
    error: Float64Array,
    sigmas: Float64Array,
    edges: Sequence[Sequence[float]],
    venues: Sequence[str],
) -> tuple[CostCell, ...]:
    """Errors of every size x volatility x venue, and of ANY venue; each drawn to the one of fewer conditions."""
    size = np.array([bucket(edges[0], ask.used_frac) for ask in asks])
    heat = np.array([bucket(edges[1], s) for s in sigmas.tolist()])
    place = np.array([ask.venue for ask in asks])
    everything = np.quantile(error, LEVELS)
    cells = []
    by_venue = {name: _drawn(error[place == name], everything) for name in venues}
    for i, j in product(range(N_BUCKETS), repeat=2):
        both = (size == i) & (heat == j)
        plain = _drawn(error[both], everything)
        cells.append(CostCell(ANY, i, j, int(both.sum()), tuple(plain.tolist())))
        for name in venues:
            own = error[both & (place == name)]
            errors = _drawn(own, plain + by_venue[name] - everything)
            cells.append(CostCell(name, i, j, own.size, tuple(np.maximum.accumulate(errors).tolist())))
    return tuple(cells)


def _drawn(own: Float64Array, prior: Float64Array) -> Float64Array:
    """Quantiles of `own` with the finite-sample correction of split conformal, drawn to `prior`; sorted."""
    if not own.size:
        return np.sort(prior)
    corrected = np.clip(LEVELS + (LEVELS - 0.5) / own.size, 0.0, 1.0)
    kept = own.size / (own.size + PRIOR_N)
    drawn: Float64Array = np.sort(kept * np.quantile(own, corrected) + (1.0 - kept) * prior)
    return drawn


@dataclass(frozen=True, slots=True)
class Covered:
    """How often cost lay inside an interval in one group.

    `se_frac`: clustered, and no less than independent parents would have at the nominal: where few clusters happen to
    agree their own spread says nothing. `is_held`: within three of them; `is_judged`: from LEAST_CLUSTERS on.
    """

    group: str
    interval: str
    nominal_frac: float
    covered_frac: float
    se_frac: float
    n: int
    n_clusters: int

    @property
    def distance(self) -> float:
        """Standard errors from the nominal."""
        return (self.covered_frac - self.nominal_frac) / self.se_frac

    @property
    def is_held(self) -> bool:
        return abs(self.distance) <= 3.0

    @property
    def is_judged(self) -> bool:
        return self.n_clusters >= LEAST_CLUSTERS


@dataclass(frozen=True, slots=True)
class Skill:
    """1 - pinball loss over the rival's, 95 % interval by resampling clusters."""

    group: str
    rival: str
    skill_frac: float
    low_frac: float
    high_frac: float
    n: int
    n_clusters: int


def coverage(samples: Sequence[Sample], law: PretradeLaw, group_of: Callable[[Sample], str]) -> tuple[Covered, ...]:
    """Both intervals in every group of `group_of`."""
    told = quantiles_bps(CostEstimator(law), [sample.ask for sample in samples])
    cost = np.array([sample.cost_bps for sample in samples])
    groups = np.array([group_of(sample) for sample in samples])
    clusters = np.array([sample.cluster for sample in samples])
    rows = []
    for name in sorted(set(groups.tolist())):
        own = groups == name
        for label, nominal, low, high in INTERVALS:
            inside = ((told[:, low] <= cost) & (cost <= told[:, high]))[own].astype(np.float64)
            se, n_clusters = clustered_se(inside, clusters[own])
            least = float(np.sqrt(nominal * (1.0 - nominal) / inside.size))
            told_se = max(se, least)
            rows.append(Covered(name, label, nominal, float(inside.mean()), told_se, inside.size, n_clusters))
    return tuple(rows)


def clustered_se(values: Float64Array, clusters: npt.NDArray[np.str_]) -> tuple[float, int]:
    """(standard error of the mean where values of a cluster may depend, number of clusters); 0 for one cluster."""
    _, place = np.unique(clusters, return_inverse=True)
    sums = np.bincount(place, weights=values - values.mean())
    n = sums.size
    if n < 2:
        return 0.0, n
    return float(np.sqrt((sums**2).sum() * n / (n - 1)) / values.size), n


def pinball(cost: Float64Array, told: Float64Array) -> Float64Array:
    """float64[n]: mean over levels of the quantile loss."""
    away = cost[:, None] - told
    loss: Float64Array = np.maximum(LEVELS * away, (LEVELS - 1.0) * away).mean(axis=1)
    return loss


def constants(train: Sequence[Sample], test: Sequence[Sample], group_of: Callable[[Sample], str]) -> Float64Array:
    """A rival: book walk plus a constant per quantile, one set for each group of the training parents."""
    table: dict[str, Float64Array] = {}
    names = [group_of(sample) for sample in train]
    beyond = np.array([sample.cost_bps - sample.ask.walk_bps for sample in train])
    for name in set(names):
        table[name] = np.quantile(beyond[np.array([each == name for each in names])], LEVELS)
    usual = np.quantile(beyond, LEVELS)
    return np.array([sample.ask.walk_bps + table.get(group_of(sample), usual) for sample in test])


def skill(
    test: Sequence[Sample], law: PretradeLaw, rival: str, told: Float64Array, group_of: Callable[[Sample], str]
) -> tuple[Skill, ...]:
    """Skill of `law` over a rival's quantiles in every group."""
    cost = np.array([sample.cost_bps for sample in test])
    ours = pinball(cost, quantiles_bps(CostEstimator(law), [sample.ask for sample in test]))
    theirs = pinball(cost, told)
    groups = np.array([group_of(sample) for sample in test])
    clusters = np.array([sample.cluster for sample in test])
    rng = np.random.default_rng(1)
    rows = []
    for name in sorted(set(groups.tolist())):
        own = groups == name
        _, place = np.unique(clusters[own], return_inverse=True)
        a, b = np.bincount(place, weights=ours[own]), np.bincount(place, weights=theirs[own])
        draws = rng.integers(0, a.size, (N_RESAMPLES, a.size))
        spread = 1.0 - a[draws].sum(axis=1) / b[draws].sum(axis=1)
        low, high = np.quantile(spread, (0.025, 0.975)).tolist()
        rows.append(Skill(name, rival, float(1.0 - a.sum() / b.sum()), low, high, int(own.sum()), a.size))
    return tuple(rows)
