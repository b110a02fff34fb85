"""An estimate's quantiles never cross, more is never cheaper in the mean, and books are walked as they stand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain.enums import Strategy
from app.domain.pretrade import Basis
from app.learning.pretrade import CostEstimator, Levels, Look, bucket, held_s, look, mean_features, quantiles_bps
from app.services.pretrade import load_pretrade
from tests.learning.costs import made_ask, made_law

LAWS = [CostEstimator(made_law()), CostEstimator(load_pretrade())]
STRATEGIES = st.sampled_from([s for s in Strategy if s is not Strategy.SOR])


def books(*sides: tuple[list[int], list[int], float]) -> Levels:
    """Books that display the same on both sides: prices, quantities and the fee of each."""
    depth = max(len(prices) for prices, _, _ in sides)
    price, qty = np.zeros((len(sides), 2, depth), np.int64), np.zeros((len(sides), 2, depth), np.int64)
    for v, (prices, lots, _) in enumerate(sides):
        price[v, :, : len(prices)], qty[v, :, : len(lots)] = prices, lots
    counts = np.array([[len(prices)] * 2 for prices, _, _ in sides])
    return Levels(price, qty, counts, np.array([fee for _, _, fee in sides]), np.ones(len(sides), bool))


def seen_of(levels: Levels, sign: int, mid_units: float, qty_units: float, n_slices: int) -> Look:
    seen = look(levels, sign, mid_units, qty_units, n_slices)
    assert seen is not None
    return seen


def test_a_walk_is_the_mean_slice_s_price_with_its_fee():
    seen = seen_of(books(([101, 102], [1, 9], 100.0)), 1, 100.0, 4.0, 2)
    assert seen.walk_bps == pytest.approx((101.5 * 1.0001 / 100 - 1) * 1e4)
    assert seen.touch_bps == pytest.approx((101 * 1.0001 / 100 - 1) * 1e4)
    assert not seen.is_short


def test_cheaper_with_its_fee_is_taken_first():
    levels = books(([10_000], [1], 300.0), ([10_001], [1], 0.0))
    assert seen_of(levels, 1, 10_000.0, 1.0, 1).walk_bps == pytest.approx(1.0)
    assert seen_of(levels, -1, 10_001.0, 1.0, 1).walk_bps == pytest.approx(0.0, abs=1e-9)


def test_beyond_what_is_displayed_the_last_price_counts_and_is_named():
    seen = seen_of(books(([101], [1], 0.0)), 1, 100.0, 3.0, 1)
    assert seen.is_short
    assert seen.walk_bps == pytest.approx(100.0)


def test_beyond_a_cap_nothing_counts():
    levels = books(([101, 102], [1, 1], 0.0))
    assert seen_of(levels._replace(cap_units=101), 1, 100.0, 2.0, 1).is_short
    assert not seen_of(levels._replace(cap_units=102), 1, 100.0, 2.0, 1).is_short
    assert look(levels._replace(cap_units=100), 1, 100.0, 2.0, 1) is None


def test_an_even_plan_holds_a_third_of_its_time():
    plan = [(float(k), 1.0) for k in range(300)]
    assert held_s(plan, 300.0) == pytest.approx(100.0, rel=0.01)
    assert held_s([(0.0, 5.0)], 5.0) == 0.0
    assert held_s([(7.0, 5.0)], 5.0) == 7.0


def test_edges_belong_to_the_bucket_above():
    assert [bucket((1.0, 2.0), x) for x in (0.5, 1.0, 1.5, 2.0)] == [0, 1, 1, 2]


@pytest.mark.parametrize("estimator", LAWS, ids=["made", "shipped"])
@settings(max_examples=60, deadline=None)
@given(
    strategy=STRATEGIES,
    venue=st.sampled_from(["lead", "many", "never seen"]),
    walk=st.floats(-5, 50),
    used=st.floats(1e-6, 50),
    more=st.floats(1, 20),
    sigma=st.floats(0, 20),
    held=st.floats(0, 4_000),
)
def test_quantiles_rise_and_more_is_never_cheaper(estimator, strategy, venue, walk, used, more, sigma, held):
    common = {"venue": venue, "touch_bps": walk, "sigma_bps_sqrt_s": sigma, "held_s": held}
    small = estimator.estimate(made_ask(strategy, walk_bps=walk, used_frac=used, **common))
    large = estimator.estimate(made_ask(strategy, walk_bps=walk + more - 1, used_frac=used * more, **common))
    assert small is not None
    assert large is not None
    assert list(small.quantiles_ubps) == sorted(small.quantiles_ubps)
    assert large.expected_ubps >= small.expected_ubps


def test_no_feature_of_the_mean_falls_with_size():
    small, large = (mean_features(made_ask(used_frac=used, walk_bps=1 + used), 2.0) for used in (0.1, 0.4))
    assert all(a <= b for a, b in zip(small, large, strict=True))


def test_an_estimate_says_where_it_is_from_and_when_it_reaches_beyond():
    law = made_law(Basis.OWN)
    told = CostEstimator(law).estimate(made_ask(), 120_000)
    assert told is not None
    assert (told.basis, told.artifact, told.participation_ppm) == (Basis.OWN, law.name, 120_000)
    assert not told.is_extrapolated
    beyond = CostEstimator(law).estimate(made_ask(used_frac=99.0))
    assert beyond is not None
    assert beyond.is_extrapolated
    assert CostEstimator(law).estimate(made_ask(walk_bps=float("nan"))) is None


def test_more_time_is_more_risk():
    asks = [made_ask(Strategy.TWAP, held_s=held) for held in (10.0, 1_000.0)]
    short, long = quantiles_bps(LAWS[0], asks)
    assert long[4] - long[0] > 3 * (short[4] - short[0])
