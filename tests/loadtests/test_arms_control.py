"""The control of the arms: its steps are the world's own, and its mean is zero whatever an arm does."""

import numpy as np
import pytest

from app.venues.markets.families import family_of
from app.venues.markets.spec import read_world
from loadtests.arms.control import control_bps, steps_of
from loadtests.arms.desk import Paid

STILL = {
    "queue_reactive": {"value": {"jumps_per_s": 0.0}, "queue_reactive": {"impact_ticks": 0.0}},
    "hawkes": {"value": {"jumps_per_s": 0.0, "news_per_s": 1e9}, "hawkes": {"learn_ticks": 0.0}},
    "propagator": {"propagator": {"impact_ticks": 0.0}},
}


@pytest.mark.parametrize("family", STILL)
def test_the_steps_are_those_of_the_world(family):
    chosen = family_of(family)
    table = read_world(chosen.path)
    table = {**table, **{name: {**table[name], **more} for name, more in STILL[family].items()}}
    market = chosen.make(table, 77, 77)
    step_ns, steps = steps_of(family, 77, 100)
    start = market.value_ticks()
    for n in (1, 40, 100):
        market.advance(n * step_ns)
        assert market.value_ticks() - start == pytest.approx(steps[:n].sum(), abs=1e-6)


def test_what_is_still_to_trade_meets_each_step():
    step_ns, steps = steps_of("hawkes", 5, 1000)
    first = 250 * step_ns
    fills = [Paid(first + 1, 0, 1, 1, True, 0), Paid(first + 3 * step_ns, 0, 1, 3, True, 0)]
    met = 0.25 * 0.0 + 0.75 * steps[250:253].sum()
    assert control_bps("hawkes", 5, 1, first, fills, 120_000.0) == pytest.approx(met / 60_000 * 1e4)
    assert control_bps("hawkes", 5, -1, first, fills, 120_000.0) == pytest.approx(-met / 60_000 * 1e4)


def test_its_mean_is_zero_even_for_one_who_stops_when_the_walk_was_kind():
    found = []
    for seed in range(400):
        step_ns, steps = steps_of("propagator", seed, 3000)
        walked = np.cumsum(steps[250:3000])
        fell = np.flatnonzero(walked < -5.0)
        at = 250 + (int(fell[0]) + 1 if fell.size else 2750)
        found.append(control_bps("propagator", seed, 1, 250 * step_ns, [Paid(at * step_ns, 0, 1, 1, True, 0)], 2.0))
    mean, error = np.mean(found), np.std(found) / np.sqrt(len(found))
    assert np.std(found) > 0
    assert abs(mean) < 3 * error
