"""Paper venues of one folder: all of the universe, one owner at a time, startable again."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.domain.errors import Unavailable
from app.domain.ports import VenuePort
from app.venues.clock import SystemClock
from app.venues.ledger import ledger_path
from app.venues.paper import make_exchanges, make_paper_venues
from app.venues.registry import load_universe


async def test_every_venue_of_the_universe_is_a_port_with_its_own_ledger(tmp_path: Path) -> None:
    universe, clock = load_universe(), SystemClock()
    venues = make_paper_venues(universe, clock, tmp_path, 7)
    assert set(venues) == set(universe.venues)
    for venue_id, venue in venues.items():
        port: VenuePort = venue
        assert port.venue_id == venue_id
        await port.start(lambda _: None, lambda _: None)
        assert ledger_path(tmp_path, venue_id).exists()
    for venue in venues.values():
        await venue.stop()
        await venue.stop()


async def test_a_folder_has_one_owner(tmp_path: Path) -> None:
    universe, clock = load_universe(), SystemClock()
    first = make_paper_venues(universe, clock, tmp_path, 7)["sim_alpha"]
    second = make_paper_venues(universe, clock, tmp_path, 7)["sim_alpha"]
    await first.start(lambda _: None, lambda _: None)
    with pytest.raises(Unavailable):
        await second.start(lambda _: None, lambda _: None)
    await first.stop()
    await second.start(lambda _: None, lambda _: None)
    await second.stop()


def test_exchanges_take_delays_and_fees_from_the_universe(tmp_path: Path) -> None:
    universe = load_universe()
    exchanges = make_exchanges(universe, SystemClock(), tmp_path, 7)
    foxtrot = exchanges["sim_foxtrot"].spec
    assert foxtrot.venue.latency_ns == 40_000_000
    assert foxtrot.listings["BTC/USDT"].fee.fixed_nano == 2_500_000_000
    assert all(exchange.spec.publish_ns >= 50_000_000 for exchange in exchanges.values())  # at most 20 books a second


@pytest.mark.parametrize(("family", "tells"), [("basic", True), ("queue_reactive", True)])
def test_each_market_tells_trades_of_its_own(tmp_path: Path, family: str, tells: bool) -> None:
    venues = make_paper_venues(load_universe(), SystemClock(), tmp_path, 7, family=family)
    assert {bool(venue.watch_trades(lambda _: None)) for venue in venues.values()} == {tells}
