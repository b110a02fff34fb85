"""The results page: means by instant, skill with its interval, losers shown as losers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from app.learning.calibrate import SHAPES
from app.services.replay_protocol import load_protocol
from loadtests.slippage import ARMS, skill_text

RULES = replace(load_protocol().errors, n_replications=200)


def test_a_worse_law_has_a_negative_skill():
    rng = np.random.default_rng(1)
    rival = rng.uniform(1, 2, 400)
    worse, better = skill_text(rival * 1.1, rival, RULES), skill_text(rival * 0.9, rival, RULES)
    assert worse.startswith("-10.0% [-10.")
    assert better.startswith("+10.0% [+9.")
    assert skill_text(rival, rival, RULES) == "0"


@pytest.mark.parametrize("name", [name for name in ARMS if name.startswith("all -")])
def test_an_ablation_takes_away_one_term(name):
    gone = set(SHAPES) - set(ARMS[name])
    assert gone
    term = {"volatility": "sigma_power_frac", "walk": "has_walk", "imbalance": "has_imbalance"}[name.split()[-1]]
    assert all(getattr(shape, term) for shape in gone)
    assert not any(getattr(shape, term) for shape in ARMS[name])
