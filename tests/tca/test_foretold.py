"""The service's record: misses first, days as clusters, and few orders say nothing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from app.domain.pretrade import UBPS, AskedUnits, Outcome
from app.learning.pretrade import CostEstimator
from app.tca.foretold import DAY_NS, judge_outcomes
from tests.learning.costs import made_ask, made_law, made_samples


def outcomes(n_days: int, *, off_bps: float = 0.0, seed: int = 5) -> list[Outcome]:
    """A day per world: orders that cost what the law's own world makes them cost, `off_bps` beside it."""
    estimator, found = CostEstimator(made_law()), []
    for i, sample in enumerate(made_samples(n_days, seed)):
        estimate = estimator.estimate(sample.ask)
        assert estimate is not None
        day_i = int(sample.cluster.rsplit("-", 1)[1])
        cost_ubps = round((sample.cost_bps + off_bps) * UBPS)
        found.append(Outcome(f"o{i}", day_i * DAY_NS, AskedUnits.of(sample.ask), estimate, cost_ubps))
    return found


def test_a_law_that_holds_is_held() -> None:
    rows = {(row.group, row.name): row for row in judge_outcomes(outcomes(40))}
    whole = rows["all", "all"]
    assert (whole.n, whole.n_days, whole.is_miss) == (800, 40, False)
    assert whole.within50_frac == pytest.approx(0.5, abs=0.12)
    assert whole.within90_frac == pytest.approx(0.9, abs=0.08)
    assert {group for group, _ in rows} == {"all", "strategy", "artifact", "reach", "cell"}


def test_what_is_off_is_a_miss_and_comes_first() -> None:
    good, bad = outcomes(40), outcomes(40, off_bps=30.0, seed=6)
    bad = [replace(one, asked=AskedUnits.of(made_ask(venue="lead")), order_id=f"b{i}") for i, one in enumerate(bad)]
    cell = replace(bad[0].estimate, cell="at_once/bad/0/0")
    rows = judge_outcomes([*good, *(replace(one, estimate=replace(cell)) for one in bad)])
    verdicts = [row.is_miss for row in rows]
    assert verdicts[0] is True
    first_held = verdicts.index(False)
    assert all(verdict is not True for verdict in verdicts[first_held:])
    (named,) = [row for row in rows if row.name == "at_once/bad/0/0"]
    assert named.is_miss
    assert named.realised_bps > named.expected_bps + 10


def test_few_orders_and_one_day_say_nothing() -> None:
    (row, *_) = [each for each in judge_outcomes(outcomes(1)[:10]) if each.group == "all"]
    assert row.is_miss is None
    assert row.se50_frac is None
    assert np.isfinite(row.n_se_away)
    assert judge_outcomes([]) == ()
