from dataclasses import replace
from fractions import Fraction

import pytest

from app.domain.enums import Side
from app.domain.schedule import Progress, ScheduleTerms, Seen, TwapParameters
from app.execution.schedules.twap import due_lots
from tests.execution.schedules.schedule_contract import keeps_the_contract

S = 10**9
TERMS = ScheduleTerms(Side.BUY, 2 * S, 62 * S, 7 * S)


@pytest.mark.parametrize("slice_s", [1, 7, 60])
def test_twap_keeps_the_contract(slice_s):
    keeps_the_contract(TwapParameters(replace(TERMS, slice_ns=slice_s * S)))


def test_each_target_is_the_nearest_lot_to_the_even_line():
    parameters = TwapParameters(ScheduleTerms(Side.SELL, 0, 4 * S, S))
    for total in (1, 2, 3, 257, 10**17 + 1):
        progress = Progress(total, 0, 0, 0, 0, 0)
        for k in range(4):
            assert abs(due_lots(parameters, progress, Seen(k * S)) - Fraction(total * (k + 1), 4)) <= Fraction(1, 2)
    assert [due_lots(parameters, Progress(257, 0, 0, 0, 0, 0), Seen(k * S)) for k in range(4)] == [64, 128, 193, 257]


def test_a_plan_from_the_middle_of_a_slice_gives_that_slice_its_part_only():
    parameters = TwapParameters(ScheduleTerms(Side.BUY, 0, 10 * S, 2 * S))
    progress = Progress(100, 5 * S, 0, 0, 0, 0)
    assert [due_lots(parameters, progress, Seen(t * S)) for t in (5, 6, 8, 10)] == [20, 60, 100, 100]
