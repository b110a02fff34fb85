"""Symbols, venues, fees and ladders as decimals."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from app.api.schemas import market as schema
from app.api.wire.market import book_json, symbol_json, venue_json
from app.domain.enums import ExclusionCode
from app.domain.statement import VenueHealth, VenueState
from app.domain.venue import Evidence, EvidenceLevel
from app.services.ladder import BookUsed, Ladder, LadderLevel
from app.services.reads import VenueView
from tests.worlds import BTC_USDT, T0_NS, make_universe

UNIVERSE = make_universe()


def test_a_symbol_with_its_listings():
    info = schema.SymbolInfo.model_validate(symbol_json(BTC_USDT, UNIVERSE))
    assert [listing.venue for listing in info.listings] == ["ven_a", "ven_b", "ven_c"]
    assert info.listings[2].tick == Decimal("0.5")
    assert info.expiry is None


def test_a_ladder_at_both_prices():
    level = LadderLevel("ven_a", 6_000_001, 60_060_010_010_000_000, 5)
    ladder = Ladder(
        BTC_USDT,
        T0_NS,
        12_000_001,
        [],
        [level],
        [BookUsed("ven_a", 3, T0_NS - 1_500_000)],
        {"x": ExclusionCode.NO_BOOK},
    )
    raw = schema.Book.model_validate(book_json(ladder, is_all_in=False))
    all_in = schema.Book.model_validate(book_json(ladder, is_all_in=True))
    assert (raw.asks[0].price, all_in.asks[0].price) == (Decimal("60000.01"), Decimal("60060.01001"))
    assert raw.mid == Decimal("60000.005")
    assert raw.venues["ven_a"].age_ms == Decimal("1.5")
    assert raw.excluded == {"x": "no_book"}


def test_a_venue_as_it_is():
    venue = UNIVERSE.venues["ven_a"]
    health = VenueHealth("ven_a", VenueState.UP)
    state = VenueView(venue, True, False, health, ["BTC/USDT"], {"BTC/USDT": 2_000_000}, 3)
    body = schema.VenueInfo.model_validate(venue_json(state))
    assert (body.book_age_ms["BTC/USDT"], body.n_live_children, body.is_simulated) == (2, 3, True)
    assert (body.is_reachable, body.state_since, body.budget_left, body.evidence) == (True, None, 1, None)


def test_a_venue_that_is_down_says_why_since_when_and_what_proves_its_adapter():
    venue = replace(UNIVERSE.venues["ven_a"], evidence=Evidence(EvidenceLevel.L0, "2026-11-26", "2021"))
    health = VenueHealth("ven_a", VenueState.DOWN, "no route", T0_NS, -1_500_000, 250_000)
    body = schema.VenueInfo.model_validate(venue_json(VenueView(venue, True, False, health, [], {}, 0)))
    assert (body.is_reachable, body.state, body.state_reason) == (False, "down", "no route")
    assert (body.clock_offset_ms, body.budget_left) == (Decimal("-1.5"), Decimal("0.25"))
    assert body.evidence is not None
    assert (body.evidence.level, body.evidence.date, body.evidence.capture_year) == ("L0", "2026-11-26", "2021")
    assert body.state_since is not None
