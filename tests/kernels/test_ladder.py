import math
from random import Random

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from app.kernels import ladder
from tests.kernels.splits import split_problem
from tests.reference.exact import own_costs

seeds = st.integers(0, 2**32)


@given(seeds)
@example(301)
def test_steps_are_the_venue_in_whole_lots(seed):
    split = split_problem(Random(seed))
    start_i = 0
    for v, venue in enumerate(split.venues()):
        row = split.place[v].tolist()
        end = row[ladder.END]
        starts, prices = split.start_units[start_i : end + 1], split.step_nano[:, start_i : end + 1]
        sizes = own_costs(venue, split.target)
        assert row[ladder.MOST] == (sizes[-1][0] if sizes else 0) == starts[-1]
        assert (np.diff(starts) > 0).all()
        assert (starts % venue.lot == 0).all()
        assert np.isinf(prices[0, -1])
        walked = dict(sizes)
        for units, spent in zip(starts.tolist(), prices[1].tolist(), strict=True):
            if units in walked:
                whole, fixed = walked[units], venue.fixed_nano
                assert spent == pytest.approx(whole - fixed, rel=1e-12, abs=1e-12 * max(abs(whole), fixed))
        # What a step says in between is what the book says there.
        for units, own_nano in sizes:
            s = int(np.searchsorted(starts, units, side="left")) - 1
            parts = prices[1, s], (units - starts[s]) * prices[0, s], venue.fixed_nano
            # They may cancel (a rebate that pays for the fixed cost): exact to the last digits of the largest.
            assert sum(parts) == pytest.approx(own_nano, rel=1e-12, abs=1e-12 * max(map(abs, parts)))
        start_i = end + 1


@given(seeds)
def test_a_tangent_is_the_cheapest_average_of_all_sizes(seed):
    split = split_problem(Random(seed))
    for v, venue in enumerate(split.venues()):
        if split.place[v, ladder.STATE] == ladder.FREE:
            averages = [own_nano / units for units, own_nano in own_costs(venue, split.target)]
            assert split.own_nano[v, ladder.FLAT_NANO] == pytest.approx(min(averages), rel=1e-12)
            assert split.start_units[split.place[v, ladder.FLOOR]] == split.place[v, ladder.LEAST]


@given(seeds)
def test_the_target_is_what_sums_of_lots_allow(seed):
    split = split_problem(Random(seed))
    sizes = [own_costs(venue, split.target) for venue in split.venues()]
    most = sorted((own[-1][0] for own in sizes if own), reverse=True)
    finest = math.gcd(*(venue.lot for venue, own in zip(split.venues(), sizes, strict=True) if own))
    reach = min(split.target, sum(most[: split.max_venues or None]))
    assert split.reach == (reach // finest * finest if finest else 0)
    ranked = split.place[split.place[: split.n, ladder.BY_MOST], ladder.MOST]
    assert (np.diff(ranked) <= 0).all()


@given(seeds)
def test_the_volume_problem_gives_for_nothing_and_sells_the_rest_at_one(seed):
    split = split_problem(Random(seed))
    if split.reach == 0:
        return
    n = split.n
    place, own = np.empty((n + 2, ladder.N_PLACE), np.int64), np.empty((n + 2, ladder.N_OWN))
    starts, steps = np.empty(3 * n + 8, np.int64), np.empty((2, 3 * n + 8))
    tally, best = np.empty(ladder.N_TALLY, np.int64), np.empty(ladder.N_BEST)
    ladder.lay_volume(split.place, split.reach, split.max_venues, False, place, own, starts, steps, tally, best)
    assert tally[ladder.TARGET_UNITS] == split.reach
    assert place[n, ladder.MOST] == split.reach
    assert place[n, ladder.STATE] == ladder.IN
    assert split.reach % place[n, ladder.LOT] == 0
    assert (place[:n, ladder.MOST] == split.place[:n, ladder.MOST]).all()
    for v in range(n + 1):
        first_i = 0 if v == 0 else place[v - 1, ladder.END] + 1
        prices = steps[0, first_i : place[v, ladder.END]]
        assert (prices == (1.0 if v == n else 0.0)).all()
