"""Fees on the wire: tier, distance, token, audit and alarm, each with its number's source."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from app.api.schemas.fees import FeeInfo, FeeTable
from app.api.wire.fees import fee_json, table_json
from app.domain.enums import FeeStatus, MarketKind
from app.domain.fees import FeeTier
from app.domain.units import NANO
from app.execution import inputs as inp
from app.services.fees import FeeView
from app.venues.fee_tables import reference_schedules
from tests.execution.fee_desk import fee_desk, holding_schedule, schedule, token_schedule, trade
from tests.services.test_fees import view_of


def test_a_tier_its_next_and_what_fills_were_charged_are_told():
    desk = fee_desk()
    trade(desk, 300)
    info = FeeInfo.model_validate(fee_json(view_of(desk, "ven_c")))
    assert (info.tier, info.taker_bps, info.listed_taker_bps, info.source) == ("base", 3, 2, "own fills")
    assert info.next_tier is not None and info.next_tier.distance is not None
    assert 9_000 < info.next_tier.distance < 10_000
    (audit,) = info.audit
    assert (audit.n_fills, audit.observed_bps, audit.listed_bps) == (1, 3, 2)
    assert audit.deviation_bps == audit.alarm_bps
    assert audit.alarm_bps is not None and abs(audit.alarm_bps - 1) < Decimal("0.001")


def test_a_token_is_told_with_its_balance():
    desk = fee_desk(token_schedule("ven_c"))
    desk.turn(inp.SetBalance("desk", "ven_c", "TOK", 9 * NANO, "test"))
    token = FeeInfo.model_validate(fee_json(view_of(desk, "ven_c"))).fee_token
    assert token is not None
    assert (token.asset, token.balance, token.cover, token.discount_percent) == ("TOK", 9, 10, 25)
    assert not token.is_counted


def test_holdings_that_are_missing_are_told_with_what_is_held():
    desk = fee_desk(holding_schedule("ven_c"))
    desk.turn(inp.SetBalance("desk", "ven_c", "BNB", 3 * NANO, "test"))
    upper = FeeInfo.model_validate(fee_json(view_of(desk, "ven_c"))).next_tier
    assert upper is not None
    assert [(h.asset, h.at_least, h.held) for h in upper.missing] == [("BNB", 25, 3)]


def test_a_distance_in_another_currency_is_null():
    desk = fee_desk(replace(schedule("ven_c"), volume_currency="BTC"))
    upper = FeeInfo.model_validate(fee_json(view_of(desk, "ven_c"))).next_tier
    assert upper is not None and upper.distance is None


def test_a_venue_without_a_schedule_has_no_status_and_no_next_tier():
    tier = FeeTier("v", "base", 1_000, 500, 0, "test", "2026-01-31")
    info = fee_json(FeeView(MarketKind.SPOT, tier, None, 1_000, 500, 0, 0, None, {}, False, ()))
    assert (info["status"], info["next_tier"], info["fee_token"]) == (None, None, None)


def test_every_published_table_has_its_shape():
    for table in reference_schedules().values():
        told = FeeTable.model_validate(table_json(table))
        assert len(told.tiers) == len(table.tiers)
        assert told.status in set(FeeStatus)
