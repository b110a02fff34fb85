from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.enums import Side
from app.domain.schedule import PovParameters, Progress, ScheduleTerms, ScheduleUrgency, Seen, VolumeBase
from app.execution import slicer
from app.execution.schedules.pov import due_lots
from tests.execution.schedules.schedule_contract import keeps_the_contract

S = 10**9
TERMS = ScheduleTerms(Side.BUY, 0, 100 * S, S)


@pytest.mark.parametrize("base", VolumeBase)
@pytest.mark.parametrize("rate_ppm", [10_000, 70_000, 500_000])
def test_pov_keeps_the_contract(rate_ppm, base):
    keeps_the_contract(PovParameters(TERMS, rate_ppm, base))


@given(st.integers(1, 999_999), st.integers(0, 10**12), st.sampled_from(VolumeBase))
def test_never_more_than_the_rate_and_less_than_one_lot_below_it(rate_ppm, others, base):
    lots = due_lots(PovParameters(TERMS, rate_ppm, base), Progress(10**18, 0, 0, 0, 0, 0), Seen(S, others))
    traded = others if base is VolumeBase.OF_OTHERS else others + lots
    assert lots * 10**6 <= rate_ppm * traded
    more = others if base is VolumeBase.OF_OTHERS else others + lots + 1
    assert (lots + 1) * 10**6 > rate_ppm * more


@pytest.mark.parametrize(
    ("urgency", "second"),
    [(ScheduleUrgency.PASSIVE, 100), (ScheduleUrgency.NORMAL, 150), (ScheduleUrgency.URGENT, 200)],
)
def test_what_was_missed_is_caught_up_as_far_as_the_urgency_says(urgency, second):
    """10 % of the volume, at most 20: after a child of 100 did not fill, 1,000 more of others' volume give ..."""
    parameters = PovParameters(replace(TERMS, cap_ppm=200_000, urgency=urgency), 100_000)
    progress, first = slicer.release(parameters, slicer.begin(10_000, Seen(0)), Seen(S, 1_000))
    assert first == 100
    progress = slicer.give_back(progress, 100)
    assert slicer.release(parameters, progress, Seen(2 * S, 2_000))[1] == second


def test_a_passive_plan_of_few_lots_keeps_its_rate():
    parameters = PovParameters(replace(TERMS, cap_ppm=200_000, urgency=ScheduleUrgency.PASSIVE), 100_000)
    progress = slicer.begin(1_000, Seen(0))
    for k in range(100):
        progress, _ = slicer.release(parameters, progress, Seen(k * S, 15 * k))
    assert progress.released_lots == 148
