"""A small campaign: the same seed is the same parent, and a page is written of whatever came."""

from __future__ import annotations

from loadtests.pretrade_campaign import collect, fitted, judged
from loadtests.pretrade_worlds import samples_of


def test_a_small_campaign_runs_to_its_page():
    train, test = collect(11, 2, 4), collect(9_011, 1, 2)
    law = fitted([*train, *train, *train, *train])  # 96 sweeps and 24 schedules; repeated so that a law may be made
    page = judged(train, test, law)
    assert page.startswith("# Pre-trade estimates")
    assert law.name in page
    assert "**Simulated**" in page
    assert {sample.family for sample in test} == {"queue_reactive", "hawkes", "propagator"}
    assert all(abs(sample.cost_bps) < 200.0 for sample in train)


def test_a_world_is_its_seed():
    first, again, other = samples_of("hawkes", 5, 1), samples_of("hawkes", 5, 1), samples_of("hawkes", 6, 1)
    assert first == again
    assert first != other
