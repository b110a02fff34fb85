"""A fit to a known law covers what it has not seen and beats constants; a wrong one is caught."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from app.domain.errors import BadRequest
from app.domain.pretrade import Basis, Pace
from app.learning.pretrade_fit import LEVELS, clustered_se, constants, coverage, fit, pinball, skill
from tests.learning.costs import made_law, made_samples


def by_pace(sample):
    return sample.ask.pace.value


def test_intervals_hold_on_worlds_that_no_fit_has_seen():
    rows = coverage(made_samples(80, 2), made_law(), by_pace)
    assert {row.interval for row in rows} == {"50 %", "90 %"}
    assert all(row.is_held for row in rows), rows
    assert all(row.n_clusters == 80 for row in rows)


def test_a_law_of_half_the_spread_is_caught():
    law = made_law()
    narrow = replace(
        law, laws=tuple(replace(one, scale_coefs=tuple(c / 2 for c in one.scale_coefs)) for one in law.laws)
    )
    assert not any(row.is_held for row in coverage(made_samples(80, 2), narrow, by_pace))


def test_it_beats_the_walk_and_a_constant():
    train, test = made_samples(60, 1), made_samples(60, 2)
    for row in skill(test, made_law(), "constant", constants(train, test, by_pace), by_pace):
        assert row.low_frac > 0.0
        assert row.low_frac <= row.skill_frac <= row.high_frac


def test_against_itself_skill_is_none():
    from app.learning.pretrade import CostEstimator, quantiles_bps

    test, law = made_samples(20, 3), made_law()
    own = quantiles_bps(CostEstimator(law), [sample.ask for sample in test])
    assert all(row.skill_frac == 0.0 for row in skill(test, law, "itself", own, by_pace))


def test_no_coefficient_is_below_zero_and_the_known_one_is_found():
    laws = {law.pace: law for law in made_law().laws}
    for law in laws.values():
        assert min(law.mean_coefs) >= 0.0
        assert min(law.scale_coefs) >= 0.0
    # Mean absolute error of a unit normal of variance 1.09 is 0.83: what the timing term must come to.
    assert laws[Pace.IN_TIME].scale_coefs[1] == pytest.approx(0.83, abs=0.25)


def test_dependence_within_a_cluster_widens_the_error():
    values = np.repeat([0.0, 1.0], 50)
    alone, _ = clustered_se(values, np.array([str(i) for i in range(100)]))
    together, n = clustered_se(values, np.array([str(i // 10) for i in range(100)]))
    assert n == 10
    assert together > 3 * alone
    assert clustered_se(values, np.array(["one"] * 100)) == (0.0, 1)


def test_pinball_of_the_true_median_is_the_mean_of_its_levels():
    told = np.zeros((1, LEVELS.size))
    assert pinball(np.array([1.0]), told)[0] == pytest.approx(float(LEVELS.mean()))


def test_too_few_parents_are_no_law():
    with pytest.raises(BadRequest):
        fit(made_samples(2, 1), Basis.OWN, "few", "2026-01-31")
