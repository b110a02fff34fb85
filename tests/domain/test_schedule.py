from dataclasses import replace

import pytest

from app.domain.enums import Side
from app.domain.errors import BadRequest
from app.domain.schedule import (
    MAX_SLICES,
    MAX_TRANSIENT_SLICES,
    MOST,
    CostLaw,
    ImpactBelief,
    PovParameters,
    ScheduleTerms,
    ShortfallParameters,
    VolumeBase,
    VwapParameters,
)

TERMS = ScheduleTerms(Side.BUY, 100, 1_100, 300)
BELIEF = ImpactBelief(CostLaw.TRANSIENT, 10.0, 50.0)


def test_slices_tile_the_window_and_the_last_is_cut():
    assert TERMS.n_slices == 4
    assert [TERMS.slice_end_ns(t) for t in (0, 99, 100, 399, 400, 1_099, 1_100, 9_999)] == [
        100, 100, 400, 400, 700, 1_100, 1_100, 1_100,
    ]  # fmt: skip


@pytest.mark.parametrize(
    "change",
    [
        {"end_ns": 100},
        {"start_ns": -1},
        {"slice_ns": 0},
        {"slice_ns": 1_001},
        {"cap_ppm": 0},
        {"cap_ppm": 1_000_001},
        {"limit_price_ticks": 0},
        {"would_price_ticks": -5},
        {"min_clip_lots": 0},
        {"end_ns": 100 + 300 * MAX_SLICES + 1},
    ],
)
def test_terms_that_cannot_be_meant_are_refused(change):
    with pytest.raises(BadRequest):
        replace(TERMS, **change)


def test_terms_at_their_limits_are_taken():
    for change in ({"slice_ns": 1_000}, {"cap_ppm": 1_000_000}, {"end_ns": 100 + 300 * MAX_SLICES}):
        assert replace(TERMS, **change).n_slices >= 1


@pytest.mark.parametrize("weights", [(), (0, 0), (1, -1), (10**12 + 1,), (1,) * 1_001])
def test_a_curve_without_volume_is_none(weights):
    with pytest.raises(BadRequest):
        VwapParameters(TERMS, weights)


def test_a_rate_is_below_one_and_at_most_the_cap():
    assert PovParameters(TERMS, 1_000_000).of_others == (1_000_000, 1_000_000)
    assert PovParameters(TERMS, 200_000, VolumeBase.OF_TOTAL).of_others == (200_000, 800_000)
    for rate, base in ((0, VolumeBase.OF_OTHERS), (1_000_001, VolumeBase.OF_OTHERS), (1_000_000, VolumeBase.OF_TOTAL)):
        with pytest.raises(BadRequest):
            PovParameters(TERMS, rate, base)
    capped = replace(TERMS, cap_ppm=250_000)
    assert PovParameters(capped, 250_000).rate_ppm == 250_000
    assert PovParameters(capped, 200_000, VolumeBase.OF_TOTAL).rate_ppm == 200_000
    for rate, base in ((250_001, VolumeBase.OF_OTHERS), (200_001, VolumeBase.OF_TOTAL)):
        with pytest.raises(BadRequest):
            PovParameters(capped, rate, base)


def test_beliefs_and_risks_outside_their_range_are_refused():
    for change in ({"impact_ppm": 0.0}, {"rate_lots_per_s": 2 * MOST}, {"decay_s": float("nan")}, {"stays_frac": 1.1}):
        with pytest.raises(BadRequest):
            replace(BELIEF, **change)
    for sigma, aversion in ((-1.0, 0.0), (0.0, float("inf"))):
        with pytest.raises(BadRequest):
            ShortfallParameters(TERMS, BELIEF, sigma, aversion)


def test_the_transient_law_takes_fewer_slices():
    many = ScheduleTerms(Side.BUY, 0, MAX_TRANSIENT_SLICES + 1, 1)
    assert ShortfallParameters(many, replace(BELIEF, law=CostLaw.LINEAR), 1.0, 0.0).terms is many
    with pytest.raises(BadRequest):
        ShortfallParameters(many, BELIEF, 1.0, 0.0)


@pytest.mark.parametrize(
    ("change", "pointer", "hint"),
    [
        ({"slice_ns": 1}, "/strategy_params/slice", "0.000001 s"),
        ({"cap_ppm": 2_000_000}, "/strategy_params/participation_cap", "at most 1"),
    ],
)
def test_a_refusal_names_the_member_and_the_way_out(change, pointer, hint):
    with pytest.raises(BadRequest) as caught:
        replace(TERMS, **({"start_ns": 0, "end_ns": 1_000_000, "slice_ns": 300_000} | change))
    assert caught.value.pointer == pointer
    assert hint in caught.value.hint


def test_a_risk_too_large_is_told_by_its_own_member():
    with pytest.raises(BadRequest) as caught:
        ShortfallParameters(replace(TERMS), BELIEF, 1.0, 10.0 * MOST)
    assert caught.value.pointer == "/strategy_params/risk_aversion"
