"""The campaign of fade by age: small, with the real engine; its page is written by hand of nobody."""

from __future__ import annotations

import numpy as np

from loadtests.fade_campaign import ARMS, CASES, FLICKERING, market, row, run
from tests.worlds import VENUES


def test_every_arm_meets_the_same_market_and_none_does_better_than_who_knows() -> None:
    met = market(CASES[1], 40, 0)
    again = market(CASES[1], 40, 0)
    assert np.array_equal(met.ask_bps, again.ask_bps)
    for arm in ARMS:
        assert run(met, arm).min() > -0.02  # a tick of the coarsest venue


def test_only_the_one_venue_flickers_and_only_while_it_is_new() -> None:
    met = market(CASES[1], 500, 0)
    gone = met.gone[:, VENUES.index(FLICKERING)]
    is_new = met.age_ms[:, VENUES.index(FLICKERING)] < 100
    assert set(gone[is_new]) == {CASES[1].gone}
    assert len(set(gone[~is_new])) == 1
    assert 0.4 < is_new.mean() < 0.6


def test_age_sees_through_a_flickering_venue_that_a_route_without_it_falls_for() -> None:
    met = market(CASES[2], 260, 1)
    off, aged = run(met, "off")[120:].mean(), run(met, "by age")[120:].mean()
    assert off > 0.05
    assert aged < off / 2


def test_a_row_says_who_loses() -> None:
    text = row(CASES[-1], 310, 2)
    assert text.startswith(f"| {CASES[-1].name} |")
    assert text.count("±") == 5
