"""A small disguise campaign: a grid is told at once, a disguised parent hardly, a sniper lives off the grid."""

from __future__ import annotations

import numpy as np
import pytest

from loadtests import disguise_campaign as campaign

pytest.importorskip("sklearn")


@pytest.fixture(scope="module")
def arms():
    return campaign.arms(campaign.FALLBACK_SIZES)


def told(arm):
    found = campaign.tell(arm, campaign.FALLBACK_SIZES, 120, 120)
    return {t.classifier: t.auc for t in found}


def test_a_grid_is_told_and_a_disguise_hardly(arms):
    assert max(told(arms[0]).values()) > 0.95
    assert max(told(arms[-1]).values()) < 0.64  # 240 parents: three standard errors above 0.53


def test_a_sniper_lives_off_a_grid_and_not_off_a_disguise(arms):
    grid = campaign.snipe(arms[0], campaign.FALLBACK_SIZES, 8, 8)
    hidden = campaign.snipe(arms[-1], campaign.FALLBACK_SIZES, 8, 8)
    assert grid.gain.mean() > 0.5
    assert hidden.gain.mean() < 0.1
    assert hidden.oracle.mean() > 0.5


def test_the_bound_is_delongs():
    rng = np.random.default_rng(1)
    y = np.repeat([1.0, 0.0], 500)
    auc, high = campaign.auc_bound(y, np.concatenate((rng.normal(0.5, 1, 500), rng.normal(0, 1, 500))))
    assert 0.58 < auc < 0.69
    assert 0.02 < high - auc < 0.04
