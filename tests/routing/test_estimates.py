"""Estimated terms rank and never admit: bounded, summed exactly, apart from what is certain."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.enums import ContractKind, Side
from app.domain.instrument import FungibilityClass, Symbol
from app.domain.plan import MAX_ESTIMATE_PPM, VenueEstimate
from app.domain.terms import MarginMode, MissingTerm, Predicted, SourceTerms
from app.domain.units import NANO
from app.routing.estimates import (
    MAX_PREDICTED_PPM,
    estimate_venue,
    estimate_venues,
    four_numbers,
    is_within_balance,
    missing_term,
    usable_prediction,
)

SPOT = Symbol("BTC/USDT", FungibilityClass("BTC", "USDT", "USDT", ContractKind.SPOT), 2, 5)
INVERSE = Symbol(
    "BTC/USD:BTC", FungibilityClass("BTC", "USD", "BTC", ContractKind.INVERSE, multiplier_nano=100 * NANO), 1, 0
)
PLAIN = SourceTerms("alpha", taker_fee_ppm=400)
PERPETUAL = replace(
    PLAIN, is_perpetual=True, funding_ppm=30, margin_mode=MarginMode.ISOLATED, reduce_only=False, margin_ppm=100_000
)
NOTHING = VenueEstimate("alpha", 0, 0, 0, ())
ppms = st.integers(-10_000, 10_000)


@given(ppms, ppms, st.integers(0, 10**6), st.floats(-1e5, 1e5), st.sampled_from(list(Side)), st.integers(0, 1_000))
def test_terms_sum_to_the_estimate_and_the_estimate_is_bounded(inventory, drift, fade, mean, side, most):
    terms = replace(PLAIN, inventory_ppm=inventory, drift_ppm=drift, fade_ppm=fade, refill_ppm=500)
    found = estimate_venue(terms, side, usable_prediction(Predicted(mean, mean - 5, mean + 90)), most)
    assert sum(ppm for _, ppm in found.terms) == found.ppm
    assert abs(found.ppm) <= min(most, MAX_ESTIMATE_PPM)
    assert found.low_ppm <= found.ppm <= found.high_ppm


@pytest.mark.parametrize(("most", "expected"), [(99, 99), (100, 100), (101, 100), (0, 0), (-5, 0)])
def test_the_bound_is_met_at_its_edge(most, expected):
    assert estimate_venue(replace(PLAIN, inventory_ppm=100), Side.BUY, None, most).ppm == expected


def test_no_setting_passes_the_ceiling():
    found = estimate_venue(replace(PLAIN, inventory_ppm=5_000), Side.BUY, None, 5_000)
    assert found.ppm == MAX_ESTIMATE_PPM
    assert ("bounded", MAX_ESTIMATE_PPM - 5_000) in found.terms


def test_each_term_by_hand():
    terms = replace(
        PERPETUAL,
        inventory_ppm=3,
        credit_year_ppm=36_500,
        holding_s=86_400,
        fade_ppm=100_000,
        refill_ppm=50,
        drift_ppm=7,
        unanswered_ppm=2_000,
        failure_ppm=1_000,
    )
    buy = dict(estimate_venue(terms, Side.BUY, None, 300).terms)
    sell = dict(estimate_venue(terms, Side.SELL, None, 300).terms)
    assert buy == {"fade": 5, "drift": 7, "inventory": 3, "credit": 100, "reliability": 2, "funding": 30}
    assert sell["drift"] == -7
    assert sell["funding"] == -30


def test_a_prediction_already_holds_drift_and_fade():
    terms = replace(PLAIN, fade_ppm=100_000, refill_ppm=50, drift_ppm=7)
    found = estimate_venue(terms, Side.BUY, Predicted(12.4, -20.0, 60.0))
    assert found == VenueEstimate("alpha", 12, -20, 60, (("slippage", 12),))


@pytest.mark.parametrize(
    "broken",
    [
        None,
        Predicted(float("nan"), 0, 1),
        Predicted(1, float("-inf"), 2),
        Predicted(1, 0, MAX_PREDICTED_PPM * 1.001),
        Predicted(1, 3, 2),
    ],
)
def test_a_prediction_that_cannot_be_used_is_static_and_said_so(broken):
    predicted = {} if broken is None else {"alpha": broken}
    found = estimate_venues({"alpha": PLAIN}, Side.BUY, predicted)
    assert found.static == ("alpha",)
    assert found.by_venue["alpha"] == NOTHING
    assert not found.excluded


@pytest.mark.parametrize(
    ("lack", "reason"),
    [
        ({"funding_ppm": None}, MissingTerm.FUNDING),
        ({"margin_mode": None}, MissingTerm.MARGIN_MODE),
        ({"reduce_only": None}, MissingTerm.REDUCE_ONLY),
    ],
)
def test_a_perpetual_that_lacks_an_input_is_left_out_with_the_reason(lack, reason):
    terms = {"alpha": replace(PERPETUAL, **lack), "beta": replace(PERPETUAL, venue="beta")}
    found = estimate_venues(terms, Side.BUY, {})
    assert found.excluded == {"alpha": reason}
    assert set(found.by_venue) == {"beta"}
    assert missing_term(PERPETUAL) is None
    assert missing_term(replace(PLAIN, funding_ppm=None)) is None


def test_the_four_numbers_of_a_spot_buy_and_sale():
    terms = replace(PLAIN, fixed_nano=7, fee_discount_ppm=250_000)
    estimate = VenueEstimate("alpha", 10, -20, 80, (("slippage", 10),))
    money, reference = 1_000_100, 1_000_000
    buy = four_numbers(terms, estimate, SPOT, Side.BUY, money_nano=money, reference_nano=reference)
    fee = 301  # 300 ppm after a quarter's discount, rounded up
    assert buy.certain_nano == 100 + fee + 7
    assert buy.expected_nano == buy.certain_nano + 11
    assert buy.p95_nano == buy.certain_nano + 81
    assert buy.capital_nano == money + fee + 7
    sell = four_numbers(terms, estimate, SPOT, Side.SELL, money_nano=999_900, reference_nano=reference)
    assert sell.certain_nano == 100 + 300 + 7
    assert sell.capital_nano == reference


def test_a_contract_ties_up_margin_and_a_reducing_order_frees_it():
    numbers = [
        four_numbers(
            replace(PERPETUAL, reduce_only=reduces),
            NOTHING,
            INVERSE,
            Side.BUY,
            money_nano=999_000,
            reference_nano=10**6,
        )
        for reduces in (False, True)
    ]
    # A buyer of an inverse contract gets less coin claim at a worse price: that is his cost.
    assert [n.certain_nano for n in numbers] == [1_000 + 400] * 2
    assert [n.capital_nano for n in numbers] == [99_900 + 400, 400]


@pytest.mark.parametrize(("cap", "fits"), [(-1, True), (1_000_399, False), (1_000_400, True), (1_000_401, True)])
def test_a_balance_is_met_at_its_edge(cap, fits):
    terms = replace(PLAIN, balance_cap_nano=cap)
    numbers = four_numbers(terms, NOTHING, SPOT, Side.BUY, money_nano=10**6, reference_nano=10**6)
    assert is_within_balance(terms, numbers) is fits


def test_a_rebate_gets_no_discount_and_a_discount_rounds_up():
    assert replace(PLAIN, taker_fee_ppm=-50, fee_discount_ppm=250_000).net_fee_ppm == -50
    assert replace(PLAIN, taker_fee_ppm=10, fee_discount_ppm=250_000).net_fee_ppm == 8
