from itertools import pairwise
from random import Random

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from app.kernels import impact, status
from tests.reference import impact as twin

LAWS = {"linear": impact.LINEAR, "root": impact.SQUARE_ROOT}
DECAYS = {"exponential": impact.EXPONENTIAL, "power": impact.POWER}
peaks = st.floats(0, 1e4)
scales = st.floats(1e-3, 1e9)
seeds = st.integers(0, 2**32)


def costs(law, peak, scale, quantities):
    shift, cost = np.empty(len(quantities)), np.empty(len(quantities))
    assert impact.impact_costs(LAWS[law], peak, scale, np.array(quantities, float), shift, cost) == status.OK
    return shift, cost


def run(decay, law, at_s, qty):
    shift, cost = np.empty(len(qty)), np.empty(len(qty))
    found = impact.propagate(
        DECAYS[decay], np.array(law, float), np.array(at_s, float), np.array(qty, float), shift, cost
    )
    return found, shift, cost


def a_law(rng):
    return [rng.uniform(0, 500), rng.uniform(0.1, 1e6), rng.uniform(0.01, 60), rng.uniform(0.1, 3), rng.random()]


@pytest.mark.parametrize("law", LAWS)
@given(peaks, scales, st.floats(0, 100))
def test_displacement_and_cost_agree_with_the_twin(law, peak, scale, parts):
    shift, cost = costs(law, peak, scale, [parts * scale])
    assert shift[0] == pytest.approx(twin.shift_ppm(law, peak, scale, parts * scale), rel=1e-12, abs=1e-9)
    assert cost[0] == pytest.approx(twin.cost_ppm(law, peak, scale, parts * scale, 500), rel=1e-4, abs=1e-9)


@pytest.mark.parametrize("law", LAWS)
@given(st.floats(1e-3, 1e4), scales, st.lists(st.floats(0, 1e3), min_size=2, max_size=9, unique=True))
def test_more_costs_more_and_the_total_is_convex(law, peak, scale, parts):
    quantities = np.array(sorted(parts)) * scale
    assume(np.all(np.diff(sorted(parts)) > 1e-9))
    shift, cost = costs(law, peak, scale, quantities)
    assert np.all(np.diff(shift) > 0)
    assert np.all(np.diff(cost) > 0)
    # Chords of a convex total lie between the marginal costs at their ends.
    chords = np.diff(cost * quantities) / np.diff(quantities)
    assert np.all(chords >= shift[:-1] * (1 - 1e-6) - 1e-6)
    assert np.all(chords <= shift[1:] * (1 + 1e-6) + 1e-6)


def test_the_scale_has_its_peak():
    for law in LAWS:
        shift, _ = costs(law, 70.0, 5.0, [5.0])
        assert shift[0] == pytest.approx(70.0)


@pytest.mark.parametrize("scale", [0.0, -1.0, np.nan])
def test_a_scale_that_is_not_positive_is_refused(scale):
    out = np.empty(1)
    assert impact.impact_costs(impact.LINEAR, 1.0, scale, np.ones(1), out, out) == status.BAD_LEVELS


@pytest.mark.parametrize("decay", DECAYS)
@given(seeds)
def test_a_schedule_agrees_with_the_twin(decay, seed):
    rng = Random(seed)
    law, n = a_law(rng), rng.randint(1, 12)
    at_s = sorted(rng.uniform(0, 30) for _ in range(n))
    qty = [rng.uniform(-5, 5) for _ in range(n)]
    found, shift, cost = run(decay, law, at_s, qty)
    shifts, paid = twin.schedule(decay, law, at_s, qty)
    assert found == status.OK
    assert shift == pytest.approx(shifts, rel=1e-9, abs=1e-9)
    assert cost == pytest.approx(paid, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("decay", DECAYS)
@given(seeds)
def test_no_round_trip_earns_from_its_own_impact(decay, seed):
    rng = Random(seed)
    n = rng.randint(2, 12)
    at_s = sorted(rng.choice([rng.uniform(0, 5), rng.uniform(0, 500)]) for _ in range(n))
    qty = [rng.uniform(-5, 5) for _ in range(n - 1)]
    qty.append(-sum(qty))
    law = a_law(rng)
    _, _, cost = run(decay, law, at_s, qty)
    assert cost.sum() >= -1e-9 * law[0] / law[1] * sum(abs(q) for q in qty) ** 2


@pytest.mark.parametrize("decay", DECAYS)
@given(seeds)
def test_pieces_at_one_instant_cost_what_the_whole_costs(decay, seed):
    """The sum rule: cutting a trade without waiting changes nothing."""
    rng = Random(seed)
    law = a_law(rng)
    pieces = [rng.uniform(0, 5) for _ in range(rng.randint(1, 8))]
    _, _, cost = run(decay, law, [1.0] * len(pieces), pieces)
    _, _, whole = run(decay, law, [1.0], [sum(pieces)])
    assert cost.sum() == pytest.approx(whole[0], rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("decay", DECAYS)
@given(seeds)
def test_waiting_longer_never_meets_more_of_the_own_impact(decay, seed):
    rng = Random(seed)
    law = a_law(rng)
    waits = sorted(rng.uniform(0, 100) for _ in range(5))
    met = [run(decay, law, [0.0, wait], [1.0, 1.0])[1][1] for wait in waits]
    assert all(later <= sooner * (1 + 1e-12) for sooner, later in pairwise(met))
    assert met[-1] >= law[0] / law[1] * law[4] * (1 - 1e-9)


def test_a_law_outside_its_range_is_refused():
    good = [10.0, 1.0, 1.0, 0.5, 0.2]
    for place, value in ((0, -1.0), (1, 0.0), (2, 0.0), (3, 0.0), (4, 1.1), (4, -0.1), (2, np.nan)):
        law = list(good)
        law[place] = value
        assert run("power", law, [0.0], [1.0])[0] == status.BAD_LEVELS
    assert run("power", good, [1.0, 0.5], [1.0, 1.0])[0] == status.BAD_LEVELS
    assert run("power", good, [1.0, 1.5], [1.0, 1.0])[0] == status.OK
