"""Where children rest: simulated venues, and real ones only where it is allowed and has been shown."""

from __future__ import annotations

from typing import Literal

import pytest

from app.bootstrap import make_posting, places_of
from app.settings import RoutingSettings, Settings, SimulatedMarkets
from app.venues.cex.profile_table import profiles
from app.venues.places import live_places, simulated_places
from app.venues.registry import load_universe
from tests.venues.cex.markets import universe_of

REAL = frozenset(profiles())
TEN = {"binance", "okx", "bybit", "kraken", "bitget", "coinbase", "deribit", "kucoin", "gate", "htx"}


def test_real_venues_take_them_only_where_post_only_was_shown() -> None:
    assert live_places(REAL, may_rest=True).rest == TEN
    assert live_places(REAL, may_rest=True).shows_own == TEN
    nowhere = live_places(REAL, may_rest=False)
    assert nowhere.rest == nowhere.shows_own == nowhere.icebergs == frozenset()
    assert nowhere.moved_by_cancels == REAL


def test_families_hide_nothing_and_the_basic_market_is_moved_by_trades_alone() -> None:
    venues = frozenset({"a", "b"})
    basic, family = simulated_places(venues, "basic"), simulated_places(venues, "queue_reactive")
    assert (basic.rest, basic.icebergs, basic.moved_by_cancels) == (venues, venues, frozenset())
    assert (family.rest, family.icebergs, family.moved_by_cancels) == (venues, frozenset(), venues)


@pytest.mark.parametrize("is_on", [True, False])
def test_the_setting_is_the_default_and_an_order_may_say_otherwise(is_on: bool) -> None:
    universe = load_universe()
    settings = Settings(routing=RoutingSettings(posting=is_on), simulated=SimulatedMarkets(family="queue_reactive"))
    posting = make_posting(settings, universe)
    assert posting is not None
    assert (posting.of(None) is not None) is is_on
    assert posting.venues == frozenset(universe.venues)


@pytest.mark.parametrize(
    ("mode", "is_allowed", "rests"), [("paper", True, False), ("live", False, False), ("live", True, True)]
)
def test_real_venues_need_live_mode_and_the_setting(
    mode: Literal["paper", "live"], is_allowed: bool, rests: bool
) -> None:
    settings = Settings(market="live", mode=mode, routing=RoutingSettings(posting=True, posting_live=is_allowed))
    universe = universe_of("binance", {"BTC/USDT": ("0.01", "0.00001")})
    assert places_of(settings, universe).rest == (frozenset({"binance"}) if rests else frozenset())
    assert (make_posting(settings, universe) is not None) is rests
