"""Every venue that stops.toml calls served holds stops as the checks say, at an exchange that speaks its protocol."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from app.domain.fills import ReportKind
from app.venues.cex.profile_table import profiles
from app.venues.stop_offers import served_offers
from tests.venues.cex.conformance import stops
from tests.venues.cex.conformance.desks import Desk
from tests.venues.cex.conformance.stop_suite import CHECKS, PLACES, RESULTS, results
from tests.venues.cex.conformance.suite import assert_passed, desks_at, errors_of
from tests.venues.exchange.server import LocalExchange


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def desks() -> AsyncIterator[dict[str, Desk]]:
    async with desks_at(PLACES) as found:
        yield found
        assert not any(desk.server.control.ledger("malformed") for desk in found.values())


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("check", CHECKS)
async def test_stops(desks: dict[str, Desk], check: str) -> None:
    assert_passed(await errors_of(desks, CHECKS[check]))


async def test_a_stop_that_could_not_be_asked_for_first_is_not_sent_and_unknown() -> None:
    """Where nothing keeps our ids apart, a stop that the venue may have already is not sent a second time."""
    place = PLACES["deribit"]
    with LocalExchange([place.venue]) as server:
        await stopped_before_it_left(await Desk(server, place).open(has_feed=False))
        assert not server.control.imbalance()


async def stopped_before_it_left(desk: Desk) -> None:
    try:
        await desk.until(lambda: desk.venue.health().state.name == "UP")
        stops.calm(desk)
        desk.switch("error_before", route="query", times=1)
        child = await desk.send(stops.stop(desk))
        assert [(report.kind, report.code) for report in desk.of(child)] == [(ReportKind.UNKNOWN, "not_sent")]
        assert [report.kind for report in await desk.asked(child)] == [ReportKind.NOT_FOUND]
        assert desk.theirs(child) == []
    finally:
        await desk.close()


def test_every_exchange_that_is_served_is_tried_and_the_committed_results_are_these() -> None:
    assert {venue for venue in served_offers() if venue in profiles()} == PLACES.keys()
    assert json.loads(RESULTS.read_text(encoding="utf-8")) == results()
