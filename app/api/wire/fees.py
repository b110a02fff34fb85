"""Fees as JSON-ready values: the shapes of schemas/fees.py."""

from __future__ import annotations

from typing import Any

from app.api.wire.text import bps_of_ppm, money
from app.domain.fees import FeeSchedule, Holding
from app.domain.units import decimal_text
from app.services.fees import Charged, FeeView

Json = dict[str, Any]
_UBPS_SCALE = 6


def fee_json(view: FeeView) -> Json:
    """One venue's fees for an account, with source, date and what its fills say."""
    tier, schedule, upper = view.tier, view.schedule, view.next_tier
    return {
        "venue": tier.venue,
        "market": view.market.value,
        "tier": tier.tier,
        "taker_bps": bps_of_ppm(tier.taker_fee_ppm),
        "maker_bps": bps_of_ppm(tier.maker_fee_ppm),
        "listed_taker_bps": bps_of_ppm(view.listed_taker_ppm),
        "listed_maker_bps": bps_of_ppm(view.listed_maker_ppm),
        "fixed": money(tier.fixed_nano),
        "source": tier.source,
        "as_of": tier.as_of,
        "status": schedule.status.value if schedule is not None else None,
        "volume_30d": money(view.judged_nano),
        "volume_pending": money(view.pending_nano),
        "volume_currency": (schedule.volume_currency or None) if schedule is not None else None,
        "next_tier_volume": money(upper.rule.volume_nano) if upper is not None else None,
        "next_tier": _next_tier(view),
        "fee_token": _token(view),
        "tier_value_bps": bps_of_ppm(tier.tier_value_ppm),
        "audit": [_audit(charged) for charged in view.audits],
    }


def _next_tier(view: FeeView) -> Json | None:
    upper = view.next_tier
    if upper is None:
        return None
    return {
        "tier": upper.rule.tier,
        "taker_bps": bps_of_ppm(upper.rule.taker_fee_ppm),
        "maker_bps": bps_of_ppm(upper.rule.maker_fee_ppm),
        "volume": money(upper.rule.volume_nano),
        "distance": money(upper.distance_nano) if upper.distance_nano >= 0 else None,
        "missing": [_holding(holding, view) for holding in upper.missing],
    }


def _holding(holding: Holding, view: FeeView) -> Json:
    held = view.held_nano.get(holding.asset, 0)
    return {"asset": holding.asset, "at_least": money(holding.at_least_nano), "held": money(held)}


def _token(view: FeeView) -> Json | None:
    token = view.schedule.token if view.schedule is not None else None
    if token is None:
        return None
    return {
        "asset": token.asset,
        "discount_percent": decimal_text(token.discount_ppm, 4),
        "balance": money(view.held_nano.get(token.asset, 0)),
        "cover": money(token.cover_nano),
        "is_counted": view.is_discounted,
    }


def _audit(charged: Charged) -> Json:
    newest, whole, alarm = charged.newest, charged.whole, charged.alarm
    return {
        "liquidity": charged.liquidity.value,
        "listed_bps": bps_of_ppm(whole.listed_fee_ppm),
        "observed_bps": bps_of_ppm(newest.fee_ppm) if newest.n_fills else None,
        "deviation_bps": decimal_text(whole.deviation_ubps, _UBPS_SCALE),
        "n_fills": whole.n_fills,
        "n_unconverted": charged.n_unconverted,
        "alarm_bps": decimal_text(alarm.deviation_ubps, _UBPS_SCALE) if alarm is not None else None,
    }


def table_json(schedule: FeeSchedule) -> Json:
    """A published schedule, row by row."""
    return {
        "venue": schedule.venue,
        "market": schedule.market.value,
        "source": schedule.source,
        "as_of": schedule.as_of,
        "status": schedule.status.value,
        "address": schedule.address or None,
        "volume_currency": schedule.volume_currency or None,
        "window_days": schedule.window_days,
        "tiers": [
            {
                "tier": rule.tier,
                "volume": money(rule.volume_nano),
                "taker_bps": bps_of_ppm(rule.taker_fee_ppm),
                "maker_bps": bps_of_ppm(rule.maker_fee_ppm),
                "holdings": {h.asset: money(h.at_least_nano) for h in rule.holdings},
            }
            for rule in schedule.tiers
        ],
    }
