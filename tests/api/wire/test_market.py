"""Symbols, venues, fees and ladders as decimals."""

from __future__ import annotations

from decimal import Decimal

from app.api.schemas import market as schema
from app.api.wire.market import book_json, symbol_json, venue_json
from app.domain.enums import ExclusionCode
from app.services.ladder import BookUsed, Ladder, LadderLevel
from app.services.reads import VenueState
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
    state = VenueState(venue, True, False, True, ["BTC/USDT"], {"BTC/USDT": 2_000_000}, 3)
    body = schema.VenueInfo.model_validate(venue_json(state))
    assert (body.book_age_ms["BTC/USDT"], body.n_live_children, body.is_simulated) == (2, 3, True)
