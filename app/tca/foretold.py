"""What the service said orders would cost, beside what they cost: coverage, pinball loss and bias, misses first.

Days are the unit of dependence: errors are clustered by UTC day, and below MIN_DAYS nothing here is evidence.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from app.domain.pretrade import UBPS, Outcome
from app.learning.pretrade_fit import LEVELS, clustered_se, pinball

DAY_NS: Final = 86_400 * 10**9
MISS_SE: Final = 3.0
# Below this many outcomes a group is shown, and nothing is said of it.
LEAST_OUTCOMES: Final = 20


@dataclass(frozen=True, slots=True)
class ForetoldRow:
    """One group. Standard errors by day; None where there are fewer than two days. `is_miss`: None says nothing yet.

    `n_se_away`: how many standard errors the worse interval is from its nominal; the plain binomial one where days are
    too few to tell.
    """

    group: str
    name: str
    n: int
    n_days: int
    within50_frac: float
    within90_frac: float
    se50_frac: float | None
    se90_frac: float | None
    pinball_bps: float
    constant_pinball_bps: float
    expected_bps: float
    realised_bps: float
    n_se_away: float
    is_miss: bool | None


def judge_outcomes(outcomes: Sequence[Outcome]) -> tuple[ForetoldRow, ...]:
    """Rows for all, by strategy, by artifact and by cell; misses first, then by distance."""
    groups: dict[tuple[str, str], list[Outcome]] = {}
    for one in outcomes:
        estimate = one.estimate
        for key in (
            ("all", "all"),
            ("strategy", one.asked.strategy.value),
            ("artifact", estimate.artifact),
            ("reach", "extrapolated" if estimate.is_extrapolated else "within"),
            ("cell", estimate.cell),
        ):
            groups.setdefault(key, []).append(one)
    rows = [_row(group, name, own) for (group, name), own in groups.items()]
    return tuple(sorted(rows, key=lambda row: (row.is_miss is not True, -row.n_se_away, row.group, row.name)))


def _row(group: str, name: str, own: Sequence[Outcome]) -> ForetoldRow:
    told = np.array([one.estimate.quantiles_ubps for one in own], dtype=np.float64) / UBPS
    cost = np.array([one.realised_ubps for one in own], dtype=np.float64) / UBPS
    walk = np.array([one.asked.walk_ubps for one in own], dtype=np.float64) / UBPS
    days = np.array([str(one.done_ts_ns // DAY_NS) for one in own])
    spread: list[tuple[float, float | None, float]] = []
    for nominal, low, high in ((0.5, 1, 3), (0.9, 0, 4)):
        inside = ((told[:, low] <= cost) & (cost <= told[:, high])).astype(np.float64)
        se, n_days = clustered_se(inside, days)
        plain = float(np.sqrt(nominal * (1.0 - nominal) / cost.size))
        away = abs(float(inside.mean()) - nominal) / max(se, plain)
        spread.append((float(inside.mean()), se if n_days > 1 else None, away))
    # In its own favour: the constants are those that fit these very orders best.
    rival = walk[:, None] + np.quantile(cost - walk, LEVELS)[None, :]
    worst = max(away for _, _, away in spread)
    return ForetoldRow(
        group=group,
        name=name,
        n=cost.size,
        n_days=len(set(days.tolist())),
        within50_frac=spread[0][0],
        within90_frac=spread[1][0],
        se50_frac=spread[0][1],
        se90_frac=spread[1][1],
        pinball_bps=float(pinball(cost, told).mean()),
        constant_pinball_bps=float(pinball(cost, rival).mean()),
        expected_bps=float(np.mean([one.estimate.expected_ubps for one in own])) / UBPS,
        realised_bps=float(cost.mean()),
        n_se_away=worst,
        is_miss=worst > MISS_SE if cost.size >= LEAST_OUTCOMES else None,
    )
