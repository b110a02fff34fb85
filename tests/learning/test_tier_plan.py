"""A tier is chased only where it pays, within the cap, and with every other condition met."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.enums import FeeStatus, MarketKind
from app.domain.fees import FeeSchedule, Holding, TierRule
from app.domain.units import NANO
from app.learning.tier_plan import MAX_TIER_VALUE_PPM, TierVerdict, VenueMonth, moved_nano, plan_tiers

M = 1_000_000 * NANO
TIERS = (TierRule("base", 0, 1_000, 800), TierRule("next", 10 * M, 800, 600))
RESPONSE_PPM = 40_000  # at half of all volume one ppm moves 1 % of it


def month(
    venue: str, expected: int, *, window: int = 0, tiers=TIERS, currency: str = "USDT", **held: int
) -> VenueMonth:
    schedule = FeeSchedule(
        venue, MarketKind.SPOT, tiers, "test", "2026-11-01", FeeStatus.VERIFIED, volume_currency=currency
    )
    return VenueMonth(schedule, window * M, expected * M, expected * M, held)


def flat(venue: str, expected: int) -> VenueMonth:
    return month(venue, expected, tiers=TIERS[:1])


def test_a_tier_within_reach_that_saves_more_than_it_takes_is_chased():
    plan = plan_tiers([month("a", 9), flat("b", 91)], RESPONSE_PPM)
    chased = plan.parts[0]
    assert (chased.verdict, chased.tier, chased.shortfall_nano) == (TierVerdict.CHASED, "next", M)
    assert chased.value_ppm == 4  # 1M, where a ppm moves 0.3276M
    assert chased.gain_nano == 9 * M * 200 // 1_000_000
    assert plan.values_ppm() == {"a": -4}
    assert plan.net_nano == chased.net_nano == plan.bound_nano


@pytest.mark.parametrize(
    ("shortfall_m", "verdict"), [(29, TierVerdict.CHASED), (30, TierVerdict.CHASED), (31, TierVerdict.BEYOND_CAP)]
)
def test_what_takes_more_than_the_cap_is_left(shortfall_m, verdict):
    far = (TIERS[0], TierRule("far", (50 + shortfall_m) * M, 130, 130))
    plan = plan_tiers([month("a", 50, tiers=far), flat("b", 50)], RESPONSE_PPM)
    assert plan.parts[0].verdict is verdict
    assert all(-MAX_TIER_VALUE_PPM <= value <= 0 for value in plan.values_ppm().values())


def test_a_larger_cap_is_not_taken():
    far = (TIERS[0], TierRule("far", 81 * M, 130, 130))
    assert plan_tiers([month("a", 50, tiers=far), flat("b", 50)], RESPONSE_PPM, 1_000).values_ppm() == {}


def test_a_tier_whose_other_condition_is_not_met_is_worth_nothing():
    asking = (TIERS[0], replace(TIERS[1], holdings=(Holding("BNB", 25),)))
    short, held = (plan_tiers([month("a", 9, tiers=asking, BNB=n), flat("b", 91)], RESPONSE_PPM) for n in (24, 25))
    assert (short.parts[0].verdict, short.values_ppm()) == (TierVerdict.OTHER_CONDITIONS, {})
    assert held.parts[0].verdict is TierVerdict.CHASED


@pytest.mark.parametrize(
    ("found", "verdict"),
    [
        (month("a", 9, currency="BTC"), TierVerdict.NOT_COUNTED),
        (month("a", 10), TierVerdict.TOP),
        (month("a", 1, window=9), TierVerdict.TOP),
        (flat("a", 9), TierVerdict.TOP),
        (month("a", 0, window=9), TierVerdict.BEYOND_CAP),
        (month("a", 1, tiers=(TIERS[0], TierRule("next", 2 * M, 999, 799))), TierVerdict.DOES_NOT_PAY),
    ],
)
def test_why_a_venue_is_not_chased(found, verdict):
    plan = plan_tiers([found, flat("b", 91)], RESPONSE_PPM)
    assert (plan.parts[0].verdict, plan.values_ppm(), plan.net_nano) == (verdict, {}, 0)


def test_without_a_response_nothing_can_be_moved():
    assert plan_tiers([month("a", 9), flat("b", 91)], 0).parts[0].verdict is TierVerdict.BEYOND_CAP
    assert plan_tiers([], RESPONSE_PPM).parts == ()


def test_a_venue_that_would_fall_is_kept_from_giving():
    """What `a` gains is less than what `b` loses by the volume that would move."""
    rich = (TierRule("base", 0, 1_000, 800), TierRule("top", 90 * M, 130, 130))
    plan = plan_tiers([month("a", 9), month("b", 90, tiers=rich)], RESPONSE_PPM)
    assert (plan.parts[0].verdict, plan.values_ppm(), plan.net_nano) == (TierVerdict.CROWDED_OUT, {}, 0)


def test_where_volume_does_not_suffice_for_two_the_better_one_is_chased():
    dear = (TIERS[0], TierRule("next", 10 * M, 200, 200))
    plan = plan_tiers([month("a", 6), month("b", 6, tiers=dear)], 100_000)
    assert [part.verdict for part in plan.parts] == [TierVerdict.CROWDED_OUT, TierVerdict.CHASED]
    assert set(plan.values_ppm()) == {"b"}


levels = st.lists(st.integers(1, 60), min_size=1, max_size=3, unique=True).map(sorted)


@st.composite
def markets(draw):
    found = []
    for name in "abcdef"[: draw(st.integers(1, 6))]:
        volumes = draw(levels)
        fees = sorted(draw(st.lists(st.integers(200, 1_500), min_size=len(volumes) + 1, max_size=len(volumes) + 1)))
        steps = zip([0, *volumes], fees[::-1], strict=True)
        rules = [TierRule(f"t{i}", volume * M, fee_ppm, 0) for i, (volume, fee_ppm) in enumerate(steps)]
        found.append(month(name, draw(st.integers(0, 40)), window=draw(st.integers(0, 20)), tiers=tuple(rules)))
    return found


@given(markets(), st.integers(0, 200_000))
def test_the_plan_keeps_its_laws(found, response_ppm):
    plan = plan_tiers(found, response_ppm)
    chased = [part for part in plan.parts if part.verdict is TierVerdict.CHASED]
    assert 0 <= plan.net_nano <= plan.bound_nano
    assert (plan.net_nano > 0) is bool(chased)
    assert all(0 < part.value_ppm <= MAX_TIER_VALUE_PPM and part.net_nano > 0 for part in chased)
    assert all(part.value_ppm == 0 for part in plan.parts if part.verdict is not TierVerdict.CHASED)
    others = sum(m.expected_nano for m, part in zip(found, plan.parts, strict=True) if part not in chased)
    assert len(chased) < 2 or sum(part.shortfall_nano for part in chased) <= others


@given(markets(), st.integers(1, 200_000))
def test_no_set_of_the_same_targets_beats_the_bound(found, response_ppm):
    plan = plan_tiers(found, response_ppm)
    targets = [part for part in plan.parts if part.verdict in (TierVerdict.CHASED, TierVerdict.CROWDED_OUT)]
    total = sum(m.expected_nano for m in found)
    for n in range(len(targets) + 1):
        for some in combinations(targets, n):
            if sum(part.shortfall_nano for part in some) <= total:
                assert sum(part.net_nano for part in some) <= plan.bound_nano


@pytest.mark.parametrize(("expected", "moved"), [(0, 0), (50, 25), (100, 0), (10, 9)])
def test_volume_follows_most_where_a_venue_is_at_the_margin(expected, moved):
    assert moved_nano(expected, 100, 1_000_000) == moved
    assert moved_nano(0, 0, 1_000_000) == 0
