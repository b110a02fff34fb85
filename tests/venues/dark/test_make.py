"""What stands behind each venue of simulated_unlit.toml."""

from __future__ import annotations

from app.domain.venue import VenueKind
from app.venues.dark.cross import DarkCross
from app.venues.dark.dealer import Dealer
from app.venues.dark.make import unlit_market
from app.venues.exchange_spec import AnsweringMarket, RestingMarket
from app.venues.registry import UNLIT, load_universe, read_table
from app.venues.simulated_market import SimulatedMarket, load_market_spec
from tests.worlds import T0_NS


def test_every_unlit_venue_has_a_market_around_the_lit_mids() -> None:
    universe = load_universe(unlit=UNLIT)
    lit = SimulatedMarket(load_market_spec(universe), 7, T0_NS)
    for row in read_table(UNLIT)["venues"]:
        venue = universe.venues[row["venue_id"]]
        assert not venue.is_lit
        assert venue.is_simulated
        market = unlit_market(universe, row, lit, 7)
        # Else an exchange would look for levels, and these show none.
        assert isinstance(market, AnsweringMarket)
        assert not isinstance(market, RestingMarket)
        if venue.kind is VenueKind.DARK:
            assert isinstance(market, DarkCross)
            assert set(market.laws) == set(market.listings) == set(universe.symbols)
        else:
            assert isinstance(market, Dealer)
            assert set(market.laws) == set(market.listings) == set(universe.symbols)
        for venues in market.lit_venues.values():
            assert sorted(venues) == sorted(load_universe().venues)


def test_without_the_second_file_there_is_none() -> None:
    assert all(venue.is_lit for venue in load_universe().venues.values())
