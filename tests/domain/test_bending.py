"""How far a bent plan runs ahead: exact sums, a band, and nothing left at the end."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from app.domain.bending import LEAST_WEIGHT_PPM, MOST_WEIGHT_PPM, bent_lead_lots
from app.domain.units import PPM

lots = st.lists(st.integers(0, 10**9), min_size=1, max_size=30)
weights = st.integers(LEAST_WEIGHT_PPM, MOST_WEIGHT_PPM)


@given(lots, st.data(), st.integers(0, 10**9), st.integers(0, 10**9))
def test_the_plan_never_falls_keeps_its_band_and_ends_with_all(slices, data, behind, ahead):
    total, begin, lead, due_before = sum(slices), 0, 0, 0
    for planned in slices:
        end = begin + planned
        lead = bent_lead_lots(lead, (begin, end, total), data.draw(weights), (behind, ahead))
        assert -behind <= lead <= ahead
        assert due_before <= end + lead <= total
        due_before, begin = end + lead, end
    assert lead == 0
    assert due_before == total


def test_a_slice_takes_its_weight_of_what_is_left():
    assert bent_lead_lots(0, (0, 100, 1_000), 2 * PPM, (1_000, 1_000)) == 82  # 1000 x 200 / 1100, less 100
    assert bent_lead_lots(0, (0, 100, 1_000), PPM // 2, (1_000, 1_000)) == -47
    assert bent_lead_lots(0, (0, 100, 1_000), 2 * PPM, (1_000, 30)) == 30
    assert bent_lead_lots(0, (0, 100, 1_000), PPM // 2, (20, 1_000)) == -20


@given(st.integers(-400, 400))
def test_as_usual_a_lead_fades_in_proportion_to_what_is_left(lead):
    faded = bent_lead_lots(lead, (500, 750, 1_000), PPM, (1_000, 1_000))
    assert abs(faded - lead / 2) <= 0.5
