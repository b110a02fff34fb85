from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain.calibration import Decay
from app.domain.enums import Side
from app.domain.schedule import (
    CostLaw,
    ImpactBelief,
    Progress,
    ScheduleTerms,
    ScheduleUrgency,
    Seen,
    ShortfallParameters,
)
from app.execution.schedules.shortfall import due_lots, planned_shares, planned_trades
from tests.execution.schedules.schedule_contract import keeps_the_contract

S = 10**9
TERMS = ScheduleTerms(Side.BUY, 0, 60 * S, 6 * S)
sizes = st.floats(-9, 9).map(lambda power: 10.0**power)


def shortfall(law=CostLaw.LINEAR, aversion=1e-6, **terms):
    belief = ImpactBelief(law, 10.0, 50.0, Decay.EXPONENTIAL, 5.0, 1.0, 0.3)
    return ShortfallParameters(replace(TERMS, **terms), belief, 20.0, aversion)


@pytest.mark.parametrize("law", CostLaw)
@pytest.mark.parametrize("aversion", [0.0, 1e-6, 1e-2])
def test_a_shortfall_keeps_the_contract(law, aversion):
    keeps_the_contract(shortfall(law, aversion))


@pytest.mark.parametrize("law", CostLaw)
def test_urgency_and_risk_bring_lots_forward(law):
    early = [
        planned_shares(shortfall(law, urgency=urgency), 10_000, 60 * S)[2]
        for urgency in (ScheduleUrgency.PASSIVE, ScheduleUrgency.NORMAL, ScheduleUrgency.URGENT)
    ]
    assert early == sorted(early)
    assert len(set(early)) == 3


def test_four_times_the_aversion_halves_the_half_life():
    """Held after t is sinh(kappa (T - t)) / sinh(kappa T): with fine slices and much time, exp(-kappa t)."""
    held = {}
    for urgency in (ScheduleUrgency.NORMAL, ScheduleUrgency.URGENT):
        parameters = shortfall(aversion=1e-4, urgency=urgency, slice_ns=S // 10)
        held[urgency] = 1 - np.array(planned_shares(parameters, 10_000, 60 * S))
    rate = {urgency: np.log(part[9] / part[19]) for urgency, part in held.items()}
    assert rate[ScheduleUrgency.URGENT] == pytest.approx(2 * rate[ScheduleUrgency.NORMAL], rel=1e-3)


def test_planning_the_linear_rest_anew_changes_nothing():
    """Almgren and Chriss is consistent in time: who is on plan stays on it."""
    parameters = shortfall(aversion=1e-4)
    whole = planned_trades(parameters, 1e6, 60 * S)
    rest = planned_trades(parameters, 1e6 - sum(whole[:4]), 36 * S)
    assert rest == pytest.approx(whole[4:], rel=1e-9)


@settings(max_examples=300)
@given(st.sampled_from(CostLaw), sizes, sizes, sizes, sizes, sizes, st.integers(1, 40), st.integers(1, 2**61))
def test_any_parameters_within_their_range_give_a_plan(law, impact, rate, decay_s, sigma, aversion, n_slices, lots):
    terms = ScheduleTerms(Side.SELL, 0, n_slices * S, S)
    decay = Decay.POWER if n_slices % 2 else Decay.EXPONENTIAL
    belief = ImpactBelief(law, impact, rate, decay, decay_s, 0.5, 0.1)
    parameters = ShortfallParameters(terms, belief, sigma, aversion)
    shares = planned_shares(parameters, lots, n_slices * S)
    assert len(shares) == n_slices
    assert shares[-1] == 1.0
    assert shares[0] >= 0.0
    assert all(sooner <= later for sooner, later in pairwise(shares))
    assert due_lots(parameters, Progress(lots, 0, 0, 0, 0, 0), Seen(n_slices * S - 1)) == lots


def test_nothing_left_is_a_plan_too():
    parameters = shortfall()
    assert due_lots(parameters, Progress(50, 6 * S, 50, 0, 50, 0), Seen(8 * S)) == 50
