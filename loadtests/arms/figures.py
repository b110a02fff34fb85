"""What the rows say: differences paired by parent, clustered by world, with errors that know how few worlds there are.

Unit: the world. A world's difference is the mean over the sides that are asked for. Interval: t with (worlds - 1)
degrees of freedom below the protocol's number of blocks, normal from there on (EVIDENCE: errors). Worlds are
independent draws, so a block is one world.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np
import numpy.typing as npt
from scipy.stats import norm, t

from loadtests.arms.campaign import BASE, SCHEDULE, Row
from loadtests.arms.protocol import Protocol

Floats = npt.NDArray[np.float64]
Costs = Mapping[tuple[int, int], float]  # (seed, sign) -> cost in bps


@dataclass(frozen=True, slots=True)
class Difference:
    """Mean of (rival - arm) in bps: positive, the arm is cheaper. `needs_bps`: the least effect that would be seen."""

    mean: float
    low: float
    high: float
    p_value: float
    n_worlds: int
    needs_bps: float
    is_underpowered: bool


@dataclass(frozen=True, slots=True)
class Spread:
    """One arm's cost over parents, bps; `cvar95` the mean of the dearest 5 %, at least one parent."""

    mean: float
    sd: float
    median: float
    q95: float
    cvar95: float


def costs_of(
    rows: Sequence[Row], tier: str = BASE, weight: Mapping[str, float] | None = None
) -> dict[tuple[str, str, str], dict[tuple[int, int], float]]:
    """(family, size, arm) -> costs by (seed, sign) of one fee tier. With the `weight` of each family: schedules' less
    so much of the control (control.py); only differences of these are meant.
    """
    found: dict[tuple[str, str, str], dict[tuple[int, int], float]] = defaultdict(dict)
    for row in rows:
        if row.tier == tier:
            luck = weight[row.family] * row.control_bps if weight is not None and row.kind == SCHEDULE else 0.0
            found[row.family, row.size, row.arm][row.seed, row.sign] = row.cost_bps - luck
    return dict(found)


def by_world(rival: Costs, own: Costs, signs: Sequence[int]) -> Floats:
    """Each world's mean difference over these sides; only worlds in which both arms have every one of them."""
    worlds: dict[int, list[float]] = defaultdict(list)
    for seed, sign in own:
        if sign == signs[0] and all((seed, one) in own and (seed, one) in rival for one in signs):
            worlds[seed] = [rival[seed, one] - own[seed, one] for one in signs]
    return np.array([np.mean(gaps) for _, gaps in sorted(worlds.items())])


def compare(gaps: Floats, protocol: Protocol) -> Difference:
    """The mean of independent differences with its interval and what it could have seen. At least two worlds."""
    metric, n = protocol.metric, gaps.size
    mean, se = float(gaps.mean()), float(gaps.std(ddof=1)) / sqrt(n)
    law = t(n - 1) if n < metric["t_below_blocks"] else norm()
    reach = float(law.ppf(0.5 + metric["confidence"] / 2))
    needs = (reach + float(law.ppf(metric["power"]))) * se
    if se > 0:
        p_value = 2 * float(law.sf(abs(mean) / se))
    else:
        p_value = 1.0 if mean == 0 else 0.0
    is_under = needs > metric["smallest_effect_bps"]
    return Difference(mean, mean - reach * se, mean + reach * se, p_value, n, needs, is_under)


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's adjusted p values, in the order given."""
    order = sorted(range(len(p_values)), key=lambda i: p_values[i])
    adjusted, floor = [0.0] * len(p_values), 0.0
    for rank, i in enumerate(order):
        floor = max(floor, min(1.0, (len(p_values) - rank) * p_values[i]))
        adjusted[i] = floor
    return adjusted


def spread(costs: Costs) -> Spread:
    """Location and tail of one arm's costs."""
    values = np.array(list(costs.values()))
    dearest = np.sort(values)[-max(1, round(0.05 * values.size)) :]
    q95 = float(np.quantile(values, 0.95))
    return Spread(float(values.mean()), float(values.std()), float(np.median(values)), q95, float(dearest.mean()))


def share(rival: Costs, own: Costs, bound: Costs) -> float:
    """Part of what hindsight saves on the rival that the arm saved: a ratio of means; nan where there was nothing."""
    both = [key for key in own if key in rival and key in bound]
    had = float(np.mean([rival[key] - bound[key] for key in both]))
    saved = float(np.mean([rival[key] - own[key] for key in both]))
    return saved / had if had > 1e-9 else float("nan")


def frontier(spreads: Mapping[str, Spread]) -> set[str]:
    """Arms that no other beats in both mean and sd."""
    return {
        arm
        for arm, own in spreads.items()
        if not any(
            other.mean <= own.mean and other.sd <= own.sd and (other.mean, other.sd) != (own.mean, own.sd)
            for name, other in spreads.items()
            if name != arm
        )
    }
