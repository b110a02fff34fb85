from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.enums import Side
from app.domain.schedule import Progress, ScheduleTerms, Seen, TwapParameters, VwapParameters
from app.execution.schedules import twap
from app.execution.schedules.vwap import due_lots
from tests.execution.schedules.schedule_contract import keeps_the_contract

S = 10**9
TERMS = ScheduleTerms(Side.SELL, 2 * S, 62 * S, 5 * S)


@pytest.mark.parametrize("weights", [(1,), (5, 1, 0, 2), (0, 0, 3), (3, 0, 0), tuple(range(1, 40))])
def test_vwap_keeps_the_contract(weights):
    keeps_the_contract(VwapParameters(TERMS, weights))


@given(st.lists(st.integers(0, 10**12), min_size=1, max_size=30).filter(any), st.integers(1, 10**17))
def test_each_target_is_the_nearest_lot_to_the_curve(weights, total):
    n = len(weights)
    parameters = VwapParameters(ScheduleTerms(Side.BUY, 0, n * S, S), tuple(weights))
    progress = Progress(total, 0, 0, 0, 0, 0)
    for k in range(n):
        exact = Fraction(total * sum(weights[: k + 1]), sum(weights))
        assert abs(due_lots(parameters, progress, Seen(k * S)) - exact) <= Fraction(1, 2)


@given(st.integers(1, 20), st.integers(0, 70 * S), st.integers(0, 62 * S))
def test_a_flat_curve_is_a_twap(n_bins, now_ns, anchor_ns):
    progress = Progress(12_345, anchor_ns, 345, 0, 345, 0)
    flat = VwapParameters(TERMS, (7,) * n_bins)
    assert due_lots(flat, progress, Seen(now_ns)) == twap.due_lots(TwapParameters(TERMS), progress, Seen(now_ns))


def test_where_the_curve_expects_nothing_more_all_is_due():
    parameters = VwapParameters(ScheduleTerms(Side.BUY, 0, 4 * S, S), (1, 1, 0, 0))
    assert due_lots(parameters, Progress(100, 2 * S, 40, 0, 40, 0), Seen(2 * S)) == 100
