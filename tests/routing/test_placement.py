from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain.errors import BadRequest
from app.domain.placement import Placed, PlacementAsk, QueueSeen, filled_frac
from app.routing.placement import MAX_VENUES, PlacementProblem, Queue, place, place_within, reaches
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


def seen(venue: str, ahead: int, gain_ppm: float, *lost: int) -> QueueSeen:
    return QueueSeen(venue, ahead, gain_ppm, lost)


asks = st.builds(
    PlacementAsk,
    qty_units=st.integers(1, 12),
    half_spread_ppm=st.floats(0, 50),
    cross_ppm=st.floats(0, 300),
    short_ppm=st.floats(400, 900),
    queues=st.lists(
        st.builds(
            QueueSeen,
            venue=st.just("v"),
            ahead_units=st.integers(0, 6),
            gain_ppm=st.floats(-300, 100),
            outflow_units=st.lists(st.integers(0, 15), min_size=4, max_size=4).map(lambda x: tuple(sorted(x))),
        ),
        min_size=1,
        max_size=2,
    ).map(tuple),
)


def expected_cost(ask: PlacementAsk, cross: int, limits: tuple[int, ...]) -> float:
    """Cont and Kukanov's cost by its definition where nothing can be filled too much."""
    cost = (ask.half_spread_ppm + ask.cross_ppm) * cross
    for queue, limit in zip(ask.queues, limits, strict=True):
        filled = filled_frac(queue, limit) * limit
        cost += ask.short_ppm * (limit - filled) - (ask.half_spread_ppm + queue.gain_ppm) * filled
    return cost / ask.qty_units


@given(asks)
@settings(max_examples=150, deadline=None)
def test_no_placement_within_the_quantity_costs_less(ask: PlacementAsk):
    found = place_within(ask)
    assert found.cross_units + sum(found.limit_units) == ask.qty_units
    assert found.cost_ppm == pytest.approx(expected_cost(ask, found.cross_units, found.limit_units), abs=1e-6)
    ranges = [range(ask.qty_units + 1)] * len(ask.queues)
    for limits in product(*ranges):
        if sum(limits) <= ask.qty_units:
            assert found.cost_ppm <= expected_cost(ask, ask.qty_units - sum(limits), limits) + 1e-6


def test_where_too_much_is_dear_the_search_finds_no_better_one():
    ask = PlacementAsk(
        1_000,
        10.0,
        300.0,
        900.0,
        (seen("a", 100, -100.0, *range(50, 2_050, 125)), seen("b", 400, -50.0, *range(0, 1_600, 100))),
    )
    queues = tuple(
        Queue(q.venue, float(q.ahead_units), q.gain_ppm, np.array(q.outflow_units, dtype=float)) for q in ask.queues
    )
    searched = place(PlacementProblem(1_000, 10.0, 300.0, 0.0, 900.0, 1e6, queues), 2_048)
    assert place_within(ask).cost_ppm <= searched.cost_ppm * 1.01


def test_what_cannot_be_meant_is_refused_within_too():
    for ask in (
        PlacementAsk(0, 1.0, 1.0, 10.0, ()),
        PlacementAsk(1, 1.0, 1.0, 0.0, ()),
        PlacementAsk(1, 1.0, 1.0, 10.0, (seen("a", 0, 0.0, 5, 4),)),
    ):
        with pytest.raises(BadRequest):
            place_within(ask)


def test_without_a_queue_all_of_it_crosses():
    assert place_within(PlacementAsk(7, 1.0, 2.0, 10.0, ())) == Placed(7, (), 3.0)
