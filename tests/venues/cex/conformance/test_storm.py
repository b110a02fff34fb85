"""No order ends before all that it filled is told, at any venue, whatever its stream leaves out and REST does."""

from __future__ import annotations

import asyncio

import pytest

from app.domain.fills import ExecutionReport, ReportKind
from app.domain.statement import VenueState
from tests.venues.cex.conformance.desks import ASKS, BIDS, Desk, Place
from tests.venues.cex.conformance.storm import judge, storm
from tests.venues.cex.conformance.suite import PLACES
from tests.venues.cex.conformance.test_perpetuals import PLACES as PERPETUALS
from tests.venues.exchange.server import LocalExchange

ALL = (*PLACES.values(), *PERPETUALS)


async def stormed(place: Place, seed: int, n_rounds: int) -> None:
    with LocalExchange([place.venue], seed=seed) as server:
        desk = await Desk(server, place).open(has_feed=False)
        try:
            await desk.until(lambda: desk.venue.health().state is not VenueState.DOWN)
            wrong, ends = await storm(desk, seed, n_rounds)
        finally:
            await desk.close()
    assert not wrong, "\n".join(wrong[:5])
    assert ends["filled"] and ends["canceled"] + ends["expired"], ends


async def test_orders_at_bitget_end_whole() -> None:
    """At both of its markets at once, each at an exchange of its own."""
    places = [place for place in ALL if place.venue == "bitget"]
    assert {place.market for place in places} == {"BTCUSDT", "BTCUSDT.mix"}
    await asyncio.gather(*(stormed(place, 1, 12) for place in places))


@pytest.mark.soak
@pytest.mark.timeout(1_000)
@pytest.mark.parametrize("place", ALL, ids=lambda place: f"{place.venue}-{place.market}")
async def test_orders_at_every_venue_end_whole(place: Place) -> None:
    await stormed(place, 3, 100)


async def test_the_judge_finds_an_end_that_came_too_early() -> None:
    with LocalExchange(["bitget"]) as server:
        desk = await Desk(server, PLACES["bitget"]).open(has_feed=False)
        try:
            await desk.until(lambda: desk.venue.health().state is not VenueState.DOWN)
            desk.server.control.set_book("bitget", "BTCUSDT", BIDS, ASKS)
            child = await desk.sent("101.00", "1")
            await desk.ended(child)
            assert desk.filled_lots(child) == child.qty_lots
            assert judge(desk, child) == []
            end = ExecutionReport(ReportKind.CANCELED, "bitget", child.client_id, cum_qty_lots=0)
            desk.reports.insert(0, end)
            assert len(judge(desk, child)) == 1
            desk.reports[:] = [end]
            assert len(judge(desk, child)) == 3
        finally:
            await desk.close()
