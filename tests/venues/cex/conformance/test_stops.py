"""Every venue that stops.toml calls served holds stops as the checks say, at an exchange that speaks its protocol."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from app.venues.cex.profile_table import profiles
from app.venues.stop_offers import served_offers
from tests.venues.cex.conformance.desks import Desk
from tests.venues.cex.conformance.stop_suite import CHECKS, PLACES, RESULTS, results
from tests.venues.exchange.server import LocalExchange


@pytest.fixture(scope="module")
def server() -> Iterator[LocalExchange]:
    with LocalExchange(sorted({place.venue for place in PLACES.values()})) as running:
        yield running
        assert not running.control.imbalance()
        assert not running.control.ledger("malformed")


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=PLACES)
async def shared_desk(request: pytest.FixtureRequest, server: LocalExchange) -> AsyncIterator[Desk]:
    desk = await Desk(server, PLACES[request.param]).open()
    yield desk
    await desk.close()


@pytest_asyncio.fixture(loop_scope="module")
async def desk(shared_desk: Desk) -> Desk:
    await shared_desk.settle()
    shared_desk.reports.clear()
    return shared_desk


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("check", CHECKS)
async def test_stops(desk: Desk, check: str) -> None:
    await CHECKS[check](desk)


def test_every_exchange_that_is_served_is_tried_and_the_committed_results_are_these() -> None:
    assert {venue for venue in served_offers() if venue in profiles()} == PLACES.keys()
    assert json.loads(RESULTS.read_text(encoding="utf-8")) == results()
