"""Fees round in the venue's favour, tables are sound, and nothing stands above the account's own fills."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.enums import FeeStatus, MarketKind
from app.domain.errors import InvariantBroken
from app.domain.fees import (
    FeeSchedule,
    FeeToken,
    Holding,
    ObservedFee,
    TierRule,
    effective_fee_ppm,
    fee_nano,
    find_faults,
    is_deviating,
    market_of,
    standing,
)
from app.domain.units import NANO

BASE = TierRule("base", 0, 1_000, 800)
MIDDLE = TierRule("middle", 1_000_000 * NANO, 600, 400)
TOP = TierRule("top", 10_000_000 * NANO, 300, -20)
SCHEDULE = FeeSchedule(
    "ven_a", MarketKind.SPOT, (BASE, MIDDLE, TOP), "a page", "2026-01-31", FeeStatus.COMPILED, volume_currency="USDT"
)


@given(st.integers(0, 2**62), st.integers(-10_000, 10_000))
def test_a_fee_is_the_exact_share_rounded_up_by_less_than_one(money_nano, fee_ppm):
    exact = Fraction(money_nano * fee_ppm, 1_000_000)
    assert exact <= fee_nano(money_nano, fee_ppm) < exact + 1


def test_a_rebate_is_negative_and_never_larger_than_earned():
    assert fee_nano(1_000_001, -1) == -1
    assert fee_nano(10**9, 1_000) == 10**6


@pytest.mark.parametrize(
    ("volume_nano", "tier"),
    [
        (0, "base"),
        (MIDDLE.volume_nano - 1, "base"),
        (MIDDLE.volume_nano, "middle"),
        (MIDDLE.volume_nano + 1, "middle"),
        (TOP.volume_nano, "top"),
    ],
)
def test_a_tier_is_reached_at_its_volume(volume_nano, tier):
    at = standing(SCHEDULE, volume_nano, {})
    assert at.rule.tier == tier
    if at.next_tier is not None:
        assert at.next_tier.distance_nano == at.next_tier.rule.volume_nano - volume_nano


def test_above_the_top_there_is_no_next_tier():
    assert standing(SCHEDULE, TOP.volume_nano, {}).next_tier is None


def test_volume_alone_does_not_reach_a_tier_that_asks_for_holdings():
    asking = replace(SCHEDULE, tiers=(BASE, replace(MIDDLE, holdings=(Holding("BNB", 25),)), TOP))
    short = standing(asking, MIDDLE.volume_nano, {"BNB": 24})
    assert short.rule.tier == "base"
    assert short.next_tier is not None
    assert (short.next_tier.distance_nano, short.next_tier.missing) == (0, (Holding("BNB", 25),))
    assert standing(asking, MIDDLE.volume_nano, {"BNB": 25}).rule.tier == "middle"


@pytest.mark.parametrize("currency", ["", "BTC", "EUR"])
def test_a_volume_in_another_currency_reaches_nothing(currency):
    at = standing(replace(SCHEDULE, volume_currency=currency), TOP.volume_nano, {})
    assert at.rule.tier == "base"
    assert at.next_tier is not None and at.next_tier.distance_nano == -1


@pytest.mark.parametrize(("balance_nano", "taker_ppm", "maker_ppm"), [(9, 300, -20), (10, 225, -20), (11, 225, -20)])
def test_a_token_discounts_fees_and_no_rebates_while_its_balance_covers(balance_nano, taker_ppm, maker_ppm):
    paid = replace(SCHEDULE, token=FeeToken("TOK", 250_000, 10))
    at = standing(paid, TOP.volume_nano, {"TOK": balance_nano})
    assert (at.taker_fee_ppm, at.maker_fee_ppm) == (taker_ppm, maker_ppm)
    assert at.is_discounted is (balance_nano >= 10)


@pytest.mark.parametrize(
    ("tiers", "word"),
    [
        ((), "no tier"),
        ((replace(BASE, volume_nano=1),), "first tier"),
        ((replace(BASE, taker_fee_ppm=100_000),), "percent"),
        ((replace(BASE, maker_fee_ppm=-10_000),), "percent"),
        ((replace(BASE, maker_fee_ppm=1_001),), "swapped"),
        ((BASE, replace(MIDDLE, volume_nano=0)), "not above"),
        ((BASE, replace(MIDDLE, taker_fee_ppm=1_001)), "rises"),
        ((BASE, replace(MIDDLE, taker_fee_ppm=124, maker_fee_ppm=124)), "one step"),
    ],
)
def test_known_mistakes_of_tables_are_found(tiers, word):
    assert any(word in fault for fault in find_faults(tiers))
    with pytest.raises(InvariantBroken, match=word):
        replace(SCHEDULE, tiers=tiers)


def test_a_sound_table_has_no_fault():
    assert find_faults(SCHEDULE.tiers) == ()
    assert find_faults((BASE, replace(MIDDLE, taker_fee_ppm=125, maker_fee_ppm=100))) == ()


@pytest.mark.parametrize("change", [{"source": ""}, {"as_of": ""}, {"window_days": 31}, {"window_days": 0}])
def test_a_schedule_without_source_date_or_window_is_refused(change):
    with pytest.raises(InvariantBroken):
        replace(SCHEDULE, **change)


def seen(listed_ppm: int, charged_ppm: int, n_fills: int = 1) -> ObservedFee:
    return ObservedFee(listed_ppm, n_fills, 1_000_000, charged_ppm)


@pytest.mark.parametrize("status", [FeeStatus.UNVERIFIED, FeeStatus.COMPILED])
@pytest.mark.parametrize("charged_ppm", [1, 999, 1_001, 2_500, -30])
def test_a_table_without_a_document_never_beats_the_accounts_own_fills(status, charged_ppm):
    assert effective_fee_ppm(1_000, status, seen(1_000, charged_ppm)) == charged_ppm


@pytest.mark.parametrize(("charged_ppm", "wanted_ppm"), [(1_010, 1_000), (990, 1_000), (1_011, 1_011), (989, 989)])
def test_a_verified_table_stands_within_a_tenth_of_a_basis_point(charged_ppm, wanted_ppm):
    assert effective_fee_ppm(1_000, FeeStatus.VERIFIED, seen(1_000, charged_ppm)) == wanted_ppm


def test_fills_of_another_listed_rate_speak_only_against_an_unverified_table():
    before = seen(1_000, 1_000)
    assert effective_fee_ppm(600, FeeStatus.VERIFIED, before) == 600
    assert effective_fee_ppm(600, FeeStatus.COMPILED, before) == 600
    assert effective_fee_ppm(600, FeeStatus.UNVERIFIED, before) == 1_000


def test_without_fills_the_listed_rate_holds():
    assert effective_fee_ppm(600, FeeStatus.UNVERIFIED, None) == 600
    assert effective_fee_ppm(600, FeeStatus.UNVERIFIED, ObservedFee(600)) == 600
    assert ObservedFee(600).fee_ppm == ObservedFee(600).deviation_ubps == 0


@pytest.mark.parametrize(("charged_ppm", "is_alarm"), [(1_010, False), (1_011, True), (990, False), (989, True)])
def test_the_alarm_begins_above_a_tenth_of_a_basis_point(charged_ppm, is_alarm):
    observed = seen(1_000, charged_ppm)
    assert is_deviating(observed) is is_alarm
    assert observed.deviation_ubps == (charged_ppm - 1_000) * 10_000


@pytest.mark.parametrize(
    ("symbol", "market"),
    [
        ("BTC/USDT", MarketKind.SPOT),
        ("BTC/USDT:USDT", MarketKind.LINEAR),
        ("BTC/USD:BTC", MarketKind.INVERSE),
        ("BTC/USD:BTC-261225", MarketKind.INVERSE),
        ("BTC/USD:BTC-261225-100000-C", MarketKind.OPTION),
        ("BTC/USD:BTC-261225-100000-P", MarketKind.OPTION),
    ],
)
def test_a_symbol_says_its_kind_of_market(symbol, market):
    assert market_of(symbol) is market
