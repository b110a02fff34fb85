from dataclasses import replace

import numpy as np
import pytest

from app.domain.errors import BadRequest
from app.routing.placement import MAX_VENUES, PlacementProblem, Queue, place, reaches
from tests.reference import placement as twin

EVEN = (np.arange(1_000) + 0.5) * 2_000.0  # anything up to two million, all as likely
NEAR = Queue("near", 300_000.0, 2_000.0, EVEN)
FAR = Queue("far", 1_900_000.0, 2_000.0, EVEN)
PROBLEM = PlacementProblem(1_000_000, 20_000.0, 3_000.0, 0.0, 60_000.0, 50_000.0, (NEAR,))


def test_one_queue_is_placed_by_its_closed_form():
    found = place(PROBLEM)
    limit = twin.one_venue_level(20_000.0, 3_000.0, 2_000.0, 0.0, 60_000.0) * 2e6 - 300_000.0
    assert found.limit_units[0] == pytest.approx(min(limit, 1e6), rel=5e-3)
    assert found.market_units == pytest.approx(1e6 - min(limit, 1e6), abs=5e3)


def test_it_costs_no_more_than_crossing_all_or_posting_all():
    found = place(replace(PROBLEM, queues=(NEAR, FAR)))
    assert found.cost_ppm <= 23_000.0
    terms = (23_000.0, 0.0, 60_000.0, 50_000.0)
    rows = reaches((NEAR, FAR), 2_048)
    gain = (22_000.0, 22_000.0)
    for market, limits in ((1e6, (0.0, 0.0)), (0.0, (5e5, 5e5)), (5e5, (5e5, 0.0))):
        assert found.cost_ppm <= twin.mean_cost(rows, gain, terms, 1e6, market, limits) / 1e6
    shown = twin.mean_cost(rows, gain, terms, 1e6, found.market_units, found.limit_units) / 1e6
    assert found.cost_ppm == pytest.approx(shown, rel=5e-3)


def test_the_long_queue_gets_less_and_a_dear_miss_crosses_more():
    both = place(replace(PROBLEM, queues=(NEAR, FAR)))
    assert both.limit_units[0] > both.limit_units[1]
    assert place(replace(PROBLEM, short_ppm=90_000.0)).market_units > place(PROBLEM).market_units


def test_the_same_problem_gets_the_same_answer():
    assert place(replace(PROBLEM, queues=(NEAR, FAR))) == place(replace(PROBLEM, queues=(NEAR, FAR)))


def test_draws_keep_each_queues_law_and_are_apart():
    drawn = reaches((replace(NEAR, ahead_units=0.0), replace(FAR, ahead_units=0.0)), 4_096)
    assert drawn.mean(axis=0) == pytest.approx([1e6, 1e6], rel=2e-3)
    assert np.quantile(drawn, 0.1, axis=0) == pytest.approx([2e5, 2e5], rel=1e-2)
    assert abs(np.corrcoef(drawn.T)[0, 1]) < 5e-3


@pytest.mark.parametrize(
    "problem",
    [
        replace(PROBLEM, qty_units=0),
        replace(PROBLEM, queues=()),
        replace(PROBLEM, queues=(NEAR,) * (MAX_VENUES + 1)),
        replace(PROBLEM, short_ppm=0.0),
        replace(PROBLEM, over_ppm=0.0),
        replace(PROBLEM, impact_ppm=-1.0),
        replace(PROBLEM, queues=(replace(NEAR, outflow_units=EVEN[::-1]),)),
        replace(PROBLEM, queues=(replace(NEAR, outflow_units=np.array([np.nan])),)),
        replace(PROBLEM, queues=(replace(NEAR, ahead_units=-1.0),)),
    ],
)
def test_what_cannot_be_meant_is_refused(problem):
    with pytest.raises(BadRequest):
        place(problem)


def test_fewer_draws_are_nearly_the_same_placement():
    problem = replace(PROBLEM, queues=(NEAR, FAR))
    fine, coarse = place(problem), place(problem, 256)
    assert coarse.cost_ppm == pytest.approx(fine.cost_ppm, rel=0.05)
    assert coarse.limit_units[0] == pytest.approx(fine.limit_units[0], rel=0.2)
    assert coarse != fine
