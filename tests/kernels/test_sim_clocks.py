"""An agent waits for a unit of its own hazard; a change of rate keeps what it has waited already."""

import numpy as np
import pytest

from app.kernels import sim_clocks as c
from app.kernels import sim_words as w
from app.venues.markets.clocks import new_clocks
from tests.reference import sim_noise as twin

S = 1_000_000_000


def started(rates):
    clocks = new_clocks(1, len(rates))
    for a, rate in enumerate(rates):
        c.start_clock(clocks, 5, 0, a, 0)
        c.set_rate(clocks, 0, a, rate, 0)
    c.find_first(clocks, 0)
    return clocks


def test_the_first_events_are_the_draws():
    clocks = started([2.0, 0.5, 0.0])
    for a, rate in ((0, 2.0), (1, 0.5)):
        assert clocks[c.FIRE_NS][0, a] == pytest.approx(twin.exponential(5, a, 0, 0) / rate * 1e9, abs=1)
    assert clocks[c.FIRE_NS][0, 2] == w.NEVER_NS
    assert clocks[c.FIRST][0, 0] == clocks[c.FIRE_NS][0].min()
    assert clocks[c.FIRST][0, 1] == clocks[c.FIRE_NS][0].argmin()


def test_a_change_of_rate_keeps_what_was_waited():
    clocks = started([1.0])
    hazard = twin.exponential(5, 0, 0, 0)
    half_ns = int(clocks[c.FIRE_NS][0, 0] / 2)
    c.set_rate(clocks, 0, 0, 4.0, half_ns)
    assert clocks[c.FIRE_NS][0, 0] == pytest.approx(half_ns + hazard / 2 / 4 * 1e9, abs=2)
    c.set_rate(clocks, 0, 0, 0.0, half_ns)
    assert clocks[c.FIRE_NS][0, 0] == w.NEVER_NS
    c.set_rate(clocks, 0, 0, 1.0, 10 * S)
    assert clocks[c.FIRE_NS][0, 0] == pytest.approx(10 * S + hazard / 2 * 1e9, abs=2)


def test_the_same_rate_changes_nothing():
    clocks = started([0.7])
    before = [np.copy(array) for array in clocks]
    c.set_rate(clocks, 0, 0, 0.7, S)
    assert all(np.array_equal(old, new) for old, new in zip(before, clocks, strict=True))


def test_events_come_at_the_rate_and_in_order_of_groups():
    clocks = new_clocks(2, 1)
    for g in range(2):
        c.start_clock(clocks, 9, g, 0, 0)
        c.set_rate(clocks, g, 0, 3.0 + 7.0 * g, 0)
        c.find_first(clocks, g)
    seen, last_ns = [0, 0], 0
    while True:
        g = c.first_group(clocks)
        at_ns = int(clocks[c.FIRST][g, 0])
        if at_ns > 1000 * S:
            break
        assert at_ns >= last_ns
        last_ns = at_ns
        assert c.fire(clocks, 9, g, 0, at_ns) == seen[g]
        seen[g] += 1
        c.find_first(clocks, g)
    assert seen[0] == pytest.approx(3000, abs=250)
    assert seen[1] == pytest.approx(10_000, abs=450)
