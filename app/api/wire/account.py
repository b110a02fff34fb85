"""Balances, limits, refusals, keys and switches: the shapes of schemas/account.py."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from app.api.wire.text import bps_of_ppm, money, time_or_none, time_text
from app.domain.enums import REFUSALS, BreakKind
from app.domain.events import Fact, KeyCreated, KillSwitchSet, OrderRefused, RefusalsAggregated
from app.domain.instrument import Symbol
from app.domain.limits import Limits
from app.domain.records import BreakRecord
from app.domain.units import decimal_text
from app.services.admin import KillOutcome
from app.services.reads import Used

Json = dict[str, Any]


def limits_json(limits: Limits) -> Json:
    """An account's limits as decimals."""
    return {
        "version": limits.version,
        "max_order_notional": money(limits.max_order_notional_nano),
        "max_order_qty": money(limits.max_order_qty_nano),
        "max_open_orders": limits.max_open_orders,
        "max_open_notional": money(limits.max_open_notional_nano),
        "max_position": money(limits.max_position_nano),
        "venue_credit": money(limits.venue_credit_nano),
        "price_collar_bps": bps_of_ppm(limits.price_collar_ppm),
        "max_slippage_bps": bps_of_ppm(limits.max_slippage_ppm),
        "default_slippage_bps": bps_of_ppm(limits.default_slippage_ppm),
        "duplicate_window_ms": limits.duplicate_window_ns // 1_000_000,
        "message_rate_per_s": limits.message_rate_per_s,
        "message_burst": limits.message_burst,
        "allowed_symbols": list(limits.allowed_symbols),
    }


def balance_json(venue: str, currency: str, amount_nano: int) -> Json:
    return {"venue": venue, "currency": currency, "amount": money(amount_nano)}


def position_json(venue: str, symbol: Symbol, qty_units: int) -> Json:
    return {"venue": venue, "symbol": symbol.name, "qty": decimal_text(qty_units, symbol.qty_scale)}


def break_json(record: BreakRecord, now_ns: int) -> Json:
    """An open break as it stands at `now_ns`."""
    found = record.found
    return {
        "account": found.account,
        "venue": found.venue,
        "what": found.what.value,
        "item": found.item,
        "ours": money(found.ours_nano),
        "theirs": money(found.theirs_nano),
        "difference": money(found.theirs_nano - found.ours_nano),
        "explained": money(found.explained_nano),
        "tolerance": money(found.tolerance_nano),
        "is_blocking": found.what is not BreakKind.PROJECTION,
        "opened_at": time_text(record.opened_ts_ns),
        "age_s": decimal_text(max(0, now_ns - record.opened_ts_ns) // 1_000_000, 3),
        "statement_at": time_or_none(found.statement_ts_ns),
        "detail": found.detail,
    }


def usage_json(used: Used) -> Json:
    """One limit and the room left."""
    return {
        "code": used.code.value,
        "limit": decimal_text(used.limit, used.scale),
        "used": decimal_text(used.used, used.scale),
        "headroom": decimal_text(used.limit - used.used, used.scale),
        "unit": used.unit,
        "detail": used.detail,
    }


def refusal_json(fact: Fact) -> Json:
    """One refusal, or how many more of a code there were in one second."""
    event = fact.event
    row: Json = {
        "refusal_id": None,
        "seq": fact.account_seq,
        "at": time_text(fact.ts_ns),
        "code": "",
        "check": "",
        "client_order_id": None,
        "symbol": None,
        "limit": "",
        "actual": "",
        "unit": "",
        "limits_version": None,
        "n_refused": 1,
        "from_at": None,
        "to_at": None,
    }
    if isinstance(event, OrderRefused):
        row |= {
            "refusal_id": event.refusal_id,
            "code": event.code.value,
            "client_order_id": event.client_order_id,
            "symbol": event.symbol,
            "limit": event.limit,
            "actual": event.value,
            "unit": event.unit,
            "limits_version": event.limits_version,
        }
    elif isinstance(event, RefusalsAggregated):
        row |= {
            "code": event.code.value,
            "n_refused": event.n_refused,
            "from_at": time_text(event.from_ts_ns),
            "to_at": time_text(event.to_ts_ns),
        }
    row["check"] = REFUSALS[event.code][0] if isinstance(event, OrderRefused | RefusalsAggregated) else ""
    return row


def key_json(key: KeyCreated) -> Json:
    """A key without its secret."""
    return {
        "prefix": key.prefix,
        "account": key.account,
        "scopes": [scope.value for scope in key.scopes],
        "mode": key.mode.value,
    }


def kill_json(kill: KillSwitchSet) -> Json:
    return {
        "scope": kill.scope.value,
        "target": kill.target or None,
        "action": kill.action.value,
        "reason": kill.reason,
        "actor": kill.actor,
    }


def kill_report_json(outcome: KillOutcome, symbols: Mapping[str, Symbol]) -> Json:
    """What the kill switch did, and what no venue has confirmed yet."""
    rows = []
    for item in outcome.unconfirmed:
        child = item.record.child
        rows.append(
            {
                "venue": child.venue,
                "account": child.account,
                "order_id": child.order_id,
                "child_id": child.child_id,
                "client_id": child.client_id,
                "status": item.record.status.value,
                "leaves_qty": decimal_text(item.record.leaves_qty_units, symbols[child.symbol].qty_scale),
                "is_open_at_venue": item.is_open_at_venue,
            }
        )
    return kill_json(outcome.kill) | {
        "n_orders_hit": outcome.n_orders_hit,
        "n_orders_done": outcome.n_orders_done,
        "n_unconfirmed": len(rows),
        "unconfirmed": rows,
        "venue_only": [{"venue": venue, "client_id": client_id} for venue, client_id in outcome.venue_only],
        "unreachable_venues": list(outcome.unreachable_venues),
    }
