"""An account's tier follows its own fills, and fees beside the table are told and believed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from app.domain.enums import FeeStatus
from app.domain.events import RoutePlanned
from app.domain.orders import VenueFilter
from app.domain.units import NANO
from app.execution import inputs as inp
from app.execution.context import Context
from app.execution.fees import month_plan, tier_values_ppm
from app.execution.ledger import fold
from tests.execution.fee_desk import (
    SPOT,
    alarms,
    fee_desk,
    fill_at,
    holding_schedule,
    next_day,
    schedule,
    tiers_set,
    token_schedule,
    trade,
)
from tests.worlds import FEES_PPM, make_desk, make_order


def taker_ppm(desk, venue="ven_c"):
    return desk.core.ledger.fees.tiers[("desk", venue, SPOT)].taker_fee_ppm


def test_the_first_tick_sets_every_tier_once():
    desk = fee_desk()
    assert {(e.venue, e.tier, e.taker_fee_ppm) for e in tiers_set(desk)} == {
        (v, "base", p) for v, p in FEES_PPM.items()
    }
    desk.wait(1)
    next_day(desk)
    assert len(tiers_set(desk)) == len(FEES_PPM)


def test_a_world_without_schedules_writes_nothing():
    desk = make_desk()
    desk.wait(1)
    assert not tiers_set(desk)


def test_a_new_account_gets_its_tiers_too():
    desk = fee_desk()
    desk.turn(inp.SetLimits("rival", desk.core.ledger.limits["desk"], "test"))
    desk.wait(1)
    assert {e.account for e in tiers_set(desk)} == {"desk", "rival"}
    mine, theirs = (desk.core.ledger.fees.tiers[(a, "ven_c", SPOT)] for a in ("desk", "rival"))
    assert mine is theirs


def test_volume_reaches_a_tier_from_the_next_day_and_leaves_it_after_thirty():
    desk = fee_desk()
    for _ in range(20):
        assert trade(desk).venue == "ven_c"  # 600 USDT each
    assert taker_ppm(desk) == 200
    next_day(desk)
    assert taker_ppm(desk) == 100
    next_day(desk, 29)
    assert taker_ppm(desk) == 100
    next_day(desk)
    assert taker_ppm(desk) == 200


def test_routing_takes_the_tier_and_the_same_object_until_something_changes():
    desk = fee_desk()
    before = desk.core.ledger.fees.tiers[("desk", "ven_c", SPOT)]
    for _ in range(20):
        trade(desk)
        assert desk.core.ledger.fees.tiers[("desk", "ven_c", SPOT)] is before
    next_day(desk)
    trade(desk, fee_ppm=100)
    plan = [f.event for f in desk.facts if isinstance(f.event, RoutePlanned)][-1].plan
    (allocation,) = plan.allocations
    assert allocation.fee_nano * 10_000 == pytest.approx(allocation.money_nano, rel=1e-6)


def test_a_tier_that_asks_for_holdings_comes_with_them_and_goes_with_them():
    desk = fee_desk(holding_schedule("ven_c"))
    for _ in range(20):
        trade(desk)
    next_day(desk)
    assert taker_ppm(desk) == 200
    desk.turn(inp.SetBalance("desk", "ven_c", "BNB", 25 * NANO, "test"))
    assert taker_ppm(desk) == 100
    desk.turn(inp.SetBalance("desk", "ven_c", "BNB", 24 * NANO, "test"))
    assert taker_ppm(desk) == 200


def test_a_discount_counts_only_while_the_token_covers_it():
    desk = fee_desk(token_schedule("ven_c"))
    desk.turn(inp.SetBalance("desk", "ven_c", "TOK", 11 * NANO, "test"))
    assert taker_ppm(desk) == 150
    assert tiers_set(desk)[-1].is_discounted
    trade(desk, fee_nano=NANO, fee_currency="TOK")
    assert taker_ppm(desk) == 150
    trade(desk, fee_nano=1, fee_currency="TOK")  # less than the cover is left
    assert taker_ppm(desk) == 200
    assert not tiers_set(desk)[-1].is_discounted


@pytest.mark.parametrize(("charged_ppm", "n_alarms"), [(200, 0), (210, 0), (190, 0), (212, 1), (188, 1), (400, 1)])
def test_fees_beside_the_table_by_over_a_tenth_of_a_basis_point_are_an_alarm(charged_ppm, n_alarms):
    desk = fee_desk()
    for _ in range(3):
        trade(desk, charged_ppm)
    assert len(alarms(desk)) == n_alarms
    assert taker_ppm(desk) == (charged_ppm if n_alarms else 200)


def test_an_alarm_says_by_how_much_and_is_told_once_a_day():
    desk = fee_desk()
    trade(desk, 300)
    (alarm,) = alarms(desk)
    assert (alarm.venue, alarm.listed_fee_ppm, alarm.observed_fee_ppm, alarm.n_fills) == ("ven_c", 200, 300, 1)
    assert alarm.deviation_ubps == pytest.approx(1_000_000, rel=1e-3)
    next_day(desk)
    trade(desk, 300)
    assert len(alarms(desk)) == 2


@pytest.mark.parametrize("status", [FeeStatus.UNVERIFIED, FeeStatus.COMPILED])
def test_own_fills_beat_a_table_that_is_not_verified(status):
    desk = fee_desk(*(schedule(venue, status) for venue in FEES_PPM))
    trade(desk, 205)
    assert not alarms(desk)
    assert taker_ppm(desk) == 205
    assert desk.core.ledger.fees.tiers[("desk", "ven_c", SPOT)].source == "own fills"


def test_a_fee_in_the_coin_is_worth_its_price():
    desk = fee_desk()
    trade(desk, fee_nano=2_000, fee_currency="BTC")  # 200 ppm of 0.01 BTC
    audit = next(iter(desk.core.ledger.fees.audits.values()))
    assert (audit.newest.fee_ppm, audit.n_unconverted, alarms(desk)) == (200, 0, [])


def test_a_fee_in_a_third_currency_is_counted_and_not_compared():
    desk = fee_desk()
    trade(desk, fee_nano=10**15, fee_currency="XYZ")
    audit = next(iter(desk.core.ledger.fees.audits.values()))
    assert (audit.newest.n_fills, audit.n_unconverted, alarms(desk)) == (0, 1, [])


def test_a_fixed_cost_is_no_deviation():
    desk = fee_desk()
    trade(desk, fee_nano=120_000_000 + 5 * NANO, gas_nano=5 * NANO)  # 200 ppm of 600 USDT and 5 USDT
    assert not alarms(desk)


def test_the_log_alone_gives_the_same_fees():
    desk = fee_desk(token_schedule("ven_c"), schedule("ven_b", FeeStatus.UNVERIFIED))
    desk.turn(inp.SetBalance("desk", "ven_c", "TOK", 11 * NANO, "test"))
    for charged_ppm in (150, 170, 150):
        trade(desk, charged_ppm)
        next_day(desk, 3)
    assert fold(desk.facts) == desk.core.ledger
    assert alarms(desk)


def valued_desk(response_ppm: int):
    """A desk whose plan may value tiers; `ven_b` needs a little more than comes by itself."""
    desk = fee_desk()
    desk.core.world = replace(desk.core.world, tier_response_ppm=response_ppm)
    return desk


def trade_days(desk, n_days: int) -> None:
    """Days on which two venues are traded at, so that there is something to move."""
    for _ in range(n_days):
        next_day(desk)
        for venue in ("ven_b", "ven_c"):
            order = make_order(qty_units=400, venues=VenueFilter(include=(venue,)))
            _, (child,) = desk.accepted(order)
            listed = desk.core.ledger.fees.sets[("desk", venue, SPOT)].listed_taker_ppm
            fill_at(desk, child, listed)


@pytest.mark.parametrize(("response_ppm", "is_valued"), [(0, False), (1_000_000, True)])
def test_a_tier_is_worth_something_only_where_the_desk_has_asked_for_it(response_ppm, is_valued):
    desk = valued_desk(response_ppm)
    trade_days(desk, 12)
    values = [e.tier_value_ppm for e in tiers_set(desk)]
    assert any(values) is is_valued
    assert all(-30 <= value <= 0 for value in values)
    held = {v: desk.core.ledger.fees.tiers[("desk", v, SPOT)] for v in FEES_PPM}
    assert tier_values_ppm(held) == {v: t.tier_value_ppm for v, t in held.items() if t.tier_value_ppm}
    assert fold(desk.facts) == desk.core.ledger


def test_a_plan_needs_a_whole_day_of_the_account():
    desk = valued_desk(8_000)
    trade(desk)
    ctx = Context(desk.core.world, desk.core.ledger, desk.core.memory, desk.now_ns, inp.Turn())
    assert month_plan(ctx, "desk", SPOT) is None
    next_day(desk)
    later = Context(desk.core.world, desk.core.ledger, desk.core.memory, desk.now_ns, inp.Turn())
    plan = month_plan(later, "desk", SPOT)
    assert plan is not None
    assert {part.venue for part in plan.parts} == set(FEES_PPM)
