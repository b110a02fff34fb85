"""What an account pays is read off the engine: its own tiers, and the first tiers for nobody."""

from __future__ import annotations

from types import SimpleNamespace

from app.domain.enums import FeeStatus, Liquidity
from app.services.fees import FeeView, fee_views
from tests.execution.fee_desk import fee_desk, next_day, schedule, trade
from tests.worlds import FEES_PPM, make_desk


def views(desk, account="desk") -> dict[str, FeeView]:
    """`fee_views` over a desk: all it needs of an engine."""
    engine = SimpleNamespace(ledger=desk.core.ledger, universe=desk.core.world.universe, now_ns=lambda: desk.now_ns)
    return {view.tier.venue: view for view in fee_views(engine, account)}


def view_of(desk, venue) -> FeeView:
    return views(desk)[venue]


def test_the_distance_is_measured_on_what_tomorrow_will_see():
    desk = fee_desk()
    for _ in range(10):
        trade(desk)
    view = view_of(desk, "ven_c")
    assert view.judged_nano == 0
    assert view.pending_nano > 0
    assert view.next_tier is not None
    assert view.next_tier.distance_nano == view.next_tier.rule.volume_nano - view.pending_nano
    next_day(desk)
    assert view_of(desk, "ven_c").judged_nano == view.pending_nano


def test_another_account_stands_in_the_first_tier():
    desk = fee_desk()
    for _ in range(20):
        trade(desk)
    next_day(desk)
    assert views(desk)["ven_c"].tier.tier == "top"
    assert {v.tier.taker_fee_ppm for v in views(desk, "").values()} == set(FEES_PPM.values())


def test_an_alarm_stays_in_sight():
    desk = fee_desk(*(schedule(venue, FeeStatus.UNVERIFIED) for venue in FEES_PPM))
    trade(desk, 300)
    (charged,) = view_of(desk, "ven_c").audits
    assert charged.liquidity is Liquidity.TAKER
    assert charged.alarm is not None and charged.alarm.observed_fee_ppm == 300


def test_without_schedules_the_venues_own_fees_are_shown():
    view = views(make_desk())["ven_a"]
    assert (view.schedule, view.next_tier, view.listed_taker_ppm) == (None, None, FEES_PPM["ven_a"])
