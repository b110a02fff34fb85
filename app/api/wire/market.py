"""Symbols, venues and the one ladder of all books: the shapes of schemas/market.py."""

from __future__ import annotations

from typing import Any

from app.api.wire.text import mid_or_none, money, ms_text, time_text
from app.domain.instrument import Instrument, Symbol
from app.domain.statement import VenueState
from app.domain.units import decimal_text
from app.domain.universe import Universe
from app.domain.venue import Evidence
from app.services.ladder import Ladder, LadderLevel
from app.services.reads import VenueView

Json = dict[str, Any]
# Digits that an all-in price has: a fee in ppm moves a price by parts far below its tick.
ALL_IN_SCALE = 12


def symbol_json(symbol: Symbol, universe: Universe) -> Json:
    """A symbol with each venue's own rules."""
    fungible = symbol.fungible
    return {
        "symbol": symbol.name,
        "base": fungible.base,
        "quote": fungible.quote,
        "settle": fungible.settle,
        "kind": fungible.kind.value,
        "expiry": fungible.expiry or None,
        "multiplier": money(fungible.multiplier_nano),
        "price_scale": symbol.price_scale,
        "qty_scale": symbol.qty_scale,
        "qty_currency": symbol.qty_currency,
        "listings": [_listing(i, symbol) for _, i in sorted(universe.listings(symbol.name).items())],
    }


def _listing(listing: Instrument, symbol: Symbol) -> Json:
    scale = symbol.qty_scale
    return {
        "venue": listing.venue,
        "venue_symbol": listing.venue_symbol,
        "tick": decimal_text(listing.tick_units, symbol.price_scale),
        "lot": decimal_text(listing.lot_units, scale),
        "min_qty": decimal_text(listing.min_qty_lots * listing.lot_units, scale),
        "max_qty": decimal_text(listing.max_qty_lots * listing.lot_units, scale),
        "min_notional": money(listing.min_notional_nano),
    }


def venue_json(state: VenueView) -> Json:
    """A venue as it stands now."""
    venue, health = state.venue, state.health
    return {
        "venue": venue.venue_id,
        "title": venue.title,
        "mode": venue.mode.value,
        "kind": venue.kind.value,
        "is_simulated": venue.is_simulated,
        "is_enabled": state.is_enabled,
        "is_killed": state.is_killed,
        "is_reachable": health.state is VenueState.UP,
        "state": health.state.value,
        "state_reason": health.reason,
        "state_since": time_text(health.since_ts_ns) if health.since_ts_ns else None,
        "clock_offset_ms": decimal_text(health.clock_offset_ns // 1_000, 3),
        "budget_left": decimal_text(health.budget_left_ppm, 6),
        "evidence": _evidence(venue.evidence),
        "latency_ms": ms_text(venue.latency_ns),
        "max_book_age_ms": ms_text(venue.max_book_age_ns),
        "request_deadline_ms": ms_text(venue.request_deadline_ns),
        "has_native_fok": venue.has_native_fok,
        "symbols": list(state.symbols),
        "book_age_ms": {symbol: ms_text(age_ns) for symbol, age_ns in state.book_age_ns.items()},
        "n_live_children": state.n_live_children,
    }


def _evidence(evidence: Evidence | None) -> Json | None:
    if evidence is None:
        return None
    return {
        "level": evidence.level.value,
        "date": evidence.date or None,
        "capture_year": evidence.capture_year or None,
    }


def book_json(ladder: Ladder, *, is_all_in: bool) -> Json:
    """All valid venues' levels, best first."""
    symbol = ladder.symbol
    return {
        "symbol": symbol.name,
        "price": "all_in" if is_all_in else "raw",
        "at": time_text(ladder.now_ns),
        "mid": mid_or_none(ladder.mid_half_units, symbol.price_scale),
        "bids": [_level(level, symbol, is_all_in=is_all_in) for level in ladder.bids],
        "asks": [_level(level, symbol, is_all_in=is_all_in) for level in ladder.asks],
        "venues": {
            use.venue: {
                "book_seq": use.book_seq,
                "age_ms": ms_text(ladder.now_ns - use.received_ts_ns),
                "received_at": time_text(use.received_ts_ns),
            }
            for use in ladder.used
        },
        "excluded": {venue: code.value for venue, code in ladder.excluded.items()},
    }


def _level(level: LadderLevel, symbol: Symbol, *, is_all_in: bool) -> Json:
    if is_all_in:
        price = decimal_text(level.all_in_e12, ALL_IN_SCALE)
    else:
        price = decimal_text(level.price_units, symbol.price_scale)
    return {"price": price, "qty": decimal_text(level.qty_units, symbol.qty_scale), "venue": level.venue}
